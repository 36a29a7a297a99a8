"""Payments: what the gateway has said, and what can be given back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.system_clock import new_id
from builders import NOON, after_noon, an_order
from domain.errors import InvalidInput, NotFound
from domain.money import Money
from domain.orders.order import OrderStatus, OrderStatusForbids
from domain.payments.payment import (
    Payment,
    PaymentStatus,
    PaymentStatusForbids,
    RefundTooLarge,
    TooManyRefunds,
)
from domain.payments.refund import REFUNDS_MAX


def a_payment(minor: int = 840) -> Payment:
    """Asked for, and not answered yet."""
    return Payment.request(
        id=new_id(), order_id=new_id(), attempt=1, amount=Money(minor, "EUR"), method="tok_visa", at=NOON
    )


def authorised(minor: int = 840) -> Payment:
    """Set aside."""
    payment = a_payment(minor)
    payment.authorise("pay-1", at=NOON)
    return payment


def captured(minor: int = 840) -> Payment:
    """Taken."""
    payment = authorised(minor)
    payment.capture(at=NOON)
    return payment


def euros(minor: int) -> Money:
    return Money(minor, "EUR")


class TestAPayment:
    def test_is_set_aside_and_taken(self) -> None:
        payment = captured()
        assert (payment.status, payment.gateway_id) == (PaymentStatus.CAPTURED, "pay-1")
        assert payment.refundable == euros(840)

    def test_may_be_out_of_sight_and_come_back(self) -> None:
        payment = a_payment()
        payment.lose_sight(at=NOON)
        payment.lose_sight(at=NOON)
        assert (payment.status, payment.version) == (PaymentStatus.UNKNOWN, 2)
        payment.authorise("pay-1", at=NOON)
        assert payment.status is PaymentStatus.AUTHORISED

    @pytest.mark.promise("S9")
    def test_found_after_nothing_was_believed_to_be_there_is_authorised_and_voided(self) -> None:
        payment = a_payment()
        payment.void(at=NOON)
        payment.authorise("pay-1", at=NOON)
        payment.void(at=NOON)
        with pytest.raises(PaymentStatusForbids, match="voided"):
            payment.authorise("pay-2", at=NOON)

    def test_of_nothing_is_none(self) -> None:
        with pytest.raises(InvalidInput, match="nothing is paid for a free order"):
            a_payment(0)

    def test_declined_is_over(self) -> None:
        payment = a_payment()
        payment.decline("insufficient_funds", at=NOON)
        assert payment.decline_reason == "insufficient_funds"
        for act in (payment.void, payment.capture, payment.lose_sight):
            with pytest.raises(PaymentStatusForbids, match="declined"):
                act(at=NOON)

    @pytest.mark.parametrize("act", ["capture", "void", "lose_sight"])
    def test_taken_is_only_given_back(self, act: str) -> None:
        with pytest.raises(PaymentStatusForbids, match="captured"):
            getattr(captured(), act)(at=NOON)


class TestARefund:
    @pytest.mark.promise("M1")
    @given(
        parts=st.lists(
            st.tuples(st.integers(1, 500), st.sampled_from(["open", "done", "declined"])), max_size=12
        )
    )
    def test_together_with_all_others_never_exceeds_what_was_taken(
        self, parts: list[tuple[int, str]]
    ) -> None:
        payment, given_back, held = captured(1_000), 0, 0
        for part, fate in parts:
            refund_id, left = new_id(), 1_000 - given_back - held
            assert payment.refundable == euros(left)
            if part > left:
                with pytest.raises(RefundTooLarge, match=f"At most {euros(left)} "):
                    payment.request_refund(refund_id, euros(part), reason="", at=NOON)
                continue
            payment.request_refund(refund_id, euros(part), reason="", at=NOON)
            if fate == "done":
                payment.refund(refund_id, at=NOON)
                given_back += part
            elif fate == "declined":
                payment.decline_refund(refund_id, "expired", at=NOON)
            else:
                held += part
        assert payment.refunded == euros(given_back)
        assert (payment.status is PaymentStatus.REFUNDED) == (given_back == 1_000)
        folded = Payment.from_events(payment.id, payment.pending_events)
        assert (folded.status, folded.refunds, folded.refundable) == (
            payment.status,
            payment.refunds,
            payment.refundable,
        )

    def test_of_no_amount_is_of_whatever_is_left(self) -> None:
        payment, first, second = captured(), new_id(), new_id()
        payment.request_refund(first, euros(300), reason="broken", at=NOON)
        payment.request_refund(second, None, reason="", at=NOON)
        assert payment.refund_of(second).amount_minor == 540
        with pytest.raises(RefundTooLarge, match=r"At most 0\.00 "):
            payment.request_refund(new_id(), None, reason="", at=NOON)

    def test_is_settled_once(self) -> None:
        payment, refund_id = captured(), new_id()
        payment.request_refund(refund_id, None, reason="", at=NOON)
        payment.decline_refund(refund_id, "expired", at=NOON)
        with pytest.raises(PaymentStatusForbids, match="declined"):
            payment.refund(refund_id, at=NOON)
        with pytest.raises(NotFound):
            payment.refund(new_id(), at=NOON)
        assert payment.refund_of(refund_id).decline_reason == "expired"

    def test_is_one_of_a_bounded_number(self) -> None:
        payment = captured()
        for _ in range(REFUNDS_MAX):
            payment.request_refund(new_id(), euros(1), reason="", at=NOON)
        with pytest.raises(TooManyRefunds):
            payment.request_refund(new_id(), euros(1), reason="", at=NOON)

    @pytest.mark.parametrize("amount", [Money(0, "EUR"), Money(1, "USD")])
    def test_is_some_of_the_same_money(self, amount: Money) -> None:
        with pytest.raises(InvalidInput, match="above 0, in EUR"):
            captured().request_refund(new_id(), amount, reason="", at=NOON)

    def test_needs_money_that_was_taken(self) -> None:
        with pytest.raises(PaymentStatusForbids, match="authorised"):
            authorised().request_refund(new_id(), euros(1), reason="", at=NOON)
        assert authorised().refundable == euros(0)


class TestAnOrderWhosePaymentIsDeclined:
    def test_waits_for_a_further_try_by_any_method(self) -> None:
        order = an_order().placed()
        order.decline_payment("insufficient_funds", at=after_noon(1))
        assert order.status is OrderStatus.AWAITING_PAYMENT
        order.pay_again("tok_other", at=after_noon(2))
        assert (order.status.value, order.payment_method) == ("pending", "tok_other")
        order.confirm(at=after_noon(3))

    def test_can_be_cancelled_and_not_be_paid_twice(self) -> None:
        order = an_order().placed()
        with pytest.raises(OrderStatusForbids):
            order.pay_again("tok_other", at=NOON)
        order.decline_payment("insufficient_funds", at=NOON)
        with pytest.raises(OrderStatusForbids):
            order.decline_payment("again", at=NOON)
        order.cancel(reason="r", at=NOON)
