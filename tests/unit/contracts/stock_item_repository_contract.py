"""The contract of StockItemRepository."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.system_clock import new_id
from application.ports.unit_of_work import UnitOfWork
from builders import after_noon, an_order, stock_of
from domain.errors import NotFound, RuleViolation, StaleObjectError
from domain.inventory.product import Product
from domain.inventory.stock_item import StockItem
from unit.contracts.binding import Store, StoreBinding, state_of
from unit.contracts.threads import HeldTransaction, Threads

WRITERS = 20


class StockItemRepositoryContract(StoreBinding):
    """Round trips, reservations, and the row that waits its turn."""

    @pytest.fixture
    def product(self, store: Store) -> Product:
        """A product with ten pieces on hand."""
        product = store.a_stored_product()
        store.save(stock_of(product, on_hand=10))
        return product

    def test_gives_every_state_back(self, store: Store, product: Product) -> None:
        orders = [an_order().with_line(product).placed() for _ in range(3)]
        store.save(*orders)
        steps: list[Callable[[StockItem], None]] = [
            lambda item: item.adjust(-3, reason="counted – 7", at=after_noon(1)),
            lambda item: item.reserve(orders[0].id, 2, at=after_noon(2)),
            lambda item: item.reserve(orders[1].id, 1, at=after_noon(3)),
            lambda item: item.reserve(orders[2].id, 3, at=after_noon(4)),
            lambda item: item.release(orders[1].id, at=after_noon(5)),
            lambda item: item.sell(orders[0].id, at=after_noon(6)),
            lambda item: item.take_back(orders[0].id, 1, at=after_noon(7)),
            lambda item: item.reserve(orders[1].id, 1, at=after_noon(8)),
        ]
        for step in steps:
            with store.transaction() as uow:
                item = uow.stock_items.get_for_update(product.sku)
                step(item)
                uow.stock_items.save(item)
            assert state_of(store.stock(product.sku)) == state_of(item)
        assert item.reservations == {orders[1].id: 1, orders[2].id: 3}

    def test_has_no_stock_of_an_unknown_sku(self, store: Store) -> None:
        with pytest.raises(NotFound) as refusal:
            store.stock("NONE")
        assert refusal.value.data == {"kind": "product", "id": "NONE"}

    def test_hands_out_copies(self, store: Store, product: Product) -> None:
        with store.transaction() as uow:
            uow.stock_items.get_for_update(product.sku).receive(5, at=after_noon(1))
        assert store.stock(product.sku).on_hand == 10

    @pytest.mark.promise("M2")
    @pytest.mark.parametrize("is_expected", [False, True])
    def test_gives_the_stock_of_several_products_with_the_reservations_of_an_order(
        self, store: Store, product: Product, is_expected: bool
    ) -> None:
        other = store.a_stored_product()
        store.save(stock_of(other, on_hand=5))
        orders = [an_order().with_line(product).placed() for _ in range(2)]
        store.save(*orders)
        products = {product.id, other.id}
        for order in orders:
            with store.transaction() as uow:
                if is_expected:
                    uow.stock_items.expect(products, order_ids=[each.id for each in orders])
                for item in uow.stock_items.get_all_for_update(products, order_id=order.id):
                    item.reserve(order.id, 2, at=after_noon(1))
                    uow.stock_items.save(item)
        with store.transaction() as uow:
            for order in orders:
                items = uow.stock_items.get_all_for_update(products, order_id=order.id)
                assert [item.id for item in items] == sorted(item.id for item in items)
                assert {item.product_id for item in items} == products
                for item in items:
                    item.sell(order.id, at=after_noon(2))
                    uow.stock_items.save(item)
        for sku, left in ((product.sku, 6), (other.sku, 1)):
            item = store.stock(sku)
            assert (item.on_hand, item.reserved, item.sold, item.reservations) == (left, 0, 4, {})
            assert [entry.version for entry in store.stream(item.id)] == list(range(1, item.version + 1))

    def test_has_no_stock_of_an_unknown_product(self, store: Store) -> None:
        with store.transaction() as uow, pytest.raises(NotFound):
            uow.stock_items.get_all_for_update([new_id()], order_id=new_id())

    @pytest.mark.promise("L4")
    def test_moves_no_version_but_its_own(self, store: Store, product: Product) -> None:
        with store.transaction() as uow:
            item = uow.stock_items.get_for_update(product.sku)
            item.receive(5, at=after_noon(1))
            uow.stock_items.save(item)
        assert store.product(product.sku).version == 1

    @pytest.mark.promise("L1")
    def test_writes_nothing_of_a_stale_item(self, store: Store, product: Product) -> None:
        stale, fresh = store.stock(product.sku), store.stock(product.sku)
        fresh.receive(1, at=after_noon(1))
        store.save(fresh)
        stale.receive(100, at=after_noon(2))
        with pytest.raises(StaleObjectError):
            store.save(stale)
        assert state_of(store.stock(product.sku)) == state_of(fresh)

    @pytest.mark.promise("M2")
    def test_loses_none_of_twenty_racing_receipts(
        self, store: Store, product: Product, threads: Threads
    ) -> None:
        def receive(index: int) -> None:
            with store.transaction() as uow:
                item = uow.stock_items.get_for_update(product.sku)
                item.receive(index + 1, at=after_noon(1))
                uow.stock_items.save(item)

        outcomes = threads.race(WRITERS, receive)
        assert [outcome.error for outcome in outcomes] == [None] * WRITERS
        item = store.stock(product.sku)
        assert item.on_hand == item.received == 10 + sum(range(1, WRITERS + 1))
        assert [entry.version for entry in store.stream(item.id)] == list(range(1, item.version + 1))

    @pytest.mark.promise("M2")
    def test_never_reserves_more_than_there_is(
        self, store: Store, product: Product, threads: Threads
    ) -> None:
        orders = [an_order().with_line(product).placed() for _ in range(WRITERS)]
        store.save(*orders)

        def reserve(index: int) -> None:
            with store.transaction() as uow:
                item = uow.stock_items.get_for_update(product.sku)
                item.reserve(orders[index].id, 1, at=after_noon(1))
                uow.stock_items.save(item)

        outcomes = threads.race(WRITERS, reserve)
        assert sum(outcome.error is None for outcome in outcomes) == 10
        assert {type(o.error).__name__ for o in outcomes if o.error} == {"InsufficientStock"}
        item = store.stock(product.sku)
        assert (item.on_hand, item.reserved, len(item.reservations)) == (0, 10, 10)

    def test_lets_a_second_reader_wait_until_the_first_has_written(
        self, store: Store, product: Product, hold_open: Callable[..., HeldTransaction], threads: Threads
    ) -> None:
        def receive_five(uow: UnitOfWork) -> None:
            item = uow.stock_items.get_for_update(product.sku)
            item.receive(5, at=after_noon(1))
            uow.stock_items.save(item)

        held = hold_open(store.transaction(), receive_five)
        reader = threads.start(lambda: store.stock(product.sku).on_hand)
        assert reader.waits()
        held.commit()
        assert reader.outcome().result == 15

    @pytest.mark.promise("M2", "L4")
    @settings(
        max_examples=8,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(
        acts=st.lists(st.tuples(st.sampled_from("RAVLST"), st.integers(-4, 9), st.integers(0, 1)), max_size=8)
    )
    def test_keeps_state_equal_to_the_fold_of_the_stream(
        self, store: Store, acts: list[tuple[str, int, int]]
    ) -> None:
        product = store.a_stored_product()
        orders = [an_order().with_line(product).placed() for _ in range(2)]
        store.save(stock_of(product, on_hand=5), *orders)
        for number, (act, quantity, which) in enumerate(acts, start=1):
            with store.transaction() as uow:
                item = uow.stock_items.get_for_update(product.sku)
                try:
                    _act(item, act, quantity, orders[which].id, number)
                except RuleViolation:
                    continue
                uow.stock_items.save(item)
        item = store.stock(product.sku)
        folded = StockItem.from_events(item.id, [entry.event for entry in store.stream(item.id)])
        assert state_of(folded) == state_of(item)
        assert item.on_hand + item.reserved + item.sold == item.received + item.adjusted


def _act(item: StockItem, act: str, quantity: int, order_id: UUID, number: int) -> None:
    at, pieces = after_noon(number), max(1, quantity)
    match act:
        case "R":
            item.receive(pieces, at=at)
        case "A":
            item.adjust(quantity or 1, reason="counted", at=at)
        case "V":
            item.reserve(order_id, pieces, at=at)
        case "L":
            item.release(order_id, at=at)
        case "S":
            item.sell(order_id, at=at)
        case "T":
            item.take_back(order_id, pieces, at=at)
