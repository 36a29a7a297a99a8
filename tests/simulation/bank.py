"""A gateway for crash tests: a ledger under keys, and moods by payment method. Shares no code with any adapter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from application.ports.payment_gateway import (
    GatewayOutcomeUnknown,
    GatewayReply,
    GatewayUnavailable,
    Operation,
)
from domain.money import Money

LATE_BY: Final = timedelta(seconds=20)
"""Within the time in which everything settles."""


@dataclass
class Account:
    """One payment as the bank sees it, in minor units."""

    order_id: UUID
    authorised: int
    captured: int = 0
    refunded: int = 0
    voided: bool = False


class Bank:
    """PaymentGateway. Methods: "good", "declined", "mute_before", "mute_after", "flaky", "no_capture", "late",
    "no_refund".
    """

    settle_s = 30.0
    timeout_s = 5.0

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.accounts: dict[str, Account] = {}
        self._replies: dict[str, GatewayReply] = {}
        self._methods: dict[str, str] = {}
        self._tries: Counter[str] = Counter()
        self._late: dict[str, tuple[datetime, UUID, Money]] = {}

    def authorise(self, key: str, *, order_id: UUID, amount: Money, method: str) -> GatewayReply:
        """See the port."""
        self._tries[key] += 1
        first = self._tries[key] == 1
        if method == "mute_before" and first:
            raise GatewayOutcomeUnknown(problem="no answer")
        if method == "flaky" and self._tries[key] <= 2:
            raise GatewayUnavailable(problem="busy")
        if method == "late":
            self._late.setdefault(key, (self._now() + LATE_BY, order_id, amount))
            self._let_late_effects_appear()
            if key not in self._replies:
                raise GatewayOutcomeUnknown(problem="no answer")
        if key not in self._replies:
            payment_id = f"pay-{len(self.accounts) + 1}"
            declined = "insufficient_funds" if method == "declined" else None
            if declined is None:
                self.accounts[payment_id] = Account(order_id, amount.minor)
                self._methods[payment_id] = method
            self._replies[key] = self._reply(key, Operation.AUTHORISE, payment_id, amount, declined)
        if method == "mute_after" and first:
            raise GatewayOutcomeUnknown(problem="no answer")
        return self._replies[key]

    def capture(self, key: str, *, payment_id: str, amount: Money) -> GatewayReply:
        """See the port."""
        account, method = self.accounts[payment_id], self._methods[payment_id]
        self._tries[key] += 1
        first = self._tries[key] == 1
        if method == "flaky" and first:
            raise GatewayUnavailable(problem="busy")
        if key not in self._replies:
            declined = "expired" if account.voided or method == "no_capture" else None
            if declined is None:
                account.captured += amount.minor
            self._replies[key] = self._reply(key, Operation.CAPTURE, payment_id, amount, declined)
        if method == "mute_after" and first:
            raise GatewayOutcomeUnknown(problem="no answer")
        return self._replies[key]

    def void(self, key: str, *, payment_id: str) -> GatewayReply:
        """See the port."""
        account = self.accounts[payment_id]
        if key not in self._replies:
            declined = "captured" if account.captured else None
            if declined is None:
                account.voided = True
            amount = Money(account.authorised, "EUR")
            self._replies[key] = self._reply(key, Operation.VOID, payment_id, amount, declined)
        return self._replies[key]

    def refund(self, key: str, *, payment_id: str, amount: Money) -> GatewayReply:
        """See the port."""
        account, method = self.accounts[payment_id], self._methods[payment_id]
        self._tries[key] += 1
        first = self._tries[key] == 1
        if method == "flaky" and first:
            raise GatewayUnavailable(problem="busy")
        if method == "mute_before" and first:
            raise GatewayOutcomeUnknown(problem="no answer")
        if key not in self._replies:
            is_too_much = account.refunded + amount.minor > account.captured
            declined = "refused" if is_too_much or method == "no_refund" else None
            if declined is None:
                account.refunded += amount.minor
            self._replies[key] = self._reply(key, Operation.REFUND, payment_id, amount, declined)
        if method == "mute_after" and first:
            raise GatewayOutcomeUnknown(problem="no answer")
        return self._replies[key]

    def change_method(self, payment_id: str, method: str) -> None:
        """From now on the payment behaves so."""
        self._methods[payment_id] = method

    def ask(self, key: str) -> GatewayReply | None:
        """See the port."""
        self._let_late_effects_appear()
        return self._replies.get(key)

    def _let_late_effects_appear(self) -> None:
        for key, (at, order_id, amount) in list(self._late.items()):
            if at <= self._now() and key not in self._replies:
                payment_id = f"pay-{len(self.accounts) + 1}"
                self.accounts[payment_id] = Account(order_id, amount.minor)
                self._methods[payment_id] = "good"
                self._replies[key] = self._reply(key, Operation.AUTHORISE, payment_id, amount, None)

    def _reply(
        self, key: str, operation: Operation, payment_id: str, amount: Money, declined: str | None
    ) -> GatewayReply:
        return GatewayReply(
            key=key,
            operation=operation,
            payment_id=payment_id,
            amount=amount,
            declined=declined,
            at=self._now(),
        )
