"""The payment provider: authorises, captures, voids and refunds under keys, and can be asked what became of a key.

Every call carries a key that is the same on every try (S3): the provider carries a key out once, and answers a
repetition as it answered first. A call may be repeated for that reason alone; whether to do so or to ask is the
caller's decision (S4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from domain.errors import DomainError
from domain.money import Money

KEY_LENGTH_MAX: Final = 120
"""In characters of visible ASCII; a key has at least one."""
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


class GatewayRefused(DomainError):
    """The payment gateway refuses the call itself ({problem}); no repetition will help. Mend the caller or settings."""

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
    """What was asked for; of a void, what was let go (nothing if it was declined)."""
    declined: str | None
    """None: carried out. Else why not, e.g. "insufficient_funds"; nothing was moved then."""
    at: datetime
    """When it was decided, by the provider's clock; a repetition gives the first time."""


class PaymentGateway(Protocol):
    """Each method makes one attempt in bounded time. Never to be called inside a transaction (O5).

    Raises GatewayUnavailable when the attempt has certainly had no effect or may be repeated at once under its key,
    GatewayOutcomeUnknown when it may have had one, also while an earlier call with that key is still on its way.
    Raises GatewayRefused, without an effect, when the call itself is wrong: the key was used with other parameters,
    there is no such payment, the currency is another one, an amount is nothing, the token isn't right. Such a call
    is not remembered under its key. May be called by several threads at once.
    """

    @property
    def settle_s(self) -> float:
        """How long after a call has ended its effect may still appear; "not found" is final only later (S4)."""
        ...

    @property
    def timeout_s(self) -> float:
        """No attempt takes longer than this."""
        ...

    def authorise(self, key: str, *, order_id: UUID, amount: Money, method: str) -> GatewayReply:
        """Set the amount aside on the customer's side. `method`: the provider's token for card or account.

        Declined: by the customer's bank, or there is no such method. A declined one has a payment_id too, with
        nothing behind it.
        """
        ...

    def capture(self, key: str, *, payment_id: str, amount: Money) -> GatewayReply:
        """Take what was set aside, once, whole or a part; the rest is let go.

        Declined: the authorisation was declined, is void or has expired, it was captured under another key, or the
        amount is more than was set aside.
        """
        ...

    def void(self, key: str, *, payment_id: str) -> GatewayReply:
        """Let go what was set aside. Declined: it was captured, voided under another key, or never set aside."""
        ...

    def refund(self, key: str, *, payment_id: str, amount: Money) -> GatewayReply:
        """Give back captured money, whole or a part, also in several parts. Declined: more than is left of it."""
        ...

    def ask(self, key: str) -> GatewayReply | None:
        """What became of a key; None if the provider doesn't know it (yet: see `settle_s`).

        It has no effect, so whatever kept it from an answer is GatewayUnavailable.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEffect:
    """One thing that the provider carried out; declined ones have no effect."""

    key: str
    operation: Operation
    amount: Money
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One payment in the provider's own books."""

    payment_id: str
    order_id: UUID
    authorised: Money
    """What was set aside at first; nothing for a declined one."""
    captured: Money
    refunded: Money
    voided: bool
    effects: tuple[LedgerEffect, ...]
    """In the order in which they were carried out."""


class PaymentLedger(Protocol):
    """The provider's books, for audits (M1)."""

    def entries(self) -> Iterator[LedgerEntry]:
        """Every payment, in the order of the authorisations, each as of one moment, read page by page.

        Payments that are authorised meanwhile may be missing. Raises GatewayUnavailable and GatewayRefused.
        """
        ...
