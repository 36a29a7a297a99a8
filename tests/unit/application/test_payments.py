"""Further tries to pay, money that is given back, and goods that come back, for orders that were fulfilled."""

from __future__ import annotations

import pytest

from application.payments.pay_again import PayAgain
from application.run_once import ReplayedRefusal
from domain.idempotency import RequestKey
from domain.orders.order import OrderStatusForbids
from domain.payments.payment import ATTEMPTS_MAX, PaymentStatus, TooManyPaymentTries
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
