"""Further tries to pay, money that is given back, and goods that come back, for orders that were fulfilled."""

from __future__ import annotations

import pytest

from application.inventory.delete_product import DeleteProduct
from application.payments.pay_again import PayAgain
from application.payments.refund_payment import RefundPayment
from application.run_once import ReplayedRefusal
from domain.errors import InvalidInput
from domain.idempotency import RequestKey
from domain.money import Money
from domain.orders.order import OrderStatusForbids, ReturnTooLarge
from domain.payments.payment import (
    ATTEMPTS_MAX,
    PaymentStatus,
    PaymentStatusForbids,
    RefundTooLarge,
    TooManyPaymentTries,
)
from domain.saga.saga import SagaNotWaiting
from unit.application.paying_house import PayingHouse


@pytest.fixture
def house() -> PayingHouse:
    return PayingHouse()


class TestAFurtherTry:
    @pytest.mark.promise("S13", "M1")
    def test_confirms_an_order_whose_payment_was_declined(self, house: PayingHouse) -> None:
        order = house.stocked_order("tok_declined")
        house.work()
        assert house.order(order.id).status == "awaiting_payment"
        asked = house.pay_again.handle(PayAgain(order_id=order.id, payment_method="tok_visa"), house.context)
        assert (asked.result.status, asked.result.attempt) == (PaymentStatus.REQUESTED, 2)
        assert house.order(order.id).status == "pending"
        house.work()
        assert house.order(order.id).status == "confirmed"
        first, second = house.payments(order.id)
        assert (first.status, second.status) == (PaymentStatus.DECLINED, PaymentStatus.CAPTURED)
        assert (second.id, second.version) == (asked.result.id, 3)
        assert [entry.captured.minor for entry in house.gateway.entries()] == [0, 840]

    @pytest.mark.promise("H2", "S3")
    def test_is_made_once_for_a_key_and_answered_again_later(self, house: PayingHouse) -> None:
        order = house.stocked_order("tok_declined")
        house.work()
        keyed = house.keyed(RequestKey.of("k", b"pay"))
        command = PayAgain(order_id=order.id, payment_method="tok_visa")
        first = house.pay_again.handle(command, keyed)
        house.work()
        again = house.pay_again.handle(command, keyed)
        assert (again.result, again.replayed) == (first.result, True)
        assert len(house.payments(order.id)) == 2

    @pytest.mark.promise("H7")
    def test_is_refused_for_good_under_its_key_while_nothing_was_declined(self, house: PayingHouse) -> None:
        order = house.stocked_order()
        keyed = house.keyed(RequestKey.of("k", b"pay"))
        command = PayAgain(order_id=order.id, payment_method="tok_visa")
        with pytest.raises(OrderStatusForbids):
            house.pay_again.handle(command, keyed)
        with pytest.raises(ReplayedRefusal):
            house.pay_again.handle(command, keyed)
        assert house.payments(order.id) == ()

    @pytest.mark.promise("S10")
    def test_comes_too_late_after_the_time_limit(self, house: PayingHouse) -> None:
        order = house.stocked_order("tok_declined")
        house.work()
        house.time = house.saga(order.id).deadline_at
        with pytest.raises(SagaNotWaiting):
            house.pay_again.handle(PayAgain(order_id=order.id, payment_method="tok_visa"), house.context)
        house.work()
        assert house.order(order.id).status == "cancelled"

    def test_is_one_of_a_bounded_number(self, house: PayingHouse) -> None:
        order = house.stocked_order("tok_declined")
        command = PayAgain(order_id=order.id, payment_method="tok_declined")
        for _ in range(ATTEMPTS_MAX - 1):
            house.work()
            house.pay_again.handle(command, house.context)
        house.work()
        with pytest.raises(TooManyPaymentTries):
            house.pay_again.handle(command, house.context)
        assert house.order(order.id).status == "awaiting_payment"

    @pytest.mark.promise("S4", "S11")
    def test_that_is_cancelled_before_the_gateway_heard_of_it_moves_no_money(
        self, house: PayingHouse
    ) -> None:
        order = house.stocked_order("tok_declined")
        house.work()
        house.pay_again.handle(PayAgain(order_id=order.id, payment_method="tok_visa"), house.context)
        house.cancel(order)
        house.work_until(lambda: house.order(order.id).status == "cancelled")
        assert [payment.status for payment in house.payments(order.id)] == ["declined", "voided"]
        assert sum(entry.authorised.minor for entry in house.gateway.entries()) == 0


