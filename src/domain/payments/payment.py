"""A payment: one attempt to pay for one order."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.aggregate import Aggregate
from domain.errors import InvalidInput, NotFound, RuleViolation
from domain.event import Event
from domain.money import Money
from domain.payments.events import (
    PaymentAuthorised,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefundDeclined,
    PaymentRefunded,
    PaymentRefundRequested,
    PaymentRequested,
    PaymentUnclear,
    PaymentVoided,
)
from domain.payments.refund import REFUND, REFUND_REASON_LENGTH_MAX, REFUNDS_MAX, Refund, RefundStatus
from domain.text import require_text

DECLINE_REASON_LENGTH_MAX: Final = 200
ATTEMPTS_MAX: Final = 50
"""Tries to pay for one order."""


class PaymentStatus(StrEnum):
    """What is known of the money."""

    REQUESTED = "requested"
    UNKNOWN = "unknown"
    AUTHORISED = "authorised"
    DECLINED = "declined"
    CAPTURED = "captured"
    VOIDED = "voided"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"


UNANSWERED: Final = frozenset({PaymentStatus.REQUESTED, PaymentStatus.UNKNOWN})
PAID: Final = frozenset({PaymentStatus.CAPTURED, PaymentStatus.PARTLY_REFUNDED, PaymentStatus.REFUNDED})


class PaymentStatusForbids(RuleViolation):
    """The payment is {status}; it can't be {action}."""


class RefundTooLarge(RuleViolation):
    """At most {refundable} of this payment can be given back: what was taken less what was, or is being, given back."""


class TooManyRefunds(RuleViolation):
    """A payment has at most {refunds_max} refunds."""


class TooManyPaymentTries(RuleViolation):
    """{attempts_max} tries to pay for this order were declined; it can only be cancelled."""


