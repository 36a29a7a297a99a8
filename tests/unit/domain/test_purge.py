"""What a purge leaves of an order."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from adapters.system_clock import new_id
from builders import NOON, a_product, after_noon, an_order, stock_of
from domain.errors import Gone
from domain.orders.order import Order, ReturnLine
from domain.retention import Deletion, RetentionPolicy
from domain.soft_deletion import GoneForGood, StillRetained

POLICY = RetentionPolicy(timedelta(days=30))
DUE = NOON + timedelta(days=30)
SECRET = "Ada Lovelace"


def an_old_order() -> Order:
    """Delivered, partly returned and deleted at noon; it names a person wherever it can."""
    product = a_product()
    order = Order.place(
        id=new_id(),
        customer_ref=SECRET,
        currency="EUR",
        lines=an_order().with_line(product, quantity=2).placed().lines,
        payment_method=SECRET,
        at=NOON,
        reference=SECRET,
        email=SECRET,
        note=SECRET,
        address=SECRET,
    )
    order.amend(at=after_noon(1), note=f"{SECRET}!", address=f"{SECRET}!")
    order.confirm(at=after_noon(2))
    order.ship(at=after_noon(3))
    order.deliver(at=after_noon(4))
    order.take_back([ReturnLine(sku=product.sku, quantity=1)], reason=SECRET, at=after_noon(5))
    order.delete(Deletion(new_id(), "alice", SECRET, NOON))
    return order


def a_cancelled_order() -> Order:
    """Cancelled and deleted at noon."""
    order = an_order().with_line(a_product()).placed()
    order.cancel(reason=SECRET, at=NOON)
    order.delete(Deletion(new_id(), "alice", SECRET, NOON))
    return order


class TestAPurge:
    @pytest.mark.promise("D7")
    def test_leaves_the_amounts_and_nothing_of_the_person(self) -> None:
        order = an_old_order()
        before = (order.total, order.lines, order.currency, order.status, order.ordered_at, order.created_at)
        order.purge(POLICY, at=DUE)
        assert SECRET not in str(vars(order) | {"_pending": None})
        assert before == (
            order.total,
            order.lines,
            order.currency,
            order.status,
            order.ordered_at,
            order.created_at,
        )
        assert order.purged_at == order.updated_at == DUE
        assert order.is_deleted

    @pytest.mark.promise("D7", "E5")
    @pytest.mark.parametrize("make", [an_old_order, a_cancelled_order])
    def test_leaves_a_state_that_is_the_fold_of_the_redacted_events(self, make: object) -> None:
        order: Order = make()  # type: ignore[operator]
        order.purge(POLICY, at=DUE)
        events = order.pending_events
        redacted = [dataclasses.replace(event, **event.personal) for event in events]
        assert SECRET not in str(redacted)
        again = Order.from_events(order.id, redacted)
        assert {name: getattr(again, name) for name in Order._state} == {
            name: getattr(order, name) for name in Order._state
        }
        assert again.version == order.version == len(events)

    @pytest.mark.promise("D7")
    def test_waits_for_the_end_of_retention(self) -> None:
        order = an_old_order()
        with pytest.raises(StillRetained):
            order.purge(POLICY, at=DUE - timedelta(microseconds=1))
        assert order.customer_ref == SECRET

    @pytest.mark.promise("D7")
    def test_is_not_for_what_lives_or_lives_again(self) -> None:
        placed, restored = an_order().with_line(a_product()).cancelled(), a_cancelled_order()
        restored.undelete(at=after_noon(6))
        for order in (placed, restored):
            with pytest.raises(StillRetained):
                order.purge(POLICY, at=DUE)

    @pytest.mark.promise("D6", "D7")
    def test_is_for_good(self) -> None:
        order = an_old_order()
        order.purge(POLICY, at=DUE)
        version = order.version
        order.purge(POLICY, at=DUE)
        assert order.version == version
        with pytest.raises(GoneForGood) as refusal:
            order.undelete(at=DUE)
        assert refusal.value.data["current_version"] == version
        with pytest.raises(Gone):
            order.amend(at=DUE, note="x")

    @pytest.mark.promise("D7")
    def test_has_nothing_to_remove_from_goods(self) -> None:
        product = a_product()
        stock = stock_of(product)
        for thing in (product, stock):
            thing.purge(POLICY, at=DUE)
        assert (product.version, stock.version) == (1, 1)
