"""What a unit of work was asked to write: enlisted by repositories and event store, written by `flush`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from adapters.memory.database import Row, RowKey, UniqueKey
from adapters.memory.transaction import Transaction
from application.ports.unit_of_work import Cause
from domain.aggregate import Aggregate
from domain.errors import DomainError
from domain.event import Event


@dataclass(frozen=True, slots=True)
class UniqueValue:
    """A value that only one row of the tenant may have, and the refusal of a second one.

    A deleted row has it no more: `is_held` is false, and the value is free for others (D2).
    """

    value: str
    taken: Callable[[], DomainError]
    is_held: bool = True


@dataclass(frozen=True, slots=True)
class RowWrite:
    """An aggregate to be written; row and values are taken from it when it is flushed."""

    aggregate: Aggregate
    to_row: Callable[[], Row]
    unique_values: Callable[[], Sequence[UniqueValue]]


@dataclass(frozen=True, slots=True)
class Append:
    """Events to follow a version of a stream."""

    kind: str
    stream_id: UUID
    expected_version: int
    events: tuple[Event, ...]
    cause: Cause


class WriteList:
    """Collects, then writes in (kind, id) order under the locks of everything that it writes."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._saves: dict[int, RowWrite] = {}
        """By identity, so that an aggregate saved twice is written once."""
        self._saved_last: dict[tuple[str, UUID], Aggregate] = {}
        self.cause = Cause(transaction.context.correlation_id, transaction.context.causation_id)
        """Of what is saved from now on."""
        self._causes: dict[int, list[Cause]] = {}
        """By identity: of each pending event."""
        self._appends: list[Append] = []
        self._written_events: dict[int, int] = {}
        """By identity: how many of its pending events an earlier flush of this transaction has written."""
        self._touched: dict[int, Aggregate] = {}
        self._failure: DomainError | None = None

    def loaded(self, aggregate: Aggregate) -> None:
        """Remember an aggregate that is spent if this transaction is rolled back."""
        self._touched[id(aggregate)] = aggregate

    def save(self, write: RowWrite) -> None:
        """Enlist an aggregate. Raises AggregateSpent."""
        write.aggregate.require_unspent()
        self.loaded(write.aggregate)
        aggregate = write.aggregate
        self._saves[id(aggregate)] = write
        self._saved_last[aggregate.kind, aggregate.id] = aggregate
        causes = self._causes.setdefault(id(aggregate), [])
        causes += [self.cause] * (len(aggregate.pending_events) - len(causes))

    def saved(self, kind: str, id_: UUID) -> Any:
        """What this transaction has saved of that id, as it was saved; None if it has not."""
        return self._saved_last.get((kind, id_))

    def all_saved(self, kind: str) -> list[Any]:
        """Everything of that kind that this transaction has saved."""
        return [aggregate for (of, _), aggregate in self._saved_last.items() if of == kind]

    def append(self, append: Append) -> None:
        """Enlist events of no aggregate."""
        if append.events:
            self._appends.append(append)

    def flush(self) -> None:
        """Write it all, or fail for good: a second flush after a failure raises the same error again."""
        if self._failure is not None:
            raise self._failure
        try:
            self._write()
        except DomainError as failure:
            self._failure = failure
            raise

    def discard(self) -> None:
        """Undo everything; what was saved is spent."""
        for key in self._saves:
            self._touched.pop(key).mark_spent()
        self._saves.clear()
        self._saved_last.clear()
        self._causes.clear()
        self._written_events.clear()
        self._appends.clear()
        self._failure = None
        self._transaction.discard_writes()

    def mark_spent(self) -> None:
        """The transaction was rolled back: nothing that it touched may be saved again."""
        for aggregate in self._touched.values():
            aggregate.mark_spent()

    def mark_stored(self) -> None:
        """The transaction has committed."""
        for write in self._saves.values():
            write.aggregate.mark_stored()

    def _write(self) -> None:
        changed = [write for write in self._saves.values() if self._unwritten(write.aggregate)]
        changed.sort(key=lambda write: (write.aggregate.kind, str(write.aggregate.id)))
        self._transaction.lock(self._names(changed))
        for write in changed:
            self._write_aggregate(write)
        for append in self._appends:
            causes = [append.cause] * len(append.events)
            self._transaction.append(
                append.kind, append.stream_id, append.expected_version, append.events, causes
            )
        self._appends.clear()

    def _names(self, changed: Sequence[RowWrite]) -> set[RowKey | UniqueKey]:
        tenant_id = self._transaction.context.tenant_id
        names: set[RowKey | UniqueKey] = {
            (write.aggregate.kind, tenant_id, write.aggregate.id) for write in changed
        }
        names |= {(append.kind, tenant_id, append.stream_id) for append in self._appends}
        names |= {
            (write.aggregate.kind, tenant_id, unique.value)
            for write in changed
            for unique in write.unique_values()
        }
        return names

    def _write_aggregate(self, write: RowWrite) -> None:
        aggregate, transaction = write.aggregate, self._transaction
        events = self._unwritten(aggregate)
        transaction.write_row(aggregate.kind, write.to_row(), stored_version=aggregate.version - len(events))
        for unique in write.unique_values():
            holder = transaction.row_by_value(aggregate.kind, unique.value)
            is_ours = holder is not None and holder["id"] == aggregate.id
            if unique.is_held and holder is not None and not is_ours:
                raise unique.taken()
            key = (aggregate.kind, transaction.context.tenant_id, unique.value)
            if unique.is_held:
                transaction.changes.unique_ids[key] = aggregate.id
            elif is_ours:
                transaction.changes.unique_ids[key] = None
        # Events that were recorded after the last save are written along with it, and are of its cause.
        causes = self._causes[id(aggregate)]
        causes += [self.cause] * (len(aggregate.pending_events) - len(causes))
        transaction.append(
            aggregate.kind, aggregate.id, aggregate.version - len(events), events, causes[-len(events) :]
        )
        self._written_events[id(aggregate)] = len(aggregate.pending_events)

    def _unwritten(self, aggregate: Aggregate) -> tuple[Event, ...]:
        return aggregate.pending_events[self._written_events.get(id(aggregate), 0) :]