class TestARefund:
    @pytest.mark.promise("M1", "S3", "S4")
    @pytest.mark.parametrize(
        "method", ["tok_visa", "tok_flaky", "tok_timeout_before_effect", "tok_timeout_after_effect"]
    )
    def test_gives_the_money_back_once_however_the_gateway_behaves(
        self, house: PayingHouse, method: str
    ) -> None:
        payment = house.paid_order(method)
        part = house.refund(payment, "3.00")
        assert (part.status, part.refunded, part.refunds[0].status) == ("captured", "0.00", "requested")
        rest = house.refund(payment)
        assert [refund.amount for refund in rest.refunds] == ["3.00", "5.40"]
        house.work_until(lambda: house.payment(payment.id).status == "refunded")
        done = house.payment(payment.id)
        assert (done.refunded, {refund.status for refund in done.refunds}) == ("8.40", {"refunded"})
        (entry,) = house.gateway.entries()
        effects = [effect.amount.minor for effect in entry.effects if effect.operation == "refund"]
        assert sorted(effects) == [300, 540]
        assert house.order(payment.order_id).status == "confirmed"

    @pytest.mark.promise("M1")
    def test_of_more_than_is_left_is_refused_also_before_the_gateway_has_answered(
        self, house: PayingHouse
    ) -> None:
        payment = house.paid_order()
        house.refund(payment, "8.00")
        with pytest.raises(RefundTooLarge, match=r"At most 0\.40"):
            house.refund(payment, "0.41")
        house.work()
        with pytest.raises(RefundTooLarge, match=r"At most 0\.40"):
            house.refund(payment, "0.41")

    @pytest.mark.promise("H2")
    def test_is_one_for_one_key(self, house: PayingHouse) -> None:
        payment = house.paid_order()
        keyed = house.keyed(RequestKey.of("k", b"refund"))
        command = RefundPayment(payment_id=payment.id, amount="1.00")
        answers = [house.refund_payment.handle(command, keyed) for _ in range(2)]
        assert [answer.replayed for answer in answers] == [False, True]
        assert answers[0].result == answers[1].result
        house.work()
        assert house.payment(payment.id).refunded == "1.00"

    @pytest.mark.promise("M1")
    def test_that_the_gateway_declines_can_be_asked_for_again(self, house: PayingHouse) -> None:
        payment = house.paid_order()
        (entry,) = house.gateway.entries()
        house.gateway.refund("by-hand", payment_id=entry.payment_id, amount=Money(840, "EUR"))
        house.refund(payment)
        house.work()
        declined = house.payment(payment.id)
        assert (declined.status, declined.refunded) == ("captured", "0.00")
        (refund,) = declined.refunds
        assert (refund.status, refund.decline_reason) == ("declined", "amount_too_large")
        assert house.saga(refund.id).status == "compensated"
        assert len(house.refund(payment).refunds) == 2

    def test_needs_money_that_was_taken(self, house: PayingHouse) -> None:
        order = house.stocked_order("tok_declined")
        house.work()
        (payment,) = house.payments(order.id)
        with pytest.raises(PaymentStatusForbids, match="declined"):
            house.refund(payment)

    def test_is_an_amount_of_the_payments_currency(self, house: PayingHouse) -> None:
        with pytest.raises(InvalidInput, match="amount"):
            house.refund(house.paid_order(), "0.001")


def stock_figures(house: PayingHouse) -> tuple[int, int, int]:
    with house.views() as views:
        stock = views.stock("TEA-1")
    return stock.on_hand, stock.reserved, stock.sold


class TestGoodsThatComeBack:
    @pytest.mark.promise("M2")
    def test_are_in_stock_again_in_the_same_transaction(self, house: PayingHouse) -> None:
        order_id = house.paid_order().order_id
        assert stock_figures(house) == (8, 0, 2)
        house.returned(order_id)
        assert stock_figures(house) == (9, 0, 1)
        with pytest.raises(ReturnTooLarge):
            house.returned(order_id, 2)
        assert stock_figures(house) == (9, 0, 1)
        assert house.returned(order_id).lines[0].returned == 2
        assert stock_figures(house) == (10, 0, 0)

    @pytest.mark.promise("M2")
    def test_and_cant_be_sold_again_stay_sold(self, house: PayingHouse) -> None:
        order_id = house.paid_order().order_id
        assert house.returned(order_id, restock=False).lines[0].returned == 1
        assert stock_figures(house) == (8, 0, 2)

    @pytest.mark.promise("M2", "D6")
    def test_are_taken_back_also_of_a_deleted_product_and_of_one_that_took_its_sku(
        self, house: PayingHouse
    ) -> None:
        order_id = house.paid_order().order_id
        delete = DeleteProduct(sku="TEA-1", expected_version=None, actor="alice")
        house.delete_product.handle(delete, house.context)
        assert house.returned(order_id).lines[0].returned == 1
        house.a_product()
        assert house.returned(order_id).lines[0].returned == 2
        assert stock_figures(house) == (0, 0, 0)