class Payment(Aggregate):
    """The money of one attempt. What the gateway's ledger says and what this says are the same (M1)."""

    kind = "payment"

    order_id: UUID
    attempt: int
    amount: Money
    method: str
    status: PaymentStatus
    gateway_id: str | None
    decline_reason: str | None
    refunded_minor: int
    refunds: tuple[Refund, ...]
    created_at: datetime

    @classmethod
    def request(
        cls, *, id: UUID, order_id: UUID, attempt: int, amount: Money, method: str, at: datetime
    ) -> Payment:
        """Ask for an amount above zero. Raises InvalidInput, TooManyPaymentTries."""
        if amount.minor == 0:
            raise InvalidInput(field="amount", problem="must be above 0; nothing is paid for a free order")
        if attempt > ATTEMPTS_MAX:
            raise TooManyPaymentTries(attempts_max=ATTEMPTS_MAX)
        payment = cls(id)
        payment._record(
            PaymentRequested(
                occurred_at=at,
                order_id=order_id,
                attempt=attempt,
                amount_minor=amount.minor,
                currency=amount.currency,
                method=method,
            )
        )
        return payment

    @property
    def refunded(self) -> Money:
        """What was given back."""
        return Money(self.refunded_minor, self.amount.currency)

    @property
    def refundable(self) -> Money:
        """What can still be asked to be given back: what was taken less every refund that was not declined."""
        taken = self.amount.minor if self.status in PAID else 0
        asked = sum(
            refund.amount_minor for refund in self.refunds if refund.status is not RefundStatus.DECLINED
        )
        return Money(max(0, taken - asked), self.amount.currency)

    def refund_of(self, refund_id: UUID) -> Refund:
        """One of its refunds. Raises NotFound."""
        for refund in self.refunds:
            if refund.id == refund_id:
                return refund
        raise NotFound(kind=REFUND, id=str(refund_id))

    def lose_sight(self, *, at: datetime) -> None:
        """The gateway gave no answer; nothing changes if that is known already."""
        self._require("unclear", UNANSWERED)
        if self.status is PaymentStatus.REQUESTED:
            self._record(PaymentUnclear(occurred_at=at))

    def authorise(self, gateway_id: str, *, at: datetime) -> None:
        """The gateway has set the amount aside; found late, that may be after nothing was believed to be."""
        self._require("authorised", UNANSWERED | {PaymentStatus.VOIDED})
        if self.status is PaymentStatus.VOIDED and self.gateway_id is not None:
            raise PaymentStatusForbids(status=self.status.value, action="authorised")
        self._record(PaymentAuthorised(occurred_at=at, gateway_id=gateway_id))

    def decline(self, reason: str, *, at: datetime) -> None:
        """The gateway refused to set the amount aside, or to take it."""
        self._require("declined", UNANSWERED)
        self._record(PaymentDeclined(occurred_at=at, reason=reason[:DECLINE_REASON_LENGTH_MAX]))

    def capture(self, *, at: datetime) -> None:
        """The gateway has taken the whole amount."""
        self._require("captured", frozenset({PaymentStatus.AUTHORISED}))
        self._record(PaymentCaptured(occurred_at=at))

    def void(self, *, at: datetime) -> None:
        """The gateway has let go what was set aside, or never knew of it."""
        self._require("voided", UNANSWERED | {PaymentStatus.AUTHORISED})
        self._record(PaymentVoided(occurred_at=at))

    def request_refund(self, refund_id: UUID, amount: Money | None, *, reason: str, at: datetime) -> None:
        """Set so much aside to be given back; None: whatever is left.

        Raises PaymentStatusForbids, RefundTooLarge, TooManyRefunds, and InvalidInput that names the field.
        """
        require_text("reason", reason, length_max=REFUND_REASON_LENGTH_MAX, length_min=0)
        self._require("refunded", PAID)
        if len(self.refunds) >= REFUNDS_MAX:
            raise TooManyRefunds(refunds_max=REFUNDS_MAX)
        wanted = self.refundable if amount is None else amount
        if amount is not None and (amount.currency != self.amount.currency or amount.minor == 0):
            raise InvalidInput(field="amount", problem=f"must be above 0, in {self.amount.currency}")
        if wanted.minor > self.refundable.minor or wanted.minor == 0:
            raise RefundTooLarge(field="amount", refundable=str(self.refundable))
        self._record(
            PaymentRefundRequested(
                occurred_at=at, refund_id=refund_id, amount_minor=wanted.minor, reason=reason
            )
        )

    def refund(self, refund_id: UUID, *, at: datetime) -> None:
        """The gateway has given it back. Raises NotFound, PaymentStatusForbids."""
        refund = self._open_refund(refund_id)
        self._record(PaymentRefunded(occurred_at=at, refund_id=refund_id, amount_minor=refund.amount_minor))

    def decline_refund(self, refund_id: UUID, reason: str, *, at: datetime) -> None:
        """The gateway refused to give it back. Raises NotFound, PaymentStatusForbids."""
        self._open_refund(refund_id)
        self._record(
            PaymentRefundDeclined(
                occurred_at=at, refund_id=refund_id, reason=reason[:DECLINE_REASON_LENGTH_MAX]
            )
        )

    def _open_refund(self, refund_id: UUID) -> Refund:
        refund = self.refund_of(refund_id)
        if refund.status is not RefundStatus.REQUESTED:
            raise PaymentStatusForbids(status=f"settled ({refund.status.value})", action="refunded")
        return refund

    def _settle(self, refund_id: UUID, status: RefundStatus, reason: str | None = None) -> None:
        self.refunds = tuple(
            replace(refund, status=status, decline_reason=reason) if refund.id == refund_id else refund
            for refund in self.refunds
        )

    def _require(self, action: str, allowed: frozenset[PaymentStatus]) -> None:
        if self.status not in allowed:
            raise PaymentStatusForbids(status=self.status.value, action=action)

    def _apply(self, event: Event) -> None:
        match event:
            case PaymentRequested():
                self.order_id, self.attempt, self.method = event.order_id, event.attempt, event.method
                self.amount = Money(event.amount_minor, event.currency)
                self.status, self.created_at = PaymentStatus.REQUESTED, event.occurred_at
                self.gateway_id = self.decline_reason = None
                self.refunded_minor, self.refunds = 0, ()
            case PaymentUnclear():
                self.status = PaymentStatus.UNKNOWN
            case PaymentAuthorised():
                self.status, self.gateway_id = PaymentStatus.AUTHORISED, event.gateway_id
            case PaymentDeclined():
                self.status, self.decline_reason = PaymentStatus.DECLINED, event.reason
            case PaymentCaptured():
                self.status = PaymentStatus.CAPTURED
            case PaymentVoided():
                self.status = PaymentStatus.VOIDED
            case PaymentRefundRequested():
                refund = Refund(
                    id=event.refund_id,
                    amount_minor=event.amount_minor,
                    status=RefundStatus.REQUESTED,
                    decline_reason=None,
                    requested_at=event.occurred_at,
                )
                self.refunds = (*self.refunds, refund)
            case PaymentRefundDeclined():
                self._settle(event.refund_id, RefundStatus.DECLINED, event.reason)
            case PaymentRefunded():
                self._settle(event.refund_id, RefundStatus.REFUNDED)
                self.refunded_minor += event.amount_minor
                is_whole = self.refunded_minor == self.amount.minor
                self.status = PaymentStatus.REFUNDED if is_whole else PaymentStatus.PARTLY_REFUNDED
            case _:
                super()._apply(event)
