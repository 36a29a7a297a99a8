"""What can happen to a payment."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar
from uuid import UUID

from domain.event import REDACTED, Event, event


@event("payment.requested")
@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRequested(Event):
    """An amount is to be set aside; `method` is the gateway's token. `attempt` counts the tries of one order."""

    personal: ClassVar = MappingProxyType({"method": REDACTED})

    order_id: UUID
    attempt: int
    amount_minor: int
    currency: str
    method: str


@event("payment.unclear")
@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentUnclear(Event):
    """The gateway gave no answer; it may have set the amount aside or not."""


@event("payment.authorised")
@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentAuthorised(Event):
    """The amount is set aside. `gateway_id`: the gateway's own name of the payment."""

    gateway_id: str


@event("payment.declined")
@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDeclined(Event):
    """The gateway refused; no money was moved."""

    reason: str


@event("payment.captured")
@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCaptured(Event):
    """The amount was taken."""


@event("payment.voided")
@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentVoided(Event):
    """What was set aside is the customer's again; or nothing ever was."""


@event("payment.refund_requested")
@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefundRequested(Event):
    """So much is to be given back; nobody else can have it until that is settled."""

    personal: ClassVar = MappingProxyType({"reason": REDACTED})

    refund_id: UUID
    amount_minor: int
    reason: str


@event("payment.refunded")
@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefunded(Event):
    """So much was given back."""

    refund_id: UUID
    amount_minor: int


@event("payment.refund_declined")
@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefundDeclined(Event):
    """The gateway refused; no money was moved."""

    refund_id: UUID
    reason: str
