"""The contract of PaymentGateway: one key has one effect and one answer, whatever gets lost on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

import pytest

from adapters.system_clock import new_id
from application.ports.payment_gateway import (
    KEY_LENGTH_MAX,
    GatewayOutcomeUnknown,
    GatewayRefused,
    GatewayReply,
    GatewayUnavailable,
    LedgerEntry,
    Operation,
    PaymentGateway,
    PaymentLedger,
)
from domain.money import Money
from unit.contracts.threads import Threads

CALLERS = 20
PRICE = Money(1_340, "EUR")
NOTHING = Money(0, "EUR")


def euros(minor: int) -> Money:
    """So many cents."""
    return Money(minor, "EUR")


def a_key(name: str) -> str:
    """A key that no other test has, made like a saga's."""
    return f"{new_id()}/{name}"


class Provider(Protocol):
    """The provider, and the gateway that leads to it."""

    @property
    def gateway(self) -> PaymentGateway: ...
    @property
    def ledger(self) -> PaymentLedger: ...
    @property
    def late_s(self) -> float:
        """After so long the effect of `tok_late_success` appears."""
        ...

    def pass_time(self, seconds: float) -> None:
        """Let so much time pass for the provider."""
        ...


@dataclass
class Purchase:
    """One order's payment, with a key for each thing that is asked."""

    provider: Provider
    method: str = "tok_visa"
    amount: Money = PRICE
    order_id: UUID = field(default_factory=new_id)
    key: str = field(default_factory=lambda: a_key("authorise"))
    payment_id: str = ""

    def authorise(self) -> GatewayReply:
        """Ask for it, always under the same key."""
        reply = self.provider.gateway.authorise(
            self.key, order_id=self.order_id, amount=self.amount, method=self.method
        )
        self.payment_id = reply.payment_id
        return reply

    def capture(self, amount: Money = PRICE, key: str | None = None) -> GatewayReply:
        """Take so much."""
        return self.provider.gateway.capture(
            key or a_key("capture"), payment_id=self.payment_id, amount=amount
        )

    def void(self, key: str | None = None) -> GatewayReply:
        """Let it go."""
        return self.provider.gateway.void(key or a_key("void"), payment_id=self.payment_id)

    def refund(self, amount: Money = PRICE, key: str | None = None) -> GatewayReply:
        """Give so much back."""
        return self.provider.gateway.refund(key or a_key("refund"), payment_id=self.payment_id, amount=amount)

    def entries(self) -> list[LedgerEntry]:
        """What the provider's books have for the order."""
        return [entry for entry in self.provider.ledger.entries() if entry.order_id == self.order_id]

    def books(self) -> tuple[int, int, int, bool]:
        """Authorised, captured, refunded, voided, of the order's only payment."""
        (entry,) = self.entries()
        return entry.authorised.minor, entry.captured.minor, entry.refunded.minor, entry.voided

    def effects(self) -> list[Operation]:
        """What was carried out, in order."""
        return [effect.operation for entry in self.entries() for effect in entry.effects]


