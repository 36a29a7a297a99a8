"""The purge on PostgreSQL, in the role that may redact deleted orders and what belongs to them, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

import msgspec
from django.db import connections, transaction

from adapters.django_orm.aggregate_rows import order_of, order_rows
from adapters.django_orm.error_translation import port_errors
from adapters.django_orm.event_rows import COLUMNS, NewEvent, append_statement, recorded_event
from adapters.django_orm.models import Order as OrderModel
from adapters.django_orm.tenant_session import compiled
from adapters.row_mapping.folded_rows import payment_row_of, saga_row_of
from adapters.row_mapping.orders import order_to_row
from application.ports.outbox import SETTLED_KEPT_FOR
from application.ports.purge import DeletedOrder
from application.ports.unit_of_work import CommandContext
from domain.errors import StaleObjectError
from domain.event import REDACTED, Event, event_classes
from domain.orders.order import Order
from domain.payments.payment import Payment
from domain.saga.progress import ENDED
from domain.saga.saga import Saga
from domain.telemetry.rejects import REJECTS_KEPT_FOR

PURGE_ALIAS: Final = "purge"
ACTOR: Final = "purge"

_CHANGING: Final = (
    "version", "customer_ref", "payment_method", "reference", "email", "note", "address", "cancel_reason",
    "deletion_reason", "updated_at", "purged_at",
)  # fmt: skip
_ENDED: Final = tuple(sorted(status.value for status in ENDED))
# Whoever comes to refer to orders, and must find them whole, is named here.
_DUE: Final = """
SELECT o.deleted_at, o.tenant_id, o.id FROM customer_order o {saga}
AND o.deleted_at <= %s AND o.purged_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM stock_reservation r WHERE r.tenant_id = o.tenant_id AND r.order_id = o.id
) AND NOT EXISTS (
    SELECT 1 FROM message m
    WHERE m.tenant_id = o.tenant_id AND m.stream_id = o.id AND m.settled_at IS NULL
) AND NOT EXISTS (
    SELECT 1 FROM payment p JOIN refund_payment r ON r.tenant_id = p.tenant_id AND r.payment_id = p.id
    JOIN saga s ON s.tenant_id = r.tenant_id AND s.subject_id = r.refund_id
    WHERE p.tenant_id = o.tenant_id AND p.order_id = o.id AND s.status NOT IN %s
)
ORDER BY o.deleted_at LIMIT %s FOR UPDATE OF {locked} SKIP LOCKED
"""
# Two statements, for the saga is locked with its order: one that wakes up meanwhile is passed over, and one that
# wakes up later waits until the order is purged. Who advances a saga has its row, then wants that of the order; nobody
# waits here for either, so no two wait for each other.
_DUE_AFTER_A_SAGA: Final = _DUE.format(
    saga="JOIN saga s ON s.tenant_id = o.tenant_id AND s.subject_id = o.id WHERE s.status IN %s",
    locked="o, s",
)
_DUE_WITHOUT_A_SAGA: Final = _DUE.format(
    saga="WHERE NOT EXISTS (SELECT 1 FROM saga s WHERE s.tenant_id = o.tenant_id AND s.subject_id = o.id)",
    locked="o",
)
_REDACT_ORDER: Final = (
    f"UPDATE customer_order SET {', '.join(f'{column} = %s' for column in _CHANGING)}"  # noqa: S608 - constants
    " WHERE tenant_id = %s AND id = %s AND version = %s"
)
_REDACT_LINES: Final = "UPDATE order_line SET deletion_reason = '' WHERE tenant_id = %s AND order_id = %s"
_REDACT_EVENTS: Final = (
    "UPDATE event SET data = data || %s::jsonb"
    " WHERE tenant_id = %s AND stream_id = ANY(%s) AND type = %s AND schema_version = %s"
)
_EVENTS: Final = (
    f"SELECT {COLUMNS} FROM event WHERE tenant_id = %s AND stream_id = ANY(%s) ORDER BY stream_id, version"  # noqa: S608
)
_REDACT_REPLIES: Final = "UPDATE late_reply SET reply = %s WHERE tenant_id = %s AND saga_id = ANY(%s)"
_DROP_KEYS: Final = """
DELETE FROM idempotency_record WHERE (tenant_id, actor, key) IN (
    SELECT tenant_id, actor, key FROM idempotency_record r
    WHERE r.expires_at <= statement_timestamp() AND NOT EXISTS (
        SELECT 1 FROM saga s WHERE s.tenant_id = r.tenant_id AND s.id = r.saga_id AND s.status NOT IN %s
    )
    ORDER BY r.expires_at LIMIT %s
)
"""
_DROP_MESSAGES: Final = """
DELETE FROM message WHERE (tenant_id, consumer, stream_id, version) IN (
    SELECT tenant_id, consumer, stream_id, version FROM message
    WHERE settled_at < statement_timestamp() - %s ORDER BY settled_at LIMIT %s
)
"""
_DROP_REJECTS: Final = """
DELETE FROM rejected_reading WHERE (tenant_id, id) IN (
    SELECT tenant_id, id FROM rejected_reading
    WHERE created_at < statement_timestamp() - %s ORDER BY created_at LIMIT %s
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attendant:
    """An aggregate that belongs to an order: how it is found, and what a redaction changes of its row."""

    kind: str
    found: str
    row_of: Callable[[UUID, Iterable[Event]], dict[str, Any]]
    changing: tuple[str, ...]

    @property
    def redact(self) -> str:
        changes = ", ".join(f"{column} = %s" for column in self.changing)
        return f"UPDATE {self.kind} SET {changes} WHERE tenant_id = %s AND id = %s AND version = %s"  # noqa: S608


_SAGA: Final = _Attendant(
    kind=Saga.kind,
    found="""
WITH given AS (SELECT %s::uuid AS tenant_id, %s::uuid AS order_id)
SELECT s.id FROM saga s JOIN given USING (tenant_id)
WHERE s.subject_id = order_id OR s.subject_id IN (
    SELECT r.refund_id FROM payment p JOIN refund_payment r ON r.tenant_id = p.tenant_id AND r.payment_id = p.id
    WHERE p.tenant_id = given.tenant_id AND p.order_id = given.order_id
)
""",
    row_of=saga_row_of,
    changing=("reason", "steps"),
)
_PAYMENT: Final = _Attendant(
    kind=Payment.kind,
    found="SELECT id FROM payment WHERE tenant_id = %s AND order_id = %s ORDER BY id FOR UPDATE",
    row_of=payment_row_of,
    changing=("method",),
)


class DjangoPurge:
    """PurgeUnitOfWork on this thread's connection of the purge's role."""

    def __init__(self) -> None:
        self._atomic: Any = None

    def __enter__(self) -> Self:
        with port_errors():
            self._atomic = transaction.atomic(using=PURGE_ALIAS)
            self._atomic.__enter__()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with port_errors():
            self._atomic.__exit__(exc_type, exc, traceback)

    def deleted_orders(self, deleted_before: datetime, limit: int) -> Sequence[DeletedOrder]:
        """See the port."""
        due = self._query(_DUE_AFTER_A_SAGA, (_ENDED, deleted_before, _ENDED, limit))
        due += self._query(_DUE_WITHOUT_A_SAGA, (deleted_before, _ENDED, limit))
        found = []
        for _, tenant_id, order_id in sorted(due)[:limit]:
            wanted = OrderModel.objects.all_with_deleted().filter(tenant_id=tenant_id, id=order_id)
            (row,) = self._query(*compiled(order_rows(wanted, with_deleted=True)))
            found.append(DeletedOrder(tenant_id, order_of(row)))
        return found

    def replace(self, deleted: DeletedOrder) -> None:
        """See the port."""
        order, key = deleted.order, (deleted.tenant_id, deleted.order.id)
        row = order_to_row(order)
        if not self._run(_REDACT_ORDER, (*(row[name] for name in _CHANGING), *key, order.stored_version)):
            raise StaleObjectError(kind=Order.kind, id=str(order.id), current_version=None)
        self._run(_REDACT_LINES, key)
        sagas, payments = (
            [id_ for (id_,) in self._query(attendant.found, key)] for attendant in (_SAGA, _PAYMENT)
        )
        self._redact_events(deleted.tenant_id, [order.id, *sagas, *payments])
        self._fold_again(_SAGA, deleted.tenant_id, sagas)
        self._fold_again(_PAYMENT, deleted.tenant_id, payments)
        self._run(_REDACT_REPLIES, (REDACTED, deleted.tenant_id, sagas))
        appended = append_statement(
            CommandContext(
                tenant_id=deleted.tenant_id, actor=ACTOR, correlation_id=ACTOR, causation_id=ACTOR
            ),
            [
                NewEvent(Order.kind, order.id, version, event)
                for version, event in enumerate(order.pending_events, start=order.stored_version + 1)
            ],
        )
        self._query(appended.sql, appended.params)

    def drop_expired_keys(self, limit: int) -> int:
        """See the port."""
        return self._run(_DROP_KEYS, (_ENDED, limit))

    def drop_settled_messages(self, limit: int) -> int:
        """See the port."""
        return self._run(_DROP_MESSAGES, (SETTLED_KEPT_FOR, limit))

    def drop_old_rejects(self, limit: int) -> int:
        """See the port."""
        return self._run(_DROP_REJECTS, (REJECTS_KEPT_FOR, limit))

    def _redact_events(self, tenant_id: UUID, stream_ids: Sequence[UUID]) -> None:
        for event_class in event_classes():
            if event_class.personal:
                redaction = msgspec.json.encode(dict(event_class.personal)).decode()
                place = (event_class.wire_name, event_class.schema_version)
                self._run(_REDACT_EVENTS, (redaction, tenant_id, stream_ids, *place))

    def _fold_again(self, attendant: _Attendant, tenant_id: UUID, ids: Sequence[UUID]) -> None:
        """Let each row say what its redacted events say."""
        streams: dict[UUID, list[Event]] = {id_: [] for id_ in ids}
        for stored in map(recorded_event, self._query(_EVENTS, (tenant_id, ids)) if ids else ()):
            streams[stored.stream_id].append(stored.event)
        for id_, events in streams.items():
            row = attendant.row_of(id_, events)
            values = (row[column] for column in attendant.changing)
            if not self._run(attendant.redact, (*values, tenant_id, id_, row["version"])):
                raise StaleObjectError(kind=attendant.kind, id=str(id_), current_version=None)

    def _query(self, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
        with port_errors(), connections[PURGE_ALIAS].cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall()

    def _run(self, sql: str, params: Sequence[Any]) -> int:
        """How many rows were changed."""
        with port_errors(), connections[PURGE_ALIAS].cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.rowcount
