"""Payments, to rows and back; the refunds are one JSON text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from domain.money import Money
from domain.payments.payment import Payment, PaymentStatus
from domain.payments.refund import Refund

_encode: Final = msgspec.json.Encoder().encode
_refunds: Final = msgspec.json.Decoder(tuple[Refund, ...])


def payment_to_row(payment: Payment) -> dict[str, Any]:
    """The payment's row."""
    return {
        "id": payment.id,
        "version": payment.version,
        "order_id": payment.order_id,
        "attempt": payment.attempt,
        "amount_minor": payment.amount.minor,
        "currency": payment.amount.currency,
        "method": payment.method,
        "status": payment.status.value,
        "gateway_id": payment.gateway_id,
        "decline_reason": payment.decline_reason,
        "refunded_minor": payment.refunded_minor,
        "refunds": _encode(payment.refunds).decode(),
        "created_at": payment.created_at,
        "updated_at": payment.updated_at,
    }


def payment_from_row(row: Mapping[str, Any]) -> Payment:
    """The payment of a row."""
    return Payment.restore(
        row["id"],
        version=row["version"],
        updated_at=row["updated_at"],
        order_id=row["order_id"],
        attempt=row["attempt"],
        amount=Money(row["amount_minor"], row["currency"]),
        method=row["method"],
        status=PaymentStatus(row["status"]),
        gateway_id=row["gateway_id"],
        decline_reason=row["decline_reason"],
        refunded_minor=row["refunded_minor"],
        refunds=_refunds.decode(row["refunds"]),
        created_at=row["created_at"],
    )
