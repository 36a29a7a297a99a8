"""Which partition holds which time: what a process remembers of the catalogue."""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from typing import Final, NamedTuple

from adapters.django_orm.tenant_session import TenantSession
from domain.telemetry.reading import microseconds

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)


class Leaf(NamedTuple):
    """A partition; times in microseconds, the end is not in it."""

    starts: int
    ends: int
    name: str


class LeafDirectory:
    """Shared by the threads of a process.

    What it says may be out of date: a partition that was made since is not known, which costs a look; one that was
    dropped since is refused by the database, and `forget` must follow.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leaves: tuple[Leaf, ...] = ()

    def forget(self) -> None:
        """Ask the catalogue again."""
        with self._lock:
            self._leaves = ()

    def between(self, session: TenantSession, first: int, last: int) -> tuple[Leaf, ...]:
        """The partitions from that time to that one, in order; times between may have none."""
        leaves = self._known()
        if _at(leaves, first) is None or _at(leaves, last) is None:
            leaves = self._look(session)
        return tuple(leaf for leaf in leaves if leaf.ends > first and leaf.starts <= last)

    def _known(self) -> tuple[Leaf, ...]:
        with self._lock:
            return self._leaves

    def _look(self, session: TenantSession) -> tuple[Leaf, ...]:
        rows = session.query("SELECT starts_at, ends_at, name FROM reading_partitions()")
        leaves = tuple(
            Leaf(microseconds(starts), microseconds(ends), name)
            for starts, ends, name in rows
            if _NAME.fullmatch(name)
        )
        with self._lock:
            self._leaves = leaves
        return leaves


def _at(leaves: tuple[Leaf, ...], time: int) -> Leaf | None:
    place = bisect_right(leaves, time, key=lambda leaf: leaf.starts) - 1
    return leaves[place] if place >= 0 and leaves[place].ends > time else None
