"""Which processes of the service live, as they say themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

BEAT_EVERY_S: Final = 5
ALIVE_WITHIN_S: Final = 15
"""Who was not heard of for longer is lost: three beats are missing."""
LOST_SHOWN_FOR: Final = timedelta(hours=1)
"""Then a lost process is forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleProcess:
    """One process in one role: "web", "worker", "relay", "scheduler"."""

    id: UUID
    role: str
    host: str
    pid: int
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A process, and how long ago it was heard of, by the store's clock."""

    process: RoleProcess
    seen_ago_s: float

    @property
    def is_alive(self) -> bool:
        """Whether it was heard of lately."""
        return self.seen_ago_s <= ALIVE_WITHIN_S


class Heartbeats(Protocol):
    """Each method is a transaction of its own. Raises StoreUnavailable."""

    def beat(self, process: RoleProcess) -> None:
        """Say that it lives; to be called every BEAT_EVERY_S."""
        ...

    def leave(self, process: RoleProcess) -> None:
        """Say that it ends in good order: it is not lost, it is gone."""
        ...

    def sightings(self) -> Sequence[Sighting]:
        """Those that live or are lost, by role and start."""
        ...

    def forget(self, unseen_for: timedelta) -> int:
        """Remove those that were not heard of for so long; how many."""
        ...
