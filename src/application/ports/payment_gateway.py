"""The payment provider: authorises, captures, voids and refunds under keys, and can be asked what became of a key.

Every call carries a key that is the same on every try (S3): the provider carries a key out once, and answers a
repetition as it answered first. A call may be repeated for that reason alone; whether to do so or to ask is the
caller's decision (S4).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from domain.errors import DomainError
from domain.money import Money

KEY_LENGTH_MAX: Final = 120
DECLINE_REASON_LENGTH_MAX: Final = 200


class Operation(StrEnum):
    """What is asked of the provider."""

    AUTHORISE = "authorise"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class GatewayUnavailable(DomainError):
    """The payment gateway did not carry it out ({problem}); the same call can be repeated."""

    def __init__(self, *, problem: str, **data: object) -> None:
        super().__init__(problem=problem, **data)


class GatewayOutcomeUnknown(DomainError):
    """The payment gateway gave no answer ({problem}); it may have carried it out or not. Ask it by the key."""

    def __init__(self, *, problem: str, **data: object) -> None:
        super().__init__(problem=problem, **data)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayReply:
    """What became of a key: carried out, or declined for good with a reason."""

    key: str
    operation: Operation
    payment_id: str
    """The provider's own name of the payment: of the one that was authorised, or that the operation was about."""
    amount: Money
    declined: str | None
    """None: carried out. Else why not, e.g. "insufficient_funds"; nothing was moved then."""
    at: datetime


class PaymentGateway(Protocol):
    """Each method makes one attempt in bounded time. Never to be called inside a transaction (O5).

    Raises GatewayUnavailable when the attempt has certainly had no effect or may be repeated at once under its key,
    GatewayOutcomeUnknown when it may have had one. May be called by several threads at once.
    """

    @property
    def settle_s(self) -> float:
        """How long after a call its effect may still appear; "not found" is final only later than that (S4)."""
        ...

    @property
    def timeout_s(self) -> float:
        """No attempt takes longer than this."""
        ...

    def authorise(self, key: str, *, order_id: UUID, amount: Money, method: str) -> GatewayReply:
        """Set the amount aside on the customer's side. `method`: the provider's token for card or account."""
        ...

    def capture(self, key: str, *, payment_id: str, amount: Money) -> GatewayReply:
        """Take what was set aside, whole. Declined: the authorisation is void, or has expired."""
        ...

    def void(self, key: str, *, payment_id: str) -> GatewayReply:
        """Let go what was set aside. Declined: it was captured, or voided under another key."""
        ...

    def refund(self, key: str, *, payment_id: str, amount: Money) -> GatewayReply:
        """Give back captured money, whole or a part. Declined: more than is left of it."""
        ...

    def ask(self, key: str) -> GatewayReply | None:
        """What became of a key; None if the provider doesn't know it (yet: see `settle_s`)."""
        ...
