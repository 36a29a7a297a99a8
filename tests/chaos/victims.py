"""Who is killed: each kind of process, found among those that run."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

Pids = Mapping[str, int]
"""The stack's own children by name: "web", "worker", "worker-2", …"""


def children_of(pid: int) -> list[int]:
    """Live child processes."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(each) for each in text.split()]


def _named(role: str) -> Callable[[Pids], list[int]]:
    """Those that are called so, or so with a number."""
    return lambda pids: [pid for name, pid in pids.items() if name.rstrip("-0123456789") == role]


def _below(role: str) -> Callable[[Pids], list[int]]:
    return lambda pids: [child for pid in _named(role)(pids) for child in children_of(pid)]


VICTIMS: Final[Mapping[str, Callable[[Pids], list[int]]]] = {
    "web server": _named("web"),
    "web worker": _below("web"),
    "worker": _named("worker"),
    "relay": _named("relay"),
    "scheduler": _named("scheduler"),
    "payment gateway": _named("sandbox-gateway"),
    "Redis": _named("redis"),
    "PostgreSQL": _named("postgres"),
    "PostgreSQL backend": _below("postgres"),
}
"""A killed backend makes PostgreSQL end all others and recover from its log, as a killed server does."""


class Killer:
    """Strikes kinds in a shuffled order, so that each has its turn."""

    def __init__(
        self, dice: random.Random, pids: Callable[[], Pids], kinds: Sequence[str] = tuple(VICTIMS)
    ) -> None:
        self._dice, self._pids, self._kinds = dice, pids, kinds
        self._bag: list[str] = []
        self.kills: Counter[str] = Counter()

    def strike(self) -> None:
        """SIGKILL one process; nothing happens if the kind whose turn it is has none that lives."""
        if not self._bag:
            self._bag = list(self._kinds)
            self._dice.shuffle(self._bag)
        kind = self._bag.pop()
        found = VICTIMS[kind](self._pids())
        if found and kill(self._dice.choice(found)):
            self.kills[kind] += 1


def kill(pid: int) -> bool:
    """SIGKILL it; whether it was there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
