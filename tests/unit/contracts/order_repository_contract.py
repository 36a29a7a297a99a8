"""The contract of OrderRepository."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from adapters.system_clock import new_id
from builders import after_noon, an_order
from domain.errors import NotFound, StaleObjectError
from domain.inventory.product import Product
from domain.orders.order import Order, ReferenceTaken, ReturnLine
from unit.contracts.binding import Store, StoreBinding, flushed, state_of
from unit.contracts.threads import WAIT_S_MAX, HeldTransaction, Threads

WRITERS = 20


def back(product: Product, quantity: int) -> ReturnLine:
    """So many of the product that came back."""
    return ReturnLine(sku=product.sku, quantity=quantity)


class OrderRepositoryContract(StoreBinding):
    """Round trips, the optimistic lock, and the unique reference."""

    def test_gives_every_field_back(self, store: Store) -> None:
        tea, pot = store.a_stored_product(), store.a_stored_product()
        order = (
            an_order()
            .with_(
                reference="PO-1",
                email="a@example.org",
                note="Ring twice.\nThanks – ☕",
                address="1 High Street",
                ordered_at=after_noon(-60),
            )
            .with_line(tea, quantity=1_000_000, price="4.20")
            .with_line(pot, price="0.00")
            .with_line(tea, price="3.99")
            .placed()
        )
        store.save(order)
        assert state_of(store.order(order.id)) == state_of(order)

    @pytest.mark.parametrize(
        ("currency", "price"), [("JPY", "420"), ("TND", "4.205"), ("EUR", "10000000000000.00")]
    )
    def test_gives_money_of_every_exponent_back(self, store: Store, currency: str, price: str) -> None:
        order = an_order().with_(currency=currency).with_line(store.a_stored_product(), price=price).placed()
        store.save(order)
        assert str(store.order(order.id).total) == price

    def test_gives_every_state_back(self, store: Store) -> None:
        wanted = an_order().with_line(store.a_stored_product())
        amended = wanted.confirmed()
        amended.amend(note="still possible", at=after_noon(2))
        for order in (
            wanted.placed(),
            wanted.confirmed(),
            amended,
            wanted.cancelled("too late"),
            wanted.shipped(),
            wanted.delivered(),
            wanted.returned(),
        ):
            store.save(order)
            assert state_of(store.order(order.id)) == state_of(order)

    @pytest.mark.promise("E5")
    def test_gives_a_state_back_that_was_reached_step_by_step(self, store: Store) -> None:
        tea, pot = store.a_stored_product(), store.a_stored_product()
        order = an_order().with_line(tea, quantity=2).with_line(pot, quantity=3).with_line(tea).placed()
        store.save(order)
        for step in (
            lambda: order.amend(note="n", address="a", at=after_noon(1)),
            lambda: order.confirm(at=after_noon(2)),
            lambda: order.ship(at=after_noon(3)),
            lambda: order.deliver(at=after_noon(4)),
            lambda: order.take_back([back(pot, 1)], reason="broken", at=after_noon(5)),
            lambda: order.take_back([back(tea, 3), back(pot, 2)], reason="late", at=after_noon(6)),
        ):
            step()
            store.save(order)
            assert state_of(store.order(order.id)) == state_of(order)
        events = [entry.event for entry in store.stream(order.id)]
        assert state_of(Order.from_events(order.id, events)) == state_of(order)
        assert [line.returned for line in order.lines] == [2, 3, 1]

    def test_has_no_order_of_an_unknown_id(self, store: Store) -> None:
        missing = new_id()
        with pytest.raises(NotFound) as refusal:
            store.order(missing)
        assert refusal.value.data == {"kind": "order", "id": str(missing)}

    def test_hands_out_copies(self, store: Store) -> None:
        order = an_order().with_line(store.a_stored_product()).placed()
        store.save(order)
        with store.transaction() as uow:
            uow.orders.get(order.id).amend(note="never saved", at=after_noon(1))
            assert uow.orders.get(order.id).note == ""
        order.amend(note="never saved either", at=after_noon(1))
        assert store.order(order.id).note == ""

    @pytest.mark.promise("L1", "E2")
    def test_writes_nothing_of_a_stale_order(self, store: Store) -> None:
        order = an_order().with_line(store.a_stored_product()).placed()
        store.save(order)
        stale = store.order(order.id)
        order.cancel(reason="first", at=after_noon(1))
        store.save(order)
        stale.cancel(reason="second", at=after_noon(2))
        with pytest.raises(StaleObjectError) as refusal:
            store.save(stale)
        assert refusal.value.data == {"kind": "order", "id": str(order.id), "current_version": 2}
        assert state_of(store.order(order.id)) == state_of(order)
        assert len(store.stream(order.id)) == 2

    @pytest.mark.promise("L1")
    def test_refuses_a_second_order_under_an_id_that_is_taken(self, store: Store) -> None:
        order = an_order().with_line(store.a_stored_product()).placed()
        store.save(order)
        twin = Order.from_events(order.id, ())
        twin._record(store.stream(order.id)[0].event)
        with pytest.raises(StaleObjectError):
            store.save(twin)
        assert len(store.stream(order.id)) == 1

    def test_refuses_a_reference_that_is_taken(self, store: Store) -> None:
        wanted = an_order().with_line(store.a_stored_product()).with_(reference="PO-1")
        store.save(wanted.placed())
        with pytest.raises(ReferenceTaken) as refusal:
            store.save(wanted.placed())
        assert refusal.value.data == {"reference": "PO-1"}
        store.save(wanted.with_(reference="po-1").placed(), wanted.with_(reference=None).placed())
        store.save(wanted.with_(reference=None).placed())

    def test_refuses_one_reference_twice_in_one_transaction(self, store: Store) -> None:
        wanted = an_order().with_line(store.a_stored_product()).with_(reference="PO-1")
        with pytest.raises(ReferenceTaken):
            store.save(wanted.placed(), wanted.placed())
        assert len(store.log()) == 1

    @pytest.mark.promise("A1")
    def test_lets_every_tenant_have_the_reference(self, store: Store, other_store: Store) -> None:
        for each in (store, other_store):
            order = an_order().with_line(each.a_stored_product()).with_(reference="PO-1").placed()
            each.save(order)
            assert each.order(order.id).reference == "PO-1"

    @pytest.mark.promise("L1", "L5")
    def test_lets_one_of_twenty_racing_writers_win(self, store: Store, threads: Threads) -> None:
        order = an_order().with_line(store.a_stored_product()).placed()
        store.save(order)
        all_have_read = threading.Barrier(WRITERS)

        def write(index: int) -> None:
            with store.transaction() as uow:
                mine = uow.orders.get(order.id)
                all_have_read.wait(WAIT_S_MAX)
                mine.amend(note=f"writer {index}", at=after_noon(1))
                uow.orders.save(mine)

        outcomes = threads.race(WRITERS, write)
        (winner,) = [index for index, outcome in enumerate(outcomes) if outcome.error is None]
        losers = [outcome.error for outcome in outcomes if outcome.error is not None]
        assert [type(error) for error in losers] == [StaleObjectError] * (WRITERS - 1)
        assert {error.data["current_version"] for error in losers if isinstance(error, StaleObjectError)} == {
            2
        }
        stored, stream = store.order(order.id), store.stream(order.id)
        assert (stored.version, stored.note) == (2, f"writer {winner}")
        folded = Order.from_events(order.id, [entry.event for entry in stream])
        assert state_of(folded) == state_of(stored)

    @pytest.mark.promise("L1", "L5")
    @pytest.mark.parametrize("first_commits", [True, False])
    def test_lets_the_second_writer_wait_for_the_first(
        self, store: Store, threads: Threads, hold_open: Callable[..., HeldTransaction], first_commits: bool
    ) -> None:
        order = an_order().with_line(store.a_stored_product()).placed()
        store.save(order)
        first, second = store.order(order.id), store.order(order.id)
        for copy, note in ((first, "first"), (second, "second")):
            copy.amend(note=note, at=after_noon(1))
        held = hold_open(store.transaction(), lambda uow: flushed(uow, first))
        writer = threads.start(lambda: store.save(second))
        assert writer.waits()
        held.commit() if first_commits else held.roll_back()
        assert type(writer.outcome().error) is (StaleObjectError if first_commits else type(None))
        assert store.order(order.id).note == ("first" if first_commits else "second")
        assert [entry.version for entry in store.stream(order.id)] == [1, 2]

    @pytest.mark.parametrize("first_commits", [True, False])
    def test_lets_the_second_creator_wait_for_the_first(
        self, store: Store, threads: Threads, hold_open: Callable[..., HeldTransaction], first_commits: bool
    ) -> None:
        wanted = an_order().with_line(store.a_stored_product()).with_(reference="PO-1")
        first, second = wanted.placed(), wanted.placed()
        held = hold_open(store.transaction(), lambda uow: flushed(uow, first))
        creator = threads.start(lambda: store.save(second))
        assert creator.waits()
        held.commit() if first_commits else held.roll_back()
        assert type(creator.outcome().error) is (ReferenceTaken if first_commits else type(None))
        placed = [entry.stream_id for entry in store.log() if entry.stream_kind == "order"]
        assert placed == [first.id if first_commits else second.id]

    def test_lets_one_of_twenty_racing_creators_have_the_reference(
        self, store: Store, threads: Threads
    ) -> None:
        wanted = an_order().with_line(store.a_stored_product()).with_(reference="PO-1")
        orders = [wanted.placed() for _ in range(WRITERS)]
        outcomes = threads.race(WRITERS, lambda index: store.save(orders[index]))
        (winner,) = [index for index, outcome in enumerate(outcomes) if outcome.error is None]
        losers = [outcome.error for outcome in outcomes if outcome.error is not None]
        assert [type(error) for error in losers] == [ReferenceTaken] * (WRITERS - 1)
        placed = [entry.stream_id for entry in store.log() if entry.stream_kind == "order"]
        assert placed == [orders[winner].id]
