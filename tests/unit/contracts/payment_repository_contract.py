"""The contract of payments: every state round trip, one of each attempt of an order."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from adapters.system_clock import new_id
from builders import after_noon
from domain.errors import NotFound, StaleObjectError
from domain.money import Money
from domain.payments.payment import Payment
from unit.contracts.binding import Store, StoreBinding, rolled_back, state_of

EUROS = Money(840, "EUR")


def a_payment(order_id: UUID | None = None, attempt: int = 1) -> Payment:
    """Asked for, and not answered yet."""
    return Payment.request(
        id=new_id(),
        order_id=order_id or new_id(),
        attempt=attempt,
        amount=EUROS,
        method="tok_visa",
        at=after_noon(1),
    )


def _captured(payment: Payment) -> None:
    payment.authorise("pay-1", at=after_noon(2))
    payment.capture(at=after_noon(3))


def _refunded(payment: Payment, minor: int) -> None:
    _captured(payment)
    refund_id = new_id()
    payment.request_refund(refund_id, Money(minor, "EUR"), reason="broken", at=after_noon(4))
    payment.refund(refund_id, at=after_noon(5))


def _asked_back(payment: Payment) -> None:
    _captured(payment)
    refund_ids = [new_id() for _ in range(2)]
    for refund_id in refund_ids:
        payment.request_refund(refund_id, Money(100, "EUR"), reason="", at=after_noon(4))
    payment.decline_refund(refund_ids[0], "expired", at=after_noon(5))


def a_refunded_payment(order_id: UUID) -> Payment:
    """Taken, and given back in part."""
    payment = a_payment(order_id)
    _refunded(payment, 300)
    return payment


STATES: dict[str, Callable[[Payment], None]] = {
    "requested": lambda payment: None,
    "unknown": lambda payment: payment.lose_sight(at=after_noon(2)),
    "authorised": lambda payment: payment.authorise("pay-1", at=after_noon(2)),
    "declined": lambda payment: payment.decline("insufficient_funds", at=after_noon(2)),
    "captured": _captured,
    "voided": lambda payment: payment.void(at=after_noon(2)),
    "partly_refunded": lambda payment: _refunded(payment, 300),
    "refunded": lambda payment: _refunded(payment, 840),
    "captured, asked back": _asked_back,
}


class PaymentRepositoryContract(StoreBinding):
    """Payments of one tenant."""

    @pytest.mark.promise("M1")
    @pytest.mark.parametrize("state", STATES)
    def test_gives_every_state_back(self, store: Store, state: str) -> None:
        payment = a_payment()
        store_it(store, payment)
        with store.transaction() as uow:
            stored = uow.payments.get(payment.id)
            STATES[state](stored)
            uow.payments.save(stored)
        with store.transaction() as uow:
            again = uow.payments.get(payment.id)
        assert again.status.value == state.partition(",")[0]
        assert state_of(again) == state_of(stored)
        events = [entry.event for entry in store.stream(payment.id)]
        assert state_of(Payment.from_events(payment.id, events)) == state_of(again)

    def test_finds_the_payment_of_a_refund(self, store: Store, other_store: Store) -> None:
        payment, other = a_payment(), a_payment()
        for each in (payment, other):
            _asked_back(each)
        store_it(store, payment, other)
        first, second = payment.refunds
        with store.transaction() as uow:
            assert uow.payments.of_refund(first.id).id == uow.payments.of_refund(second.id).id == payment.id
            with pytest.raises(NotFound):
                uow.payments.of_refund(payment.id)
        with other_store.transaction() as uow, pytest.raises(NotFound):
            uow.payments.of_refund(first.id)

    def test_finds_the_attempts_of_an_order_in_their_order(self, store: Store) -> None:
        order_id = new_id()
        second, first = a_payment(order_id, 2), a_payment(order_id, 1)
        store_it(store, second, first, a_payment())
        with store.transaction() as uow:
            assert [payment.id for payment in uow.payments.of_order(order_id)] == [first.id, second.id]
            assert list(uow.payments.of_order(new_id())) == []

    @pytest.mark.promise("S8")
    def test_an_attempt_has_one_payment(self, store: Store) -> None:
        order_id = new_id()
        store_it(store, a_payment(order_id))
        with pytest.raises(StaleObjectError), store.transaction() as uow:
            uow.payments.save(a_payment(order_id))
        with store.transaction() as uow:
            assert len(uow.payments.of_order(order_id)) == 1

    @pytest.mark.promise("L1")
    def test_of_two_writers_at_one_version_one_wins(self, store: Store) -> None:
        payment = a_payment()
        store_it(store, payment)
        with store.transaction() as uow:
            stale = uow.payments.get(payment.id)
        with store.transaction() as uow:
            stored = uow.payments.get(payment.id)
            stored.authorise("pay-1", at=after_noon(2))
            uow.payments.save(stored)
        stale.decline("no", at=after_noon(2))
        with pytest.raises(StaleObjectError), store.transaction() as uow:
            uow.payments.save(stale)
        with store.transaction() as uow:
            assert uow.payments.get(payment.id).status.value == "authorised"

    def test_what_is_rolled_back_or_foreign_is_not_there(self, store: Store, other_store: Store) -> None:
        lost, foreign = a_payment(), a_payment()
        with rolled_back(store.transaction()) as uow:
            uow.payments.save(lost)
            uow.flush()
        store_it(other_store, foreign)
        for payment in (lost, foreign):
            with store.transaction() as uow, pytest.raises(NotFound):
                uow.payments.get(payment.id)


def store_it(store: Store, *payments: Payment) -> None:
    """In one transaction."""
    with store.transaction() as uow:
        for payment in payments:
            uow.payments.save(payment)
