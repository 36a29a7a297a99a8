"""A payment as readers see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.money import Money
from domain.payments.payment import Payment, PaymentStatus
from domain.payments.refund import RefundStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundView:
    """One refund; `amount` is a decimal string in the payment's currency."""

    id: UUID
    amount: str
    status: RefundStatus
    decline_reason: str | None
    requested_at: datetime


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
    refunds: tuple[RefundView, ...]
    """Oldest first, those that are not settled or were declined too."""
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
            refunds=tuple(
                RefundView(
                    id=refund.id,
                    amount=str(Money(refund.amount_minor, payment.amount.currency)),
                    status=refund.status,
                    decline_reason=refund.decline_reason,
                    requested_at=refund.requested_at,
                )
                for refund in payment.refunds
            ),
            gateway_id=payment.gateway_id,
            decline_reason=payment.decline_reason,
            created_at=payment.created_at,
            updated_at=payment.updated_at,
        )
