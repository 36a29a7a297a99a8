"""Payments and sagas on PostgreSQL. A saga is read under its row's lock; its lease travels with what is written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from adapters.django_orm.expected_rows import ExpectedRows
from adapters.django_orm.payment_rows import (
    ORDER_OF_PAYMENT,
    PAYMENT_BY_ID,
    PAYMENT_OF_REFUND,
    PAYMENTS_OF_ORDERS,
    payment_of,
)
from adapters.django_orm.pending_writes import PendingWrites
from adapters.django_orm.table_writes import (
    FREED_SAGA_TABLE,
    HELD_SAGA_TABLE,
    SAGA_TABLE,
    payment_writes,
    saga_writes,
)
from adapters.django_orm.tenant_session import (
    SYSTEM_ALIAS,
    Row,
    TenantSession,
    query_of_nobody,
    query_once,
)
from adapters.row_mapping.sagas import saga_from_row
from application.ports.outbox import WAKE_AGAIN_AFTER_S
from application.ports.sagas import SAGA_LEASE_S, LateReply, SagaClaim, SagaClaimLost
from domain.errors import NotFound
from domain.payments.payment import Payment
from domain.payments.refund import REFUND
from domain.saga.saga import Saga

LEASE: Final = timedelta(seconds=SAGA_LEASE_S)

SAGA_COLUMNS: Final = (
    "id", "version", "definition", "subject_id", "status", "position", "reason", "steps", "deadline_at",
    "doubt_since", "due_at", "created_at", "updated_at",
)  # fmt: skip
_ID_OF_SAGA: Final = 2
"""The place in a row, after fence and lease."""
_SAGA: Final = (
    f"SELECT fence, leased_until IS NOT NULL, {', '.join(SAGA_COLUMNS)}"  # noqa: S608 - constants
    " FROM saga WHERE tenant_id = %s AND {which} FOR UPDATE"
)
_SAGA_BY_ID: Final = _SAGA.format(which="id = %s")
_SAGA_BY_SUBJECT: Final = _SAGA.format(which="subject_id = %s")
_SAGAS: Final = _SAGA.format(which="id = ANY(%s::uuid[]) ORDER BY id")
_HOLD: Final = """
UPDATE saga SET leased_until = clock_timestamp() + %s, wake_at = clock_timestamp() + %s WHERE tenant_id = %s AND id = %s
"""
_LET_GO: Final = "UPDATE saga SET leased_until = NULL, wake_at = due_at WHERE tenant_id = %s AND id = %s"
# The ids stand in the WHERE a second time, so that rows are found by their key whatever the planner thinks.
_CLAIM: Final = f"""
WITH free AS MATERIALIZED (
    SELECT id FROM saga WHERE tenant_id = %s AND id = ANY(%s::uuid[]) AND due_at <= clock_timestamp()
        AND (leased_until IS NULL OR leased_until <= clock_timestamp())
    ORDER BY id FOR UPDATE SKIP LOCKED
)
UPDATE saga s SET fence = fence + 1, leased_until = clock_timestamp() + %s, wake_at = clock_timestamp() + %s
FROM free WHERE s.tenant_id = %s AND s.id = ANY(%s::uuid[]) AND s.id = free.id
RETURNING s.fence, true, {", ".join("s." + column for column in SAGA_COLUMNS)}
"""  # noqa: S608 - constants
# statement_timestamp is stable, so the index bounds the search. Who is due and free was woken within that time.
_OVERDUE: Final = """
SELECT id FROM saga WHERE tenant_id = %s AND due_at <= %s AND wake_at <= statement_timestamp() + %s
    AND (leased_until IS NULL OR leased_until <= statement_timestamp())