class PaymentGatewayContract:
    """A binding overrides `provider`."""

    @pytest.fixture
    def provider(self) -> Provider:
        """The adapter under test with its provider."""
        raise NotImplementedError("the binding must override provider")

    @pytest.fixture
    def purchase(self, provider: Provider) -> Purchase:
        """An order that nothing has been asked for yet."""
        return Purchase(provider)

    @pytest.fixture
    def captured(self, purchase: Purchase) -> Purchase:
        """An order that has been paid."""
        purchase.authorise()
        assert purchase.capture().declined is None
        return purchase

    def test_authorises_and_captures_the_whole(self, purchase: Purchase) -> None:
        reply = purchase.authorise()
        assert (reply.key, reply.operation, reply.amount, reply.declined) == (
            purchase.key,
            Operation.AUTHORISE,
            PRICE,
            None,
        )
        assert reply.at.tzinfo is not None
        assert purchase.books() == (1_340, 0, 0, False)
        taken = purchase.capture()
        assert (taken.operation, taken.payment_id, taken.amount, taken.declined) == (
            Operation.CAPTURE,
            reply.payment_id,
            PRICE,
            None,
        )
        assert purchase.books() == (1_340, 1_340, 0, False)

    def test_captures_a_part_once(self, purchase: Purchase) -> None:
        purchase.authorise()
        assert purchase.capture(euros(1_341)).declined == "amount_too_large"
        assert purchase.capture(euros(1_000)).declined is None
        assert purchase.capture(euros(340)).declined == "already_captured"
        assert purchase.books() == (1_340, 1_000, 0, False)

    def test_voids(self, purchase: Purchase) -> None:
        purchase.authorise()
        reply = purchase.void()
        assert (reply.operation, reply.amount, reply.declined) == (Operation.VOID, PRICE, None)
        assert purchase.books() == (1_340, 0, 0, True)
        assert purchase.void().declined == "already_voided"
        assert purchase.effects() == [Operation.AUTHORISE, Operation.VOID]

    def test_declines_a_capture_of_a_voided_one(self, purchase: Purchase) -> None:
        purchase.authorise()
        purchase.void()
        assert purchase.capture().declined == "already_voided"
        assert purchase.books() == (1_340, 0, 0, True)

    def test_declines_a_void_of_a_captured_one(self, captured: Purchase) -> None:
        reply = captured.void()
        assert (reply.declined, reply.amount) == ("already_captured", NOTHING)
        assert captured.books() == (1_340, 1_340, 0, False)

    def test_refunds_in_parts_and_never_more_than_was_captured(self, captured: Purchase) -> None:
        assert captured.refund(euros(340)).declined is None
        assert captured.refund(euros(1_001)).declined == "amount_too_large"
        assert captured.refund(euros(1_000)).declined is None
        assert captured.refund(euros(1)).declined == "amount_too_large"
        assert captured.books() == (1_340, 1_340, 1_340, False)

    def test_declines_a_refund_of_what_was_not_captured(self, purchase: Purchase) -> None:
        purchase.authorise()
        assert purchase.refund(euros(1)).declined == "not_captured"
        assert purchase.books() == (1_340, 0, 0, False)

    @pytest.mark.parametrize(
        ("method", "reason"),
        [
            ("tok_declined", "declined"),
            ("tok_insufficient_funds", "insufficient_funds"),
            ("Grün 茶\r\n☕", "unknown_payment_method"),
        ],
    )
    def test_declines_by_method_for_good(self, provider: Provider, method: str, reason: str) -> None:
        purchase = Purchase(provider, method)
        first = purchase.authorise()
        assert (first.declined, first.amount) == (reason, PRICE)
        assert purchase.authorise() == provider.gateway.ask(purchase.key) == first
        assert purchase.capture().declined == purchase.void().declined == "not_authorised"
        assert purchase.books() == (0, 0, 0, False)
        assert purchase.effects() == []

    @pytest.mark.promise("S3")
    def test_carries_a_key_out_once_and_answers_the_same_again(self, purchase: Purchase) -> None:
        capture, refund, void = a_key("capture"), a_key("refund"), a_key("void")
        calls: list[Callable[[], GatewayReply]] = [
            purchase.authorise,
            lambda: purchase.capture(key=capture),
            lambda: purchase.refund(euros(500), key=refund),
            lambda: purchase.void(key=void),
        ]
        first = [call() for call in calls]
        assert [reply.declined for reply in first] == [None, None, None, "already_captured"]
        assert [call() for call in calls] == first
        assert [purchase.provider.gateway.ask(reply.key) for reply in first] == first
        assert purchase.books() == (1_340, 1_340, 500, False)
        assert purchase.effects() == [Operation.AUTHORISE, Operation.CAPTURE, Operation.REFUND]

    @pytest.mark.promise("S3")
    def test_refuses_a_key_with_other_parameters(self, purchase: Purchase) -> None:
        gateway, key = purchase.provider.gateway, a_key("capture")
        purchase.authorise()
        first = purchase.capture(key=key)
        wrong: list[Callable[[], object]] = [
            lambda: purchase.capture(euros(1), key=key),
            lambda: purchase.refund(key=key),
            lambda: purchase.void(key=key),
            lambda: gateway.authorise(key, order_id=purchase.order_id, amount=PRICE, method="tok_visa"),
            lambda: gateway.authorise(purchase.key, order_id=new_id(), amount=PRICE, method="tok_visa"),
            lambda: gateway.authorise(
                purchase.key, order_id=purchase.order_id, amount=PRICE, method="tok_slow"
            ),
        ]
        for call in wrong:
            with pytest.raises(GatewayRefused, match="key"):
                call()
        assert gateway.ask(key) == first
        assert purchase.books() == (1_340, 1_340, 0, False)
        assert purchase.effects() == [Operation.AUTHORISE, Operation.CAPTURE]

    def test_refuses_a_wrong_call_and_forgets_it(self, captured: Purchase) -> None:
        gateway, key = captured.provider.gateway, a_key("refund")
        wrong: list[Callable[[], object]] = [
            lambda: gateway.refund(key, payment_id="pay_none", amount=PRICE),
            lambda: gateway.refund(key, payment_id=captured.payment_id, amount=Money(1, "USD")),
            lambda: gateway.refund(key, payment_id=captured.payment_id, amount=NOTHING),
            lambda: gateway.authorise(key, order_id=new_id(), amount=NOTHING, method="tok_visa"),
        ]
        for call in wrong:
            with pytest.raises(GatewayRefused):
                call()
        assert gateway.ask(key) is None
        assert captured.refund(euros(2), key=key).declined is None

    @pytest.mark.parametrize("key", ["", "k" * (KEY_LENGTH_MAX + 1), "a b", "é", "a\r\nX: y"])
    def test_refuses_what_is_no_key(self, purchase: Purchase, key: str) -> None:
        purchase.key = key
        with pytest.raises(GatewayRefused, match=f"1 to {KEY_LENGTH_MAX} characters"):
            purchase.authorise()
        with pytest.raises(GatewayRefused):
            purchase.provider.gateway.ask(key)

    def test_takes_the_longest_key_with_any_sign(self, purchase: Purchase) -> None:
        signs = "".join(map(chr, range(0x21, 0x7F)))
        purchase.key = (a_key("x") + signs)[-KEY_LENGTH_MAX:].rjust(KEY_LENGTH_MAX, "%")
        reply = purchase.authorise()
        assert (reply.key, purchase.provider.gateway.ask(purchase.key)) == (purchase.key, reply)

    @pytest.mark.promise("S4")
    def test_does_not_know_a_key_that_it_never_saw(self, provider: Provider) -> None:
        assert provider.gateway.ask(a_key("capture")) is None

    @pytest.mark.promise("S3")
    @pytest.mark.parametrize("method", ["tok_visa", "tok_slow"])
    def test_lets_racing_callers_with_one_key_have_one_effect(self, provider: Provider, method: str) -> None:
        purchase = Purchase(provider, method)
        outcomes = Threads(lambda: None).race(CALLERS, lambda _: purchase.authorise())
        assert [one.error for one in outcomes if one.error] == []
        assert len({one.result for one in outcomes}) == 1
        assert purchase.effects() == [Operation.AUTHORISE]

    def test_lets_racing_refunds_give_back_no_more_than_was_captured(self, captured: Purchase) -> None:
        outcomes = Threads(lambda: None).race(CALLERS, lambda _: captured.refund(euros(100)))
        replies = [one.result for one in outcomes if one.result]
        assert len(replies) == CALLERS
        assert sum(reply.declined is None for reply in replies) == 13
        assert captured.books() == (1_340, 1_340, 1_300, False)

    @pytest.mark.promise("S3")
    def test_fails_flakily_twice_a_key_without_an_effect(self, provider: Provider) -> None:
        purchase = Purchase(provider, "tok_flaky")
        for _ in range(2):
            with pytest.raises(GatewayUnavailable):
                purchase.authorise()
        assert provider.gateway.ask(purchase.key) is None
        assert purchase.entries() == []
        assert purchase.authorise().declined is None
        key = a_key("void")
        for _ in range(2):
            with pytest.raises(GatewayUnavailable):
                purchase.void(key=key)
        assert purchase.void(key=key).declined is None
        assert purchase.effects() == [Operation.AUTHORISE, Operation.VOID]

    @pytest.mark.promise("S4")
    def test_may_give_no_answer_before_any_effect(self, provider: Provider) -> None:
        purchase = Purchase(provider, "tok_timeout_before_effect")
        with pytest.raises(GatewayOutcomeUnknown):
            purchase.authorise()
        assert provider.gateway.ask(purchase.key) is None
        assert purchase.entries() == []
        assert purchase.authorise().declined is None
        assert purchase.books() == (1_340, 0, 0, False)

    @pytest.mark.promise("S4")
    def test_may_give_no_answer_after_the_effect(self, provider: Provider) -> None:
        purchase = Purchase(provider, "tok_timeout_after_effect")
        with pytest.raises(GatewayOutcomeUnknown):
            purchase.authorise()
        found = provider.gateway.ask(purchase.key)
        assert found is not None
        assert purchase.authorise() == found
        key = a_key("capture")
        with pytest.raises(GatewayOutcomeUnknown):
            purchase.capture(key=key)
        assert purchase.books() == (1_340, 1_340, 0, False)
        assert purchase.capture(key=key) == provider.gateway.ask(key)
        assert purchase.effects() == [Operation.AUTHORISE, Operation.CAPTURE]

    def test_may_fail_at_the_capture_alone(self, provider: Provider) -> None:
        purchase = Purchase(provider, "tok_capture_fails_then_ok")
        assert purchase.authorise().declined is None
        key = a_key("capture")
        for _ in range(2):
            with pytest.raises(GatewayUnavailable):
                purchase.capture(key=key)
        assert purchase.books() == (1_340, 0, 0, False)
        assert purchase.capture(key=key).declined is None
        assert purchase.refund().declined is None
        assert purchase.effects() == [Operation.AUTHORISE, Operation.CAPTURE, Operation.REFUND]

    @pytest.mark.promise("S4")
    def test_may_have_an_effect_late_but_before_it_settles(self, provider: Provider) -> None:
        gateway, purchase = provider.gateway, Purchase(provider, "tok_late_success")
        with pytest.raises(GatewayOutcomeUnknown):
            purchase.authorise()
        assert gateway.ask(purchase.key) is None
        with pytest.raises(GatewayOutcomeUnknown):
            purchase.authorise()
        assert purchase.entries() == []
        assert provider.late_s < gateway.settle_s
        provider.pass_time(provider.late_s)
        found = gateway.ask(purchase.key)
        assert found is not None
        assert found.declined is None
        assert purchase.authorise() == found
        assert purchase.effects() == [Operation.AUTHORISE]
        assert purchase.void().declined is None

    def test_keeps_books_that_name_every_effect_with_its_key(self, captured: Purchase) -> None:
        key = a_key("refund")
        refund = captured.refund(euros(340), key=key)
        captured.refund(euros(1_001))
        (entry,) = captured.entries()
        assert (entry.payment_id, entry.order_id) == (captured.payment_id, captured.order_id)
        last = entry.effects[-1]
        assert (last.key, last.operation, last.amount, last.at) == (
            key,
            Operation.REFUND,
            euros(340),
            refund.at,
        )
        assert entry.effects[0].key == captured.key
