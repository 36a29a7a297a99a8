"""Exclusive locks by name, first come, first served, with bounded waits."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Hashable, Iterable
from typing import Final

from application.ports.unit_of_work import TransactionConflict

LOCK_WAIT_S_MAX: Final = 5.0


class LockTable:
    """Who holds which name, and who waits for it.

    The table's own mutex is held for single steps, never while somebody waits or works. A wait ends after
    `wait_s_max` seconds, and at once when it would close a circle of waiting owners.
    """

    def __init__(self, wait_s_max: float = LOCK_WAIT_S_MAX) -> None:
        self._wait_s_max = wait_s_max
        self._changed = threading.Condition()
        self._queues: dict[Hashable, deque[object]] = {}
        """By name: its holder, then those who wait."""
        self._waits: dict[object, Hashable] = {}

    def acquire(self, owner: object, name: Hashable) -> None:
        """Hold the name until it is released; holding it already is fine. Raises TransactionConflict."""
        with self._changed:
            queue = self._queues.setdefault(name, deque())
            if queue and queue[0] is owner:
                return
            queue.append(owner)
            if queue[0] is owner:
                return
            self._waits[owner] = name
            try:
                if self._closes_a_circle(owner) or not self._changed.wait_for(
                    lambda: queue[0] is owner, self._wait_s_max
                ):
                    queue.remove(owner)
                    raise TransactionConflict()
            finally:
                del self._waits[owner]

    def try_acquire(self, owner: object, name: Hashable) -> bool:
        """Hold the name if that needs no wait."""
        with self._changed:
            queue = self._queues.setdefault(name, deque())
            if not queue:
                queue.append(owner)
            return queue[0] is owner

    def release(self, owner: object, names: Iterable[Hashable]) -> None:
        """Let the next in each line go on."""
        with self._changed:
            for name in names:
                queue = self._queues[name]
                if queue[0] is not owner:
                    raise RuntimeError(f"{name} is held by another owner, who alone may release it")
                queue.popleft()
                if not queue:
                    del self._queues[name]
            self._changed.notify_all()

    def held(self) -> int:
        """How many names are held."""
        with self._changed:
            return len(self._queues)

    def _closes_a_circle(self, owner: object) -> bool:
        waiting = owner
        while waiting in self._waits:
            holder = self._queues[self._waits[waiting]][0]
            if holder is owner:
                return True
            if holder is waiting:  # Its turn has come, it has only not woken up yet.
                return False
            waiting = holder
        return False
