"""A payment as readers see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.payments.payment import Payment, PaymentStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentView:
    """A payment at one version; amounts are decimal strings. `attempt` counts the tries of its order from 1."""

    id: UUID
    version: int
    order_id: UUID
    attempt: int
    status: PaymentStatus
    amount: str
    currency: str
    refunded: str
    """So much was given back."""
    gateway_id: str | None
    """The gateway's own name of the payment; null before it is authorised."""
    decline_reason: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, payment: Payment) -> PaymentView:
        """The view of the aggregate as it stands."""
        return cls(
            id=payment.id,
            version=payment.version,
            order_id=payment.order_id,
            attempt=payment.attempt,
            status=payment.status,
            amount=str(payment.amount),
            currency=payment.amount.currency,
            refunded=str(payment.refunded),
            gateway_id=payment.gateway_id,
            decline_reason=payment.decline_reason,
            created_at=payment.created_at,
            updated_at=payment.updated_at,
        )
