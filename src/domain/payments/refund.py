"""Giving money back: how far one refund is, and the definition of the saga that carries it out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.orders.fulfilment import UNTIL_SOMEBODY_LOOKS
from domain.saga.definition import SagaDefinition, Step, StepKind

REFUND: Final = "refund"
REFUNDS_MAX: Final = 100
"""Of one payment, the declined ones included."""
REFUND_REASON_LENGTH_MAX: Final = 200

REFUND_SAGA: Final = SagaDefinition(
    name="refund.1",
    time_limit=timedelta(days=1),
    steps=(Step(name=REFUND, kind=StepKind.PIVOT, retry=UNTIL_SOMEBODY_LOOKS),),
)
"""One call that may be refused and can't be undone. Nothing stands before it, so the time limit never counts."""


class RefundStatus(StrEnum):
    """What is known of the money that is to be given back."""

    REQUESTED = "requested"
    """It may have been given back already, without our knowing."""
    REFUNDED = "refunded"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """One of a payment."""

    id: UUID
    amount_minor: int
    status: RefundStatus
    decline_reason: str | None
    requested_at: datetime
