"""Payments as they are read from PostgreSQL, for repositories and for read models."""

from __future__ import annotations

from typing import Final

from adapters.django_orm.tenant_session import Row
from adapters.row_mapping.payments import payment_from_row
from domain.payments.payment import Payment

_COLUMNS: Final = (
    "id", "version", "order_id", "attempt", "amount_minor", "currency", "method", "status", "gateway_id",
    "decline_reason", "refunded_minor", "refunds", "created_at", "updated_at",
)  # fmt: skip
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM payment WHERE tenant_id = %s AND "  # noqa: S608 - constants
PAYMENT_BY_ID: Final = f"{_SELECT} id = %s"
PAYMENT_OF_REFUND: Final = (
    f"{_SELECT} id = (SELECT payment_id FROM refund_payment WHERE tenant_id = %s AND refund_id = %s)"  # noqa: S608
)
PAYMENTS_OF_ORDER: Final = f"{_SELECT} order_id = %s ORDER BY attempt"
PAYMENTS_OF_ORDERS: Final = f"{_SELECT} order_id = ANY(%s::uuid[])"
ORDER_OF_PAYMENT: Final = _COLUMNS.index("order_id")
"""The place in a row."""


def payment_of(row: Row) -> Payment:
    """The payment of a row of one of these statements."""
    return payment_from_row(dict(zip(_COLUMNS, row, strict=True)))
