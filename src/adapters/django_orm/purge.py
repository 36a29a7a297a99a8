"""The purge on PostgreSQL, in the role that may redact deleted orders and their events, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from django.db import connections, transaction

from adapters.django_orm.aggregate_rows import order_of, order_rows
from adapters.django_orm.error_translation import port_errors
from adapters.django_orm.event_rows import NewEvent, append_statement
from adapters.django_orm.models import Order as OrderModel
from adapters.django_orm.tenant_session import compiled
from adapters.row_mapping.orders import order_to_row
from application.ports.outbox import SETTLED_KEPT_FOR
from application.ports.purge import DeletedOrder
from application.ports.unit_of_work import CommandContext
from domain.errors import StaleObjectError
from domain.event import event_classes
from domain.orders.order import Order

PURGE_ALIAS: Final = "purge"
ACTOR: Final = "purge"

_CHANGING: Final = (
    "version", "customer_ref", "payment_method", "reference", "email", "note", "address", "cancel_reason",
    "deletion_reason", "updated_at", "purged_at",
)  # fmt: skip
# Whoever comes to refer to orders, and must find them whole, is named here.
_DUE: Final = """
SELECT o.tenant_id, o.id FROM customer_order o
WHERE o.deleted_at <= %s AND o.purged_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM stock_reservation r WHERE r.tenant_id = o.tenant_id AND r.order_id = o.id
) AND NOT EXISTS (
    SELECT 1 FROM message m
    WHERE m.tenant_id = o.tenant_id AND m.stream_id = o.id AND m.settled_at IS NULL
)
ORDER BY o.deleted_at LIMIT %s FOR UPDATE OF o SKIP LOCKED
"""
_REDACT_ORDER: Final = (
    f"UPDATE customer_order SET {', '.join(f'{column} = %s' for column in _CHANGING)}"  # noqa: S608 - constants
    " WHERE tenant_id = %s AND id = %s AND version = %s"
)
_REDACT_LINES: Final = "UPDATE order_line SET deletion_reason = '' WHERE tenant_id = %s AND order_id = %s"
_REDACT_EVENTS: Final = (
    "UPDATE event SET data = data || %s::jsonb"
    " WHERE tenant_id = %s AND stream_id = %s AND type = %s AND schema_version = %s"
)
_DROP_KEYS: Final = """
DELETE FROM idempotency_record WHERE (tenant_id, actor, key) IN (
    SELECT tenant_id, actor, key FROM idempotency_record
    WHERE expires_at <= statement_timestamp() ORDER BY expires_at LIMIT %s
)
"""
_DROP_MESSAGES: Final = """
DELETE FROM message WHERE (tenant_id, consumer, stream_id, version) IN (
    SELECT tenant_id, consumer, stream_id, version FROM message
    WHERE settled_at < statement_timestamp() - %s ORDER BY settled_at LIMIT %s
)
"""


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
        found = []
        for tenant_id, order_id in self._query(_DUE, (deleted_before, limit)):
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
        for event_class in event_classes():
            if event_class.personal:
                redaction = msgspec.json.encode(dict(event_class.personal)).decode()
                place = (event_class.wire_name, event_class.schema_version)
                self._run(_REDACT_EVENTS, (redaction, *key, *place))
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
        return self._run(_DROP_KEYS, (limit,))

    def drop_settled_messages(self, limit: int) -> int:
        """See the port."""
        return self._run(_DROP_MESSAGES, (SETTLED_KEPT_FOR, limit))

    def _query(self, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
        with port_errors(), connections[PURGE_ALIAS].cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall()

    def _run(self, sql: str, params: Sequence[Any]) -> int:
        """How many rows were changed."""
        with port_errors(), connections[PURGE_ALIAS].cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.rowcount