ORDER BY wake_at LIMIT %s
"""
_DUE: Final = """
WITH due AS (
    SELECT tenant_id, id FROM saga
    WHERE wake_at <= statement_timestamp() AND (leased_until IS NULL OR leased_until <= statement_timestamp())
    ORDER BY wake_at LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE saga SET wake_at = clock_timestamp() + %s FROM due WHERE saga.tenant_id = due.tenant_id AND saga.id = due.id
RETURNING saga.tenant_id, saga.id
"""
_KEEP_REPLY: Final = """
INSERT INTO late_reply (tenant_id, id, saga_id, key, reply, received_at) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, id) DO NOTHING RETURNING 1
"""
_REPLIES: Final = """
SELECT id, saga_id, key, reply, received_at FROM late_reply
WHERE tenant_id = %s AND (%s IS NULL OR saga_id = %s) AND (%s IS NULL OR id > %s) ORDER BY id LIMIT %s
"""


class DjangoPaymentRepository:
    """PaymentRepository."""

    def __init__(self, session: TenantSession, tenant_id: UUID, writes: PendingWrites) -> None:
        self._session, self._tenant_id, self._writes = session, tenant_id, writes
        self._expected = ExpectedRows(self._read)

    def expect(self, order_ids: Collection[UUID]) -> None:
        """See the port."""
        self._expected.expect(order_ids)

    def get(self, payment_id: UUID) -> Payment:
        """See the port."""
        saved: Payment | None = self._writes.saved(Payment.kind, payment_id)
        if saved is not None:
            return saved
        rows = self._session.query(PAYMENT_BY_ID, (self._tenant_id, payment_id))
        if not rows:
            raise NotFound(kind=Payment.kind, id=str(payment_id))
        return self._loaded(rows[0])

    def of_refund(self, refund_id: UUID) -> Payment:
        """See the port."""
        rows = self._session.query(PAYMENT_OF_REFUND, (self._tenant_id, self._tenant_id, refund_id))
        if not rows:
            raise NotFound(kind=REFUND, id=str(refund_id))
        return self._loaded(rows[0])

    def of_order(self, order_id: UUID) -> Sequence[Payment]:
        """See the port."""
        self._expected.expect([order_id])
        loaded = {row[0]: self._loaded(row) for row in self._expected.of(order_id) or ()}
        saved = (each for each in self._writes.all_saved(Payment.kind) if each.order_id == order_id)
        payments = loaded | {payment.id: payment for payment in saved}
        return sorted(payments.values(), key=lambda payment: payment.attempt)

    def save(self, payment: Payment) -> None:
        """See the port."""
        self._writes.save(payment, payment_writes)

    def _read(self, order_ids: Collection[UUID]) -> Iterator[tuple[UUID, Row]]:
        rows = self._session.query(PAYMENTS_OF_ORDERS, (self._tenant_id, list(order_ids)))
        return ((row[ORDER_OF_PAYMENT], row) for row in rows)

    def _loaded(self, row: Row) -> Payment:
        return self._writes.loaded(payment_of(row))


class DjangoSagaRepository:
    """SagaRepository."""

    def __init__(self, session: TenantSession, tenant_id: UUID, writes: PendingWrites) -> None:
        self._session, self._tenant_id, self._writes = session, tenant_id, writes
        self._expected = ExpectedRows(self._read)
        self._just_claimed: set[UUID] = set()

    def claim(self, saga_ids: Collection[UUID]) -> Sequence[tuple[Saga, SagaClaim]]:
        """See the port."""
        own = (self._tenant_id, list(saga_ids))
        rows = self._session.query(_CLAIM, (*own, LEASE, LEASE, *own))
        claimed = [
            (saga, SagaClaim(tenant_id=self._tenant_id, saga_id=saga.id, fence=row[0]))
            for row in rows
            for saga in [self._of(row)]
        ]
        self._just_claimed.update(saga.id for saga, _ in claimed)
        return claimed

    def overdue(self, since: datetime, limit: int) -> Sequence[UUID]:
        """See the port."""
        woken_within = timedelta(seconds=WAKE_AGAIN_AFTER_S)
        rows = self._session.query(_OVERDUE, (self._tenant_id, since, woken_within, limit))
        return [saga_id for (saga_id,) in rows]

    def expect(self, claims: Collection[SagaClaim]) -> None:
        """See the port."""
        self._expected.expect(claim.saga_id for claim in claims)

    def get(self, saga_id: UUID) -> Saga:
        """See the port."""
        saved: Saga | None = self._writes.saved(Saga.kind, saga_id)
        return self._of(self._row(saga_id)) if saved is None else saved

    def get_held(self, claim: SagaClaim) -> Saga:
        """See the port."""
        row = self._row(claim.saga_id)
        fence, is_leased = row[:2]
        if fence != claim.fence or not is_leased:
            raise SagaClaimLost(id=str(claim.saga_id))
        return self._of(row)

    def of_subject(self, subject_id: UUID) -> Saga | None:
        """See the port."""
        rows = self._session.query(_SAGA_BY_SUBJECT, (self._tenant_id, subject_id))
        return self._of(rows[0]) if rows else None

    def save(self, saga: Saga) -> None:
        """See the port."""
        table = FREED_SAGA_TABLE if saga.due_at is None else SAGA_TABLE
        self._writes.save(
            saga,
            lambda saved, version, events: saga_writes(saved, version, table),
            is_due=saga.is_due_at_once,
        )

    def save_held(self, saga: Saga, claim: SagaClaim, *, goes_on: bool) -> None:
        """See the port. The lease needs a message of its own only if nothing else is written of the saga."""
        if self._writes.has_unwritten(saga):
            table = HELD_SAGA_TABLE if goes_on else FREED_SAGA_TABLE
            self._writes.save(saga, lambda saved, version, events: saga_writes(saved, version, table))
        elif not goes_on:
            self._session.query(_LET_GO, (self._tenant_id, claim.saga_id))
        elif claim.saga_id not in self._just_claimed:
            self._session.query(_HOLD, (LEASE, LEASE, self._tenant_id, claim.saga_id))

    def _read(self, saga_ids: Collection[UUID]) -> Iterator[tuple[UUID, Row]]:
        rows = self._session.query(_SAGAS, (self._tenant_id, list(saga_ids)))
        return ((row[_ID_OF_SAGA], row) for row in rows)

    def _row(self, saga_id: UUID) -> Row:
        rows = self._expected.of(saga_id) or self._session.query(_SAGA_BY_ID, (self._tenant_id, saga_id))
        if not rows:
            raise NotFound(kind=Saga.kind, id=str(saga_id))
        return rows[0]

    def _of(self, row: Row) -> Saga:
        return self._writes.loaded(saga_from_row(dict(zip(SAGA_COLUMNS, row[2:], strict=True))))


class DjangoSagaDirectory:
    """SagaDirectory, through the one database function that may see whose saga it is."""

    def tenant_of(self, saga_id: UUID) -> UUID | None:
        """See the port."""
        rows = query_of_nobody("SELECT tenant_of_saga(%s)", (saga_id,))
        tenant_id: UUID | None = rows[0][0]
        return tenant_id


class DjangoDueSagas:
    """DueSagas, as the role that sees all tenants."""

    def due(self, limit: int) -> Sequence[tuple[UUID, UUID]]:
        """See the port."""
        rows = query_of_nobody(_DUE, (limit, timedelta(seconds=WAKE_AGAIN_AFTER_S)), SYSTEM_ALIAS)
        return [(tenant_id, saga_id) for tenant_id, saga_id in rows]


class DjangoLateReplies:
    """LateReplies, as the application's role."""

    def keep(self, tenant_id: UUID, reply: LateReply) -> None:
        """See the port."""
        params = (tenant_id, reply.id, reply.saga_id, reply.key, reply.reply, reply.received_at)
        query_once(tenant_id, _KEEP_REPLY, params)

    def list(
        self, tenant_id: UUID, *, saga_id: UUID | None, after: UUID | None, limit: int
    ) -> Sequence[LateReply]:
        """See the port."""
        rows = query_once(tenant_id, _REPLIES, (tenant_id, saga_id, saga_id, after, after, limit))
        return [
            LateReply(id=id_, saga_id=of, key=key, reply=reply, received_at=received_at)
            for id_, of, key, reply, received_at in rows
        ]
