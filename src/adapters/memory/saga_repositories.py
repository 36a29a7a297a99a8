"""Payments and sagas in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from adapters.memory.database import InMemoryDatabase, Row
from adapters.memory.saga_leases import SagaLease
from adapters.memory.transaction import Transaction
from adapters.memory.write_list import RowWrite, UniqueValue, WriteList
from adapters.row_mapping.payments import payment_from_row, payment_to_row
from adapters.row_mapping.sagas import saga_from_row, saga_to_row
from application.ports.sagas import SAGA_LEASE_S, LateReply, SagaClaim, SagaClaimLost
from domain.errors import NotFound, StaleObjectError
from domain.payments.payment import Payment
from domain.payments.refund import REFUND
from domain.saga.saga import Saga

LEASE = timedelta(seconds=SAGA_LEASE_S)


class InMemoryPaymentRepository:
    """Payments; an order has one of each attempt."""

    def __init__(self, transaction: Transaction, writes: WriteList) -> None:
        self._transaction, self._writes = transaction, writes

    def expect(self, order_ids: Collection[UUID]) -> None:
        """See the port. Reading costs nothing here."""

    def get(self, payment_id: UUID) -> Payment:
        """See the port."""
        saved: Payment | None = self._writes.saved(Payment.kind, payment_id)
        if saved is not None:
            return saved
        row = self._transaction.row(Payment.kind, payment_id)
        if row is None:
            raise NotFound(kind=Payment.kind, id=str(payment_id))
        return self._loaded(row)

    def of_refund(self, refund_id: UUID) -> Payment:
        """See the port."""
        rows = self._transaction.rows_where(Payment.kind, lambda row: str(refund_id) in row["refunds"])
        if not rows:
            raise NotFound(kind=REFUND, id=str(refund_id))
        return self._writes.saved(Payment.kind, rows[0]["id"]) or self._loaded(rows[0])

    def of_order(self, order_id: UUID) -> Sequence[Payment]:
        """See the port."""
        rows = self._transaction.rows_where(Payment.kind, lambda row: row["order_id"] == order_id)
        loaded = {row["id"]: self._loaded(row) for row in rows}
        saved = (each for each in self._writes.all_saved(Payment.kind) if each.order_id == order_id)
        payments = loaded | {payment.id: payment for payment in saved}
        return sorted(payments.values(), key=lambda payment: payment.attempt)

    def save(self, payment: Payment) -> None:
        """See the port."""
        attempt = UniqueValue(
            f"{payment.order_id}:{payment.attempt}", lambda: _stale(Payment.kind, payment.id)
        )
        self._writes.save(RowWrite(payment, lambda: payment_to_row(payment), lambda: [attempt]))

    def _loaded(self, row: Row) -> Payment:
        payment = payment_from_row(row)
        self._writes.loaded(payment)
        return payment


class InMemorySagaRepository:
    """Sagas; a subject has one."""

    def __init__(self, transaction: Transaction, writes: WriteList) -> None:
        self._transaction, self._writes = transaction, writes

    def claim(self, saga_ids: Collection[UUID]) -> Sequence[tuple[Saga, SagaClaim]]:
        """See the port."""
        claimed = []
        database, tenant_id = self._transaction.database, self._transaction.context.tenant_id
        for saga_id in sorted(saga_ids):
            if not self._transaction.try_lock((Saga.kind, tenant_id, saga_id)):
                continue
            row, at = self._transaction.row(Saga.kind, saga_id), database.now()
            if row is None or row["due_at"] is None or row["due_at"] > at:
                continue
            fence = database.saga_leases.next_fence(saga_id, at=at)
            if fence is not None:
                self._transaction.changes.saga_leases[saga_id] = SagaLease(fence, at + LEASE)
                claim = SagaClaim(tenant_id=tenant_id, saga_id=saga_id, fence=fence)
                claimed.append((self.get(saga_id), claim))
        return claimed

    def overdue(self, since: datetime, limit: int) -> Sequence[UUID]:
        """See the port."""
        database = self._transaction.database
        rows = self._transaction.rows_where(
            Saga.kind, lambda row: row["due_at"] is not None and row["due_at"] <= since
        )
        free = [
            row for row in rows if database.saga_leases.next_fence(row["id"], at=database.now()) is not None
        ]
        return [row["id"] for row in sorted(free, key=lambda row: (row["due_at"], row["id"]))[:limit]]

    def expect(self, claims: Collection[SagaClaim]) -> None:
        """See the port. Reading costs nothing here."""

    def get(self, saga_id: UUID) -> Saga:
        """See the port."""
        saved: Saga | None = self._writes.saved(Saga.kind, saga_id)
        if saved is not None:
            return saved
        self._transaction.lock([(Saga.kind, self._transaction.context.tenant_id, saga_id)])
        row = self._transaction.row(Saga.kind, saga_id)
        if row is None:
            raise NotFound(kind=Saga.kind, id=str(saga_id))
        saga = saga_from_row(row)
        self._writes.loaded(saga)
        return saga

    def get_held(self, claim: SagaClaim) -> Saga:
        """See the port."""
        saga = self.get(claim.saga_id)
        if not self._transaction.database.saga_leases.is_held(claim):
            raise SagaClaimLost(id=str(claim.saga_id))
        return saga

    def of_subject(self, subject_id: UUID) -> Saga | None:
        """See the port."""
        row = self._transaction.row_by_value(Saga.kind, str(subject_id))
        return None if row is None else self.get(row["id"])

    def save(self, saga: Saga) -> None:
        """See the port."""
        subject = UniqueValue(str(saga.subject_id), lambda: _stale(Saga.kind, saga.id))
        self._writes.save(RowWrite(saga, lambda: saga_to_row(saga), lambda: [subject]))
        if saga.due_at is None:
            leases = self._transaction.database.saga_leases
            self._transaction.changes.saga_leases[saga.id] = leases.given_back(saga.id)

    def save_held(self, saga: Saga, claim: SagaClaim, *, goes_on: bool) -> None:
        """See the port."""
        self.save(saga)
        until = self._transaction.database.now() + LEASE if goes_on else None
        self._transaction.changes.saga_leases[claim.saga_id] = SagaLease(claim.fence, until)


class InMemoryDueSagas:
    """DueSagas."""

    def __init__(self, database: InMemoryDatabase) -> None:
        self._database = database

    def due(self, limit: int) -> Sequence[tuple[UUID, UUID]]:
        """See the port."""
        at = self._database.now()
        rows = [
            (row["due_at"], tenant_id, row["id"])
            for tenant_id, row in self._database.rows_of_all_tenants(Saga.kind)
            if row["due_at"] is not None and row["due_at"] <= at
        ]
        free = (
            (tenant_id, saga_id)
            for _, tenant_id, saga_id in sorted(rows)
            if self._database.saga_leases.wake(saga_id, at=at)
        )
        return [each for each, _ in zip(free, range(limit), strict=False)]


class InMemorySagaDirectory:
    """SagaDirectory."""

    def __init__(self, database: InMemoryDatabase) -> None:
        self._database = database

    def tenant_of(self, saga_id: UUID) -> UUID | None:
        """See the port."""
        rows = self._database.rows_of_all_tenants(Saga.kind)
        return next((tenant_id for tenant_id, row in rows if row["id"] == saga_id), None)


class InMemoryLateReplies:
    """LateReplies."""

    def __init__(self, database: InMemoryDatabase) -> None:
        self._database = database

    def keep(self, tenant_id: UUID, reply: LateReply) -> None:
        """See the port."""
        with self._database.latch:
            self._database.late_replies.setdefault((tenant_id, reply.id), reply)

    def list(
        self, tenant_id: UUID, *, saga_id: UUID | None, after: UUID | None, limit: int
    ) -> Sequence[LateReply]:
        """See the port."""
        with self._database.latch:
            found = [reply for (owner, _), reply in self._database.late_replies.items() if owner == tenant_id]
        wanted = [
            reply
            for reply in found
            if saga_id in {None, reply.saga_id} and (after is None or reply.id > after)
        ]
        return sorted(wanted, key=lambda reply: reply.id)[:limit]


def _stale(kind: str, id_: UUID) -> StaleObjectError:
    return StaleObjectError(kind=kind, id=str(id_), current_version=None)
