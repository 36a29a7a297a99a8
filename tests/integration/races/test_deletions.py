"""Deletions against changes, restorations against successors: whole use cases on real transactions."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.db import connections

from adapters.django_orm.read_models import DjangoReadModels
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.system_clock import back_off, new_id, now
from application.inventory.create_product import CreateProduct, CreateProductHandler
from application.inventory.delete_product import DeleteProduct, DeleteProductHandler
from application.inventory.receive_stock import ReceiveStock, ReceiveStockHandler
from application.inventory.rename_product import RenameProduct, RenameProductHandler
from application.inventory.restore_product import RestoreProduct, RestoreProductHandler
from application.orders.delete_order import DeleteOrder, DeleteOrderHandler
from application.orders.restore_order import RestoreOrder, RestoreOrderHandler
from application.ports.read_models import DeletedItems, OrderFilter
from application.ports.unit_of_work import CommandContext
from builders import a_context, a_product, an_order, stock_of
from domain.errors import Gone, StaleObjectError
from domain.inventory.product import Product, SkuTaken
from domain.inventory.stock_item import StockItem
from domain.orders.order import ReferenceTaken
from unit.contracts.threads import Threads

WRITERS = 10
DELETE_PRODUCT = DeleteProductHandler(DjangoUnitOfWork, now, new_id, back_off)
RESTORE_PRODUCT = RestoreProductHandler(DjangoUnitOfWork, now, back_off)


@pytest.fixture
def threads() -> Threads:
    return Threads(connections.close_all)


@pytest.fixture
def context(tenant_id: UUID) -> CommandContext:
    return a_context(tenant_id=tenant_id)


@pytest.fixture
def product(context: CommandContext) -> Product:
    """A product with three pieces."""
    product = a_product()
    with DjangoUnitOfWork(context) as uow:
        uow.products.save(product)
        uow.stock_items.save(stock_of(product, on_hand=3))
    return product


def delete(product: Product, context: CommandContext, version: int | None = None) -> None:
    command = DeleteProduct(sku=product.sku, expected_version=version, actor="alice")
    DELETE_PRODUCT.handle(command, context)


class TestADeletion:
    @pytest.mark.promise("L1", "D5")
    def test_and_a_change_at_one_version_have_one_winner(
        self, context: CommandContext, product: Product, threads: Threads
    ) -> None:
        rename = RenameProductHandler(DjangoUnitOfWork, now, back_off)

        def write(index: int) -> str:
            if index:
                rename.handle(RenameProduct(sku=product.sku, expected_version=1, name=f"{index}"), context)
                return "renamed"
            delete(product, context, version=1)
            return "deleted"

        outcomes = threads.race(2, write)
        assert sum(outcome.error is None for outcome in outcomes) == 1
        assert {type(o.error) for o in outcomes if o.error} <= {StaleObjectError, Gone}
        with DjangoUnitOfWork(context) as uow:
            stored = uow.products.get(product.sku, with_deleted=True)
            item = uow.stock_items.get_with_deleted(product.id)
        assert stored.version == 2
        assert (stored.is_deleted, item.is_deleted) == (outcomes[0].error is None,) * 2

    @pytest.mark.promise("D3", "D6", "M2")
    def test_lets_no_receipt_through_that_comes_after_it(
        self, context: CommandContext, product: Product, threads: Threads
    ) -> None:
        receive = ReceiveStockHandler(DjangoUnitOfWork, now, back_off)

        def write(index: int) -> None:
            if index == 0:
                delete(product, context)
            else:
                receive.handle(ReceiveStock(sku=product.sku, quantity=1), context)

        outcomes = threads.race(WRITERS, write)
        assert outcomes[0].error is None
        assert {type(o.error) for o in outcomes if o.error} <= {Gone}
        received = sum(outcome.error is None for outcome in outcomes[1:])
        with DjangoUnitOfWork(context) as uow:
            item = uow.stock_items.get_with_deleted(product.id)
            events = [entry.event for entry in uow.events.stream(item.id)]
        assert (item.on_hand, item.is_deleted) == (3 + received, True)
        assert vars(StockItem.from_events(item.id, events))["on_hand"] == item.on_hand
        assert events[-1].wire_name == "stock.deleted"


class TestARestoration:
    @pytest.mark.promise("D2", "D4")
    def test_and_a_successor_of_the_sku_have_one_winner(
        self, context: CommandContext, product: Product, threads: Threads
    ) -> None:
        delete(product, context)
        create = CreateProductHandler(DjangoUnitOfWork, now, new_id, back_off)

        def write(index: int) -> None:
            if index:
                create.handle(CreateProduct(sku=product.sku, name="New"), context)
            else:
                RESTORE_PRODUCT.handle(RestoreProduct(sku=product.sku, expected_version=2), context)

        outcomes = threads.race(2, write)
        assert sorted(type(outcome.error) is SkuTaken for outcome in outcomes) == [False, True]
        with DjangoReadModels(context.tenant_id) as views:
            live, deleted = views.products().items, views.products(deleted=DeletedItems.ONLY).items
            assert views.stock(product.sku).on_hand == (3 if outcomes[0].error is None else 0)
        assert (len(live), len(deleted)) == (1, 0 if outcomes[0].error is None else 1)

    @pytest.mark.promise("D2", "D4")
    def test_of_one_of_many_orders_has_their_reference(
        self, context: CommandContext, product: Product, threads: Threads
    ) -> None:
        wanted = an_order().with_line(product).with_(reference="PO-1")
        delete_order = DeleteOrderHandler(DjangoUnitOfWork, now, new_id, back_off)
        orders = [wanted.cancelled() for _ in range(WRITERS)]
        for order in orders:
            with DjangoUnitOfWork(context) as uow:
                uow.orders.save(order)
            command = DeleteOrder(order_id=order.id, expected_version=None, actor="alice")
            delete_order.handle(command, context)
        restore = RestoreOrderHandler(DjangoUnitOfWork, now, back_off)
        outcomes = threads.race(
            WRITERS,
            lambda index: restore.handle(
                RestoreOrder(order_id=orders[index].id, expected_version=3), context
            ),
        )
        (winner,) = [index for index, outcome in enumerate(outcomes) if outcome.error is None]
        assert [type(o.error) for o in outcomes if o.error] == [ReferenceTaken] * (WRITERS - 1)
        with DjangoReadModels(context.tenant_id) as views:
            (live,) = views.orders(OrderFilter()).items
        assert (live.id, len(live.lines)) == (orders[winner].id, 1)
