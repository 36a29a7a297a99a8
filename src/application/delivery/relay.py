"""Tell workers which keys and sagas are due."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from application.ports.outbox import Backlog, Wake
from application.ports.sagas import SAGA_WAKE, DueSagas
from application.ports.task_queue import TaskQueue

WAKES_PER_ROUND_MAX: Final = 500
"""Of each kind."""


@dataclass(frozen=True)
class RelayHandler:
    """From the database to the queue. Any number may run: no two get the same key at once.

    What a broker has lost is sent again, for a key counts as woken for a short while only (O2); so the same rounds
    are relay and sweep, for messages, for sagas whose pause is over (S10), and for those whose worker has died.
    """

    backlog: Backlog
    queue: TaskQueue
    due_sagas: DueSagas | None = None
    """None: sagas are not carried out here."""

    def handle(self) -> int:
        """One round; how many keys or sagas were woken, WAKES_PER_ROUND_MAX if there may be more.

        Raises StoreUnavailable, QueueUnavailable.
        """
        messages = self.backlog.due(WAKES_PER_ROUND_MAX)
        sagas = self.due_sagas.due(WAKES_PER_ROUND_MAX) if self.due_sagas is not None else ()
        wakes = [*messages, *(Wake(tenant_id, SAGA_WAKE, saga_id) for tenant_id, saga_id in sagas)]
        if wakes:
            self.queue.wake(wakes)
        return max(len(messages), len(sagas))
