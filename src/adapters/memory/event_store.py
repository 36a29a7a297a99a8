"""The event store in memory."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from adapters.memory.transaction import Transaction, recorded_event
from adapters.memory.write_list import Append, WriteList
from application.ports.event_store import EVENTS_READ_MAX, RecordedEvent
from domain.event import Event


class InMemoryEventStore:
    """The events of one tenant, within one transaction."""

    def __init__(self, transaction: Transaction, writes: WriteList) -> None:
        self._transaction, self._writes = transaction, writes

    def append(self, kind: str, stream_id: UUID, expected_version: int, events: Sequence[Event]) -> None:
        """See the port."""
        self._writes.append(Append(kind, stream_id, expected_version, tuple(events), self._writes.cause))

    def stream(
        self, stream_id: UUID, *, after_version: int = 0, limit: int = EVENTS_READ_MAX
    ) -> Sequence[RecordedEvent]:
        """See the port."""
        rows = self._transaction.stream(stream_id)
        # Versions have no gaps: the event of version n stands at index n - 1.
        part = rows[after_version : after_version + min(limit, EVENTS_READ_MAX)]
        return [recorded_event(row) for row in part]

    def read(self, after_position: int, limit: int = EVENTS_READ_MAX) -> Sequence[RecordedEvent]:
        """See the port; the transaction's own events aren't among them, since it may still roll back."""
        rows = self._transaction.database.log(
            self._transaction.context.tenant_id, after_position, min(limit, EVENTS_READ_MAX)
        )
        return [recorded_event(row) for row in rows]
