"""The purge in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

from adapters.memory.database import InMemoryDatabase, Row
from adapters.memory.transaction import Transaction, recorded_event
from adapters.row_mapping.folded_rows import payment_row_of, saga_row_of
from adapters.row_mapping.json_codec import redacted_data
from adapters.row_mapping.orders import order_from_row, order_lines_to_rows, order_to_row
from adapters.row_mapping.payments import payment_from_row
from application.ports.outbox import NOBODY_REACTS
from application.ports.purge import DeletedOrder
from application.ports.unit_of_work import CommandContext
from domain.event import Event
from domain.inventory.stock_item import StockItem
from domain.orders.order import Order
from domain.payments.payment import Payment
from domain.saga.progress import ENDED
from domain.saga.saga import Saga
from domain.telemetry.rejects import REJECTS_KEPT_FOR

ACTOR: Final = "purge"


class InMemoryPurge:
    """PurgeUnitOfWork: a transaction of the database for each order, all committed at the end."""

    def __init__(self, *, database: InMemoryDatabase) -> None:
        self._database = database
        self._transactions: dict[UUID, Transaction] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for transaction in self._transactions.values():
            if exc_type is None:
                transaction.commit()
            else:
                transaction.roll_back()

    def deleted_orders(self, deleted_before: datetime, limit: int) -> Sequence[DeletedOrder]:
        """See the port."""
        kept = {
            reservation["order_id"]
            for _, row in self._database.rows_of_all_tenants(StockItem.kind)
            for reservation in row["reservations"]
        }
        kept |= self._database.unsettled_streams()
        due = [
            (row["deleted_at"], tenant_id, row["id"])
            for tenant_id, row in self._database.rows_of_all_tenants(Order.kind)
            if row["deleted_at"] is not None
            and row["deleted_at"] <= deleted_before
            and row["purged_at"] is None
            and row["id"] not in kept
        ]
        found: list[DeletedOrder] = []
        for deleted_at, tenant_id, order_id in sorted(due, key=lambda each: each[0]):
            transaction = self._begin(tenant_id)
            if len(found) == limit or not transaction.try_lock((Order.kind, tenant_id, order_id)):
                transaction.roll_back()
                continue
            row = transaction.row(Order.kind, order_id)
            is_due = row is not None and row["deleted_at"] == deleted_at and row["purged_at"] is None
            if row is None or not is_due or not _holds_what_belongs_to(order_id, transaction):
                transaction.roll_back()
                continue
            self._transactions[order_id] = transaction
            found.append(DeletedOrder(tenant_id, order_from_row(row, row["lines"])))
        return found

    def replace(self, deleted: DeletedOrder) -> None:
        """See the port."""
        order, transaction = deleted.order, self._transactions[deleted.order.id]
        row = {**order_to_row(order), "lines": order_lines_to_rows(order)}
        transaction.write_row(Order.kind, row, stored_version=order.stored_version)
        transaction.append(Order.kind, order.id, order.stored_version, order.pending_events)
        transaction.changes.redacted.append(order.id)
        for kind, row_of in ((Payment.kind, payment_row_of), (Saga.kind, saga_row_of)):
            for stored in _rows_of(kind, order.id, transaction):
                _redact(kind, stored["id"], row_of, transaction)

    def drop_expired_keys(self, limit: int) -> int:
        """See the port."""
        return self._database.drop_outcomes(limit)

    def drop_settled_messages(self, limit: int) -> int:
        """See the port."""
        return self._database.drop_settled_messages(limit)

    def drop_old_rejects(self, limit: int) -> int:
        """See the port."""
        database = self._database
        with database.latch:
            return database.readings.drop_rejects(database.now() - REJECTS_KEPT_FOR, limit)

    def _begin(self, tenant_id: UUID) -> Transaction:
        context = CommandContext(tenant_id=tenant_id, actor=ACTOR, correlation_id=ACTOR, causation_id=ACTOR)
        return Transaction(self._database, context, NOBODY_REACTS)


def _rows_of(kind: str, order_id: UUID, transaction: Transaction) -> list[Row]:
    """The order's payments; or its sagas, those of its refunds included."""
    payments = transaction.rows_where(Payment.kind, lambda row: row["order_id"] == order_id)
    if kind == Payment.kind:
        return payments
    subjects = {order_id}.union(
        *({refund.id for refund in payment_from_row(row).refunds} for row in payments)
    )
    return transaction.rows_where(Saga.kind, lambda row: row["subject_id"] in subjects)


def _holds_what_belongs_to(order_id: UUID, transaction: Transaction) -> bool:
    """Whether the order's sagas have ended and can't wake up before this ends; and nobody works on a payment."""
    for kind in (Saga.kind, Payment.kind):
        for row in _rows_of(kind, order_id, transaction):
            if not transaction.try_lock((kind, transaction.context.tenant_id, row["id"])):
                return False
    return all(row["status"] in ENDED for row in _rows_of(Saga.kind, order_id, transaction))


def _redact(
    kind: str, id_: UUID, row_of: Callable[[UUID, list[Event]], dict[str, Any]], transaction: Transaction
) -> None:
    events = [
        recorded_event(
            {**stored, "data": redacted_data(stored["type"], stored["schema_version"], stored["data"])}
        )
        for stored in transaction.stream(id_)
    ]
    row = row_of(id_, [recorded.event for recorded in events])
    transaction.write_row(kind, row, stored_version=row["version"])
    transaction.changes.redacted.append(id_)
