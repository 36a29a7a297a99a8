"""One transaction over the in-memory database: its own writes on top of what is committed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

from adapters.memory.database import Changes, InMemoryDatabase, Row, RowKey, UniqueKey
from adapters.row_mapping.json_codec import event_from_data, event_to_data
from application.ports.event_store import RecordedEvent
from application.ports.outbox import Subscriptions, Wake
from application.ports.unit_of_work import Cause, CommandContext
from domain.errors import StaleObjectError
from domain.event import Event


class Transaction:
    """Reads see its own writes first. Locks are held until it ends."""

    def __init__(
        self, database: InMemoryDatabase, context: CommandContext, subscriptions: Subscriptions
    ) -> None:
        self.database, self.context = database, context
        self._subscriptions = subscriptions
        self.changes = Changes(database.now())
        self._locks: set[RowKey | UniqueKey] = set()

    def row(self, kind: str, id: UUID) -> Row | None:
        """The row as this transaction sees it."""
        key = (kind, self.context.tenant_id, id)
        return self.changes.rows.get(key) or self.database.row(key)

    def row_by_value(self, kind: str, value: str) -> Row | None:
        """The row that has the unique value, as this transaction sees it."""
        unique = (kind, self.context.tenant_id, value)
        if unique in self.changes.unique_ids:
            own_id = self.changes.unique_ids[unique]
            return None if own_id is None else self.row(kind, own_id)
        row = self.database.row_by_value(unique)
        return None if row is None else self.row(kind, row["id"])

    def latest_deleted(self, kind: str, column: str, value: str) -> Row | None:
        """The row deleted last of those with that value in that column, as this transaction sees it."""
        deleted = self.rows_where(kind, lambda row: row[column] == value and row["deleted_at"] is not None)
        return max(deleted, key=lambda row: (row["deleted_at"], row["id"]), default=None)

    def rows_where(self, kind: str, wanted: Callable[[Row], bool]) -> list[Row]:
        """Every row of that kind that is wanted, as this transaction sees it, in no order."""
        rows = {
            row["id"]: row for row in self.database.rows_where(kind, self.context.tenant_id, lambda row: True)
        }
        rows |= {key[2]: row for key, row in self.changes.rows.items() if key[0] == kind}
        return [row for row in rows.values() if wanted(row)]

    def stream(self, stream_id: UUID) -> list[Row]:
        """The stream as this transaction sees it."""
        own = [event for event in self.changes.events if event["stream_id"] == stream_id]
        return [*self.database.stream(self.context.tenant_id, stream_id), *own]

    def lock(self, names: Iterable[RowKey | UniqueKey]) -> None:
        """Hold all of them until the end, taken in sorted order. Raises TransactionConflict."""
        for name in sorted(names, key=lambda name: (name[0], str(name[2]))):
            self.database.locks.acquire(self, name)
            self._locks.add(name)

    def try_lock(self, name: RowKey) -> bool:
        """Hold it until the end if nobody else does."""
        if not self.database.locks.try_acquire(self, name):
            return False
        self._locks.add(name)
        return True

    def write_row(self, kind: str, row: Row, *, stored_version: int) -> None:
        """Buffer a row whose lock is held. Raises StaleObjectError unless it stands at `stored_version`."""
        current = self.row(kind, row["id"])
        if (current["version"] if current else 0) != stored_version:
            raise StaleObjectError(
                kind=kind, id=str(row["id"]), current_version=current["version"] if current else None
            )
        self.changes.rows[kind, self.context.tenant_id, row["id"]] = row

    def append(
        self,
        kind: str,
        stream_id: UUID,
        expected_version: int,
        events: Sequence[Event],
        causes: Sequence[Cause] | None = None,
    ) -> None:
        """Buffer events whose stream's lock is held, each with its cause or the context's.

        Raises StaleObjectError if the stream stands elsewhere.
        """
        own = sum(event["stream_id"] == stream_id for event in self.changes.events)
        current = self.database.stream_version(self.context.tenant_id, stream_id) + own
        if current != expected_version:
            raise StaleObjectError(kind=kind, id=str(stream_id), current_version=current)
        positions = self.database.draw_positions(self.changes, len(events))
        own_cause = Cause(self.context.correlation_id, self.context.causation_id)
        causes = [own_cause] * len(events) if causes is None else causes
        for offset, (event, cause, position) in enumerate(
            zip(events, causes, positions, strict=True), start=1
        ):
            self.changes.events.append(
                {
                    "position": position,
                    "event_id": self.database.new_id(),
                    "tenant_id": self.context.tenant_id,
                    "stream_kind": kind,
                    "stream_id": stream_id,
                    "version": expected_version + offset,
                    "type": event.wire_name,
                    "schema_version": event.schema_version,
                    "occurred_at": event.occurred_at,
                    "actor": self.context.actor,
                    "correlation_id": cause.correlation_id,
                    "causation_id": cause.causation_id,
                    "traceparent": self.context.traceparent,
                    "data": event_to_data(event),
                }
            )
            self._write_messages(stream_id, expected_version + offset, event)

    def _write_messages(self, stream_id: UUID, version: int, event: Event) -> None:
        for consumer in self._subscriptions.get(type(event), ()):
            wake = Wake(self.context.tenant_id, consumer, stream_id)
            self.changes.messages.append({"id": self.database.new_id(), "wake": wake, "version": version})

    def discard_writes(self) -> None:
        """Drop all writes, and the locks and the ticket with them."""
        self.changes.discard_writes()
        self.database.return_ticket(self.changes)
        self._release_locks()

    def commit(self) -> None:
        """Raises TransactionConflict past the lease; `roll_back` must follow then."""
        self.database.commit(self.changes)
        self._release_locks()

    def roll_back(self) -> None:
        """End without a trace."""
        self.database.close(self.changes)
        self._release_locks()

    def _release_locks(self) -> None:
        self.database.locks.release(self, self._locks)
        self._locks.clear()


def recorded_event(row: Row) -> RecordedEvent:
    """The event of a row."""
    return RecordedEvent(
        position=row["position"],
        event_id=row["event_id"],
        tenant_id=row["tenant_id"],
        stream_kind=row["stream_kind"],
        stream_id=row["stream_id"],
        version=row["version"],
        actor=row["actor"],
        correlation_id=row["correlation_id"],
        causation_id=row["causation_id"],
        traceparent=row["traceparent"],
        event=event_from_data(row["type"], row["schema_version"], row["occurred_at"], row["data"]),
    )
