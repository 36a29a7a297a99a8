"""The contract of deletion: what a store shows, frees and brings back."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

import pytest

from adapters.system_clock import new_id
from application.ports.read_models import (
    DeletedItems,
    OpenReadModels,
    OrderFilter,
    OrderView,
    ProductView,
    ReadModels,
)
from builders import a_product, after_noon, an_order, stock_of
from domain.aggregate import Aggregate
from domain.errors import Gone, StaleObjectError
from domain.inventory.product import Product, SkuTaken
from domain.inventory.stock_item import StockItem
from domain.orders.order import Order, ReferenceTaken
from domain.retention import Deletion
from unit.contracts.binding import Store, StoreBinding, state_of
from unit.contracts.threads import Threads

Item = TypeVar("Item")
Look = Callable[[Callable[[ReadModels], Item]], Item]


def a_deletion(minutes: int = 10) -> Deletion:
    """An act of deletion."""
    return Deletion(new_id(), "alice", "no longer needed – ☕", after_noon(minutes))


def ids_shown(views: ReadModels, deleted: DeletedItems | None) -> tuple[set[UUID], set[UUID]]:
    """The ids of the listed orders and products."""
    orders, products = views.orders(OrderFilter(deleted=deleted)), views.products(deleted=deleted)
    return {view.id for view in orders.items}, {view.id for view in products.items}


class SoftDeletionContract(StoreBinding):
    """Products with their stock, and orders with their lines."""

    @pytest.fixture
    def look(self, open_read_models: OpenReadModels, tenant_id: UUID) -> Look[object]:
        """`look(question)`: the answer of read models that are opened for it alone."""

        def ask(question: Callable[[ReadModels], object]) -> object:
            with open_read_models(tenant_id) as read_models:
                return question(read_models)

        return ask

    @pytest.fixture
    def product(self, store: Store) -> Product:
        """A product with stock."""
        product = store.a_stored_product()
        store.save(stock_of(product, on_hand=3))
        return product

    @pytest.fixture
    def order(self, store: Store, product: Product) -> Order:
        """A cancelled order with a reference and two lines."""
        wanted = an_order().with_line(product).with_line(product, quantity=2).with_(reference="PO-1")
        order = wanted.cancelled()
        store.save(order)
        return order

    @pytest.mark.promise("D1", "D3", "E9")
    def test_gives_a_deleted_order_back_to_who_asks_by_name(self, store: Store, order: Order) -> None:
        for step in (
            lambda: order.delete(a_deletion(10)),
            lambda: order.undelete(at=after_noon(11)),
            lambda: order.delete(a_deletion(12)),
        ):
            step()
            store.save(order)
            with store.transaction() as uow:
                found = uow.orders.get(order.id, with_deleted=True)
            folded = Order.from_events(order.id, [entry.event for entry in store.stream(order.id)])
            assert state_of(found) == state_of(folded) == state_of(order)
            assert len(found.lines) == 2
        with pytest.raises(Gone) as refusal:
            store.order(order.id)
        assert refusal.value.data == {
            "kind": "order", "id": str(order.id), "aggregate_id": str(order.id), "current_version": 5,
        }  # fmt: skip

    @pytest.mark.promise("D1", "D3", "E9")
    def test_gives_a_deleted_product_and_its_stock_back_to_who_asks_by_name(
        self, store: Store, product: Product
    ) -> None:
        item, deletion = store.stock(product.sku), a_deletion()
        product.delete(deletion)
        item.delete(deletion)
        store.save(product, item)
        with store.transaction() as uow:
            assert state_of(uow.products.get(product.sku, with_deleted=True)) == state_of(product)
            assert state_of(uow.stock_items.get_with_deleted(product.id)) == state_of(item)
            assert uow.products.ids_by_sku([product.sku]) == {}
        for question in (store.product, store.stock):
            with pytest.raises(Gone) as refusal:
                question(product.sku)
            assert refusal.value.data == {
                "kind": "product",
                "id": product.sku,
                "aggregate_id": str(product.id),
                "current_version": 2,
            }
        for aggregate, cls in ((product, Product), (item, StockItem)):
            events = [entry.event for entry in store.stream(aggregate.id)]
            assert state_of(cls.from_events(aggregate.id, events)) == state_of(aggregate)

    @pytest.mark.promise("D1")
    def test_shows_what_is_deleted_to_those_readers_alone_who_ask(
        self, store: Store, look: Look[object], product: Product, order: Order
    ) -> None:
        live_product = store.a_stored_product()
        live_order = an_order().with_line(live_product).cancelled()
        store.save(live_order)
        order.delete(a_deletion())
        product.delete(a_deletion())
        store.save(order, product)
        both = {
            None: ({live_order.id}, {live_product.id}),
            DeletedItems.ONLY: ({order.id}, {product.id}),
            DeletedItems.WITH: ({order.id, live_order.id}, {product.id, live_product.id}),
        }
        for deleted, (orders, products) in both.items():
            listed = look(functools.partial(ids_shown, deleted=deleted))
            assert listed == (orders, products)
        only = look(lambda views: views.orders(OrderFilter(deleted=DeletedItems.ONLY)).items)
        assert only == (OrderView.of(order),)
        assert look(lambda views: views.products(deleted=DeletedItems.ONLY).items) == (
            ProductView.of(product),
        )
        for question in (
            lambda views: views.order(order.id),
            lambda views: views.product(product.sku),
            lambda views: views.stock(product.sku),
        ):
            with pytest.raises(Gone):
                look(question)

    @pytest.mark.promise("D2")
    def test_frees_unique_values_and_finds_the_latest_of_their_deleted_holders(
        self, store: Store, product: Product, order: Order
    ) -> None:
        generations = [product]
        for number in range(2):
            generations[-1].delete(a_deletion(10 + number))
            store.save(generations[-1])
            generations.append(a_product(sku=product.sku, name=f"number {number}"))
            store.save(generations[-1])
        assert store.product(product.sku).id == generations[2].id
        with store.transaction() as uow:
            latest = uow.products.latest_deleted(product.sku)
        assert latest is not None
        assert latest.id == generations[1].id
        order.delete(a_deletion())
        successor = an_order().with_line(product).with_(reference="PO-1").placed()
        store.save(order)
        store.save(successor)
        with pytest.raises(ReferenceTaken):
            store.save(an_order().with_line(product).with_(reference="PO-1").placed())

    @pytest.mark.promise("D4", "L1")
    def test_refuses_to_bring_back_what_has_a_successor(
        self, store: Store, product: Product, order: Order
    ) -> None:
        order.delete(a_deletion())
        product.delete(a_deletion())
        store.save(order, product)
        store.save(a_product(sku=product.sku), an_order().with_line(product).with_(reference="PO-1").placed())
        refusals: list[tuple[Aggregate, type[Exception], dict[str, str]]] = [
            (product, SkuTaken, {"sku": product.sku}),
            (order, ReferenceTaken, {"reference": "PO-1"}),
        ]
        for aggregate, refusal, data in refusals:
            events = len(store.stream(aggregate.id))
            with store.transaction() as uow:
                again = (
                    uow.products.latest_deleted(product.sku)
                    if aggregate is product
                    else uow.orders.get(order.id, with_deleted=True)
                )
            assert again is not None
            again.undelete(at=after_noon(20))
            with pytest.raises(refusal) as raised:
                store.save(again)
            assert raised.value.data == data  # type: ignore[attr-defined]
            assert len(store.stream(aggregate.id)) == events

    @pytest.mark.promise("L1", "D5")
    def test_lets_a_deletion_or_a_change_win_at_one_version(
        self, store: Store, product: Product, threads: Threads
    ) -> None:
        def write(index: int) -> None:
            with store.transaction() as uow:
                mine = uow.products.get(product.sku, with_deleted=True)
                mine.require_version(1)
                if index % 2:
                    mine.delete(a_deletion())
                else:
                    mine.rename(f"writer {index}", at=after_noon(10))
                uow.products.save(mine)

        outcomes = threads.race(10, write)
        losers = [type(outcome.error) for outcome in outcomes if outcome.error is not None]
        assert losers == [StaleObjectError] * 9
        assert [entry.version for entry in store.stream(product.id)] == [1, 2]

    @pytest.mark.promise("D2", "D4")
    def test_lets_a_restoration_or_a_successor_have_the_sku(
        self, store: Store, product: Product, threads: Threads
    ) -> None:
        product.delete(a_deletion())
        store.save(product)

        def write(index: int) -> None:
            with store.transaction() as uow:
                mine = uow.products.latest_deleted(product.sku) if index % 2 else a_product(sku=product.sku)
                assert mine is not None
                if mine.is_deleted:
                    mine.undelete(at=after_noon(20))
                uow.products.save(mine)

        outcomes = threads.race(10, write)
        assert sum(outcome.error is None for outcome in outcomes) == 1
        assert {type(o.error) for o in outcomes if o.error} <= {SkuTaken, StaleObjectError, AssertionError}
        with store.transaction() as uow:
            ids = uow.products.ids_by_sku([product.sku])
        assert len(ids) == 1
