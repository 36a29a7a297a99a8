"""Tell workers which keys are due."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from application.ports.outbox import Backlog
from application.ports.task_queue import TaskQueue

WAKES_PER_ROUND_MAX: Final = 500


@dataclass(frozen=True)
class RelayHandler:
    """From the database to the queue. Any number may run: no two get the same key at once.

    What a broker has lost is sent again, for a key counts as woken for a short while only (O2); so the same rounds
    are relay and sweep.
    """

    backlog: Backlog
    queue: TaskQueue

    def handle(self) -> int:
        """One round; how many keys were woken, WAKES_PER_ROUND_MAX if there may be more.

        Raises StoreUnavailable, QueueUnavailable.
        """
        wakes = self.backlog.due(WAKES_PER_ROUND_MAX)
        if wakes:
            self.queue.wake(wakes)
        return len(wakes)
