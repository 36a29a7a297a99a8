"""What a transaction has saved and not yet written, and how it is written: one message for all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final, TypeVar
from uuid import UUID

import django.db

from adapters.django_orm.error_translation import (
    STALE_WRITE,
    UNIQUE_VIOLATION,
    constraint_name,
    sqlstate,
)
from adapters.django_orm.event_rows import NewEvent, append_statement
from adapters.django_orm.message_rows import message_statements
from adapters.django_orm.row_writes import RowWrite, Statement, statements_of
from adapters.django_orm.tenant_session import TenantSession
from application.ports.outbox import Subscriptions
from application.ports.unit_of_work import Cause, CommandContext
from domain.aggregate import Aggregate
from domain.errors import DomainError, StaleObjectError
from domain.event import Event
from domain.inventory.product import Product, SkuTaken
from domain.orders.order import Order, ReferenceTaken
from domain.payments.payment import Payment
from domain.saga.saga import Saga
from domain.soft_deletion import Restored
from domain.telemetry.device import Device, DeviceNameTaken

_SAVEPOINT: Final = "before_writes"

_UNIQUE_VALUES: Final = {Product.kind: "sku", Order.kind: "reference", Device.kind: "name"}
"""By kind: what an aggregate wants to have alone among the live ones, if it has it at all."""

_PLACES: Final = {"saga_subject_unique": Saga.kind, "payment_attempt_unique": Payment.kind}
"""Places of which there is one; who comes second was decided on what is out of date."""

Saved = TypeVar("Saved", bound=Aggregate)
Key = tuple[str, UUID]
WritesOf = Callable[[Saved, int, tuple[Event, ...]], Sequence[RowWrite]]
"""What writes an aggregate over a stored version, given the events since."""


@dataclass(frozen=True, slots=True)
class _Write:
    """One stream's share of a flush, as it was when saved.

    `unique` is a value that it wants and others may have; `is_due`: a worker is to take it up.
    """

    kind: str
    id: UUID
    stored_version: int
    rows: tuple[RowWrite, ...]
    events: tuple[Event, ...]
    causes: tuple[Cause, ...]
    """Of each event."""
    unique: str | None
    is_due: bool = False


class PendingWrites:
    """The aggregates that a transaction has met, and the writes that it has enlisted."""

    def __init__(self, session: TenantSession, context: CommandContext, subscriptions: Subscriptions) -> None:
        self._session = session
        self._context = context
        self.cause = Cause(context.correlation_id, context.causation_id)
        """Of what is saved from now on."""
        self._subscriptions = subscriptions
        self._loaded: list[Aggregate] = []
        self._saved: dict[int, Aggregate] = {}
        """By identity."""
        self._saved_last: dict[Key, Aggregate] = {}
        self._pending: dict[Key, _Write] = {}
        self._written_versions: dict[Key, int] = {}
        self.has_work = False
        """Whether anything that was sent to be written is for a worker to take up."""
        self._has_savepoint = False
        self._was_refused = False

    @property
    def has_written(self) -> bool:
        """Whether anything was sent to be written, so that what was read before may be out of date."""
        return self._has_savepoint

    def loaded(self, aggregate: Saved) -> Saved:
        """The aggregate that was read, remembered, since a rollback spends it; or as it was saved meanwhile."""
        saved: Saved | None = self.saved(aggregate.kind, aggregate.id)
        if saved is not None:
            return saved
        self._loaded.append(aggregate)
        return aggregate

    def saved(self, kind: str, id_: UUID) -> Any:
        """What this transaction has saved of that id, as it was saved; None if it has not."""
        return self._saved_last.get((kind, id_))

    def all_saved(self, kind: str) -> list[Any]:
        """Everything of that kind that this transaction has saved."""
        return [aggregate for (of, _), aggregate in self._saved_last.items() if of == kind]

    def write_out(self, kind: str) -> None:
        """Flush if anything of that kind was saved, so that it can be read again. Raises as `flush` does."""
        if self.all_saved(kind):
            self.flush()
            self._saved_last = {key: saved for key, saved in self._saved_last.items() if key[0] != kind}

    def save(self, aggregate: Saved, writes_of: WritesOf[Saved], *, is_due: bool = False) -> None:
        """Enlist the aggregate as it is now; `is_due`: it is for a worker to take up.

        Raises AggregateSpent; StaleObjectError if it was read before another copy of it was saved.
        """
        aggregate.require_unspent()
        key = (aggregate.kind, aggregate.id)
        if key in self._pending and self._saved_last.get(key, aggregate) is not aggregate:
            raise StaleObjectError(kind=aggregate.kind, id=str(aggregate.id), current_version=None)
        self._saved[id(aggregate)] = self._saved_last[key] = aggregate
        stored_version = self._written_versions.get(key, aggregate.stored_version)
        events = aggregate.pending_events[stored_version - aggregate.stored_version :]
        if not events:
            return
        unique = None
        if stored_version == 0 or any(isinstance(event, Restored) for event in events):
            unique = getattr(aggregate, _UNIQUE_VALUES.get(aggregate.kind, ""), None)
        earlier = self._pending.get(key)
        causes = () if earlier is None else earlier.causes[: len(events)]
        self._pending[key] = _Write(
            *key,
            stored_version,
            tuple(writes_of(aggregate, stored_version, events)),
            events,
            (*causes, *(self.cause for _ in events[len(causes) :])),
            unique,
            is_due,
        )

    @property
    def started_saga_id(self) -> UUID | None:
        """The saga that begins with this transaction, if one does."""
        started = (
            each for each in self._saved.values() if isinstance(each, Saga) and not each.stored_version
        )
        return next((saga.id for saga in started), None)

    def has_unwritten(self, aggregate: Aggregate) -> bool:
        """Whether it has events that no flush has written yet."""
        written = self._written_versions.get((aggregate.kind, aggregate.id), aggregate.stored_version)
        return aggregate.version > written

    def append(self, kind: str, stream_id: UUID, expected_version: int, events: Sequence[Event]) -> None:
        """Enlist events of a stream that no aggregate of this transaction stands for."""
        if not events:
            return
        key = (kind, stream_id)
        earlier = self._pending.get(key)
        if earlier is not None:
            if earlier.stored_version + len(earlier.events) != expected_version:
                raise StaleObjectError(
                    kind=kind, id=str(stream_id), current_version=earlier.stored_version + len(earlier.events)
                )
            self._pending[key] = replace(
                earlier,
                events=(*earlier.events, *events),
                causes=(*earlier.causes, *(self.cause for _ in events)),
            )
            return
        guard = Statement(
            "SELECT require_written((SELECT (coalesce(max(version), 0) = %s)::integer FROM event"
            " WHERE tenant_id = %s AND stream_id = %s), %s, %s)",
            (expected_version, self._context.tenant_id, stream_id, kind, stream_id),
        )
        self._pending[key] = _Write(
            *key, expected_version, (guard,), tuple(events), tuple(self.cause for _ in events), None
        )

    def flush(self) -> None:
        """Write what is enlisted, in (kind, id) order, then messages, then events, all in one message to the server.

        Raises StaleObjectError, SkuTaken, ReferenceTaken, DeviceNameTaken.
        """
        writes = self._due()
        if writes:
            self._send(self._session.query, writes, self._statements(writes))

    def commit(self, last: Sequence[Statement]) -> None:
        """`flush`, the last statements and the commit, all in one message. Raises as `flush` does."""
        writes = self._due()
        self._send(self._session.commit, writes, [*self._statements(writes), *last])
        for aggregate in self._saved.values():
            aggregate.mark_stored()

    def _due(self) -> list[_Write]:
        if self._was_refused:
            raise RuntimeError("a write was refused before; discard the writes or leave by the exception")
        return [self._pending[key] for key in sorted(self._pending)]

    def _statements(self, writes: Sequence[_Write]) -> list[Statement]:
        if not writes:
            return []
        events = _new_events(writes)
        statements = [
            statement
            for _, group in groupby(writes, key=lambda write: write.kind)
            for statement in statements_of(
                self._context.tenant_id, [row for write in group for row in write.rows]
            )
        ]
        messages = message_statements(self._context.tenant_id, events, self._subscriptions)
        statements += messages
        self.has_work = self.has_work or bool(messages) or any(write.is_due for write in writes)
        if not self._has_savepoint:
            statements.insert(0, Statement(f"SAVEPOINT {_SAVEPOINT}", ()))
        self._has_savepoint = True
        statements.append(append_statement(self._context, events))
        return statements

    def _send(
        self,
        send: Callable[[str, Sequence[Any]], object],
        writes: Sequence[_Write],
        statements: Sequence[Statement],
    ) -> None:
        try:
            send(
                "; ".join(statement.sql for statement in statements),
                [param for statement in statements for param in statement.params],
            )
        except django.db.Error as error:
            self._was_refused = True
            refusal = self._refusal(error, writes)
            if refusal is None:
                raise
            raise refusal from error
        for write in writes:
            self._written_versions[write.kind, write.id] = write.stored_version + len(write.events)
        self._pending.clear()

    def discard(self) -> None:
        """Undo what was written, forget what was enlisted, and spend what was saved."""
        if self._has_savepoint:
            self._session.query(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
        self._was_refused = self.has_work = False
        self._pending.clear()
        self._written_versions.clear()
        for aggregate in self._saved.values():
            aggregate.mark_spent()
        self._saved.clear()
        self._saved_last.clear()

    def rolled_back(self) -> None:
        """The transaction is gone: what was loaded or saved says what never happened."""
        for aggregate in (*self._loaded, *self._saved.values()):
            aggregate.mark_spent()

    def _refusal(self, error: django.db.Error, writes: Sequence[_Write]) -> DomainError | None:
        state, constraint = sqlstate(error), constraint_name(error) or ""
        if state == STALE_WRITE:
            kind, _, id_ = error.__cause__.diag.message_detail.partition(" ")  # type: ignore[union-attr]
            return self._stale(kind, UUID(id_))
        if state != UNIQUE_VIOLATION:
            return None
        if constraint == "product_sku_unique":
            return SkuTaken(sku=self._taken("product", "sku", _uniques(writes, Product.kind)))
        if constraint == "customer_order_reference_unique":
            references = _uniques(writes, Order.kind)
            return ReferenceTaken(reference=self._taken("customer_order", "reference", references))
        if constraint == "device_name_unique":
            return DeviceNameTaken(name=self._taken("device", "name", _uniques(writes, Device.kind)))
        if constraint in _PLACES:
            kind = _PLACES[constraint]
            new = next(write for write in writes if write.kind == kind and write.stored_version == 0)
            return StaleObjectError(kind=kind, id=str(new.id), current_version=None)
        # An id or a place in a stream that is taken: the first of the writes whose stream has moved on.
        for write in writes:
            refusal = self._stale(write.kind, write.id)
            if (refusal.data["current_version"] or 0) != write.stored_version:
                return refusal
        return None

    def _taken(self, table: str, column: str, values: list[str]) -> str:
        """Which of the values another live row has. If none: two of this flush's own rows have the same."""
        if len(values) == 1:
            return values[0]
        rows = self._session.query(
            f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}; SELECT {column} FROM {table}"  # noqa: S608 - constants of this file
            f" WHERE tenant_id = %s AND {column} = ANY(%s) AND deleted_at IS NULL ORDER BY {column} LIMIT 1",
            (self._context.tenant_id, values),
        )
        return rows[0][0] if rows else next(value for value in values if values.count(value) > 1)

    def _stale(self, kind: str, id_: UUID) -> StaleObjectError:
        """The refusal, with the version at which the stream stands now; None if there is no such stream."""
        ((version,),) = self._session.query(
            f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}; SELECT max(version) FROM event"  # noqa: S608 - a constant
            " WHERE tenant_id = %s AND stream_id = %s",
            (self._context.tenant_id, id_),
        )
        return StaleObjectError(kind=kind, id=str(id_), current_version=version)


def _uniques(writes: Sequence[_Write], kind: str) -> list[str]:
    return [write.unique for write in writes if write.kind == kind and write.unique is not None]


def _new_events(writes: Sequence[_Write]) -> list[NewEvent]:
    return [
        NewEvent(write.kind, write.id, version, event, cause)
        for write in writes
        for version, (event, cause) in enumerate(
            zip(write.events, write.causes, strict=True), start=write.stored_version + 1
        )
    ]
