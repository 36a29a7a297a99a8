"""Deleted rows are shown by nothing that does not ask for them by name, and hold no unique value."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters.django_orm.models import Order as OrderModel
from adapters.django_orm.models import Product as ProductModel
from adapters.django_orm.read_models import DjangoReadModels
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.system_clock import new_id
from application.ports.read_models import OrderFilter, ReadModels
from application.ports.unit_of_work import CommandContext, UnitOfWork
from builders import NOON, a_context, a_product, an_order, stock_of
from domain.errors import Gone
from domain.inventory.product import Product
from domain.orders.order import Order

pytestmark = pytest.mark.promise("D1")


class Deleted:
    """A product with stock and an order of it, all of them deleted as the owner of the tables can."""

    def __init__(self, tenant_id: UUID, superuser: Connection) -> None:
        self.product: Product = a_product()
        self.order: Order = an_order().with_line(self.product).with_(reference="PO-1").placed()
        self.stock = stock_of(self.product, on_hand=3)
        with DjangoUnitOfWork(a_context(tenant_id=tenant_id)) as uow:
            uow.products.save(self.product)
            uow.stock_items.save(self.stock)
            uow.orders.save(self.order)
        with superuser.cursor() as cursor:
            for table in ("product", "stock_item", "customer_order", "order_line"):
                cursor.execute(
                    f"UPDATE {table} SET deleted_at = %s, deletion_id = %s, deleted_by = 'alice',"
                    " deletion_reason = 'no longer needed' WHERE tenant_id = %s",
                    (NOON, str(new_id()), str(tenant_id)),
                )


@pytest.fixture
def context(tenant_id: UUID) -> CommandContext:
    return a_context(tenant_id=tenant_id)


@pytest.fixture
def deleted(tenant_id: UUID, superuser: Connection) -> Deleted:
    return Deleted(tenant_id, superuser)


class TestADeletedRow:
    @pytest.mark.parametrize(
        ("look_up", "kind"),
        [
            (lambda uow, deleted: uow.orders.get(deleted.order.id), "order"),
            (lambda uow, deleted: uow.products.get(deleted.product.sku), "product"),
            (lambda uow, deleted: uow.stock_items.get_for_update(deleted.product.sku), "product"),
        ],
    )
    def test_is_gone_for_commands(
        self,
        context: CommandContext,
        deleted: Deleted,
        look_up: Callable[[UnitOfWork, Deleted], object],
        kind: str,
    ) -> None:
        with DjangoUnitOfWork(context) as uow, pytest.raises(Gone) as refusal:
            look_up(uow, deleted)
        aggregate = deleted.order if kind == "order" else deleted.product
        data = refusal.value.data
        assert (data["kind"], data["aggregate_id"], data["current_version"]) == (kind, str(aggregate.id), 1)

    @pytest.mark.parametrize(
        "look_up",
        [
            lambda views, deleted: views.order(deleted.order.id),
            lambda views, deleted: views.product(deleted.product.sku),
            lambda views, deleted: views.stock(deleted.product.sku),
        ],
    )
    def test_is_gone_for_readers(
        self, tenant_id: UUID, deleted: Deleted, look_up: Callable[[ReadModels, Deleted], object]
    ) -> None:
        with DjangoReadModels(tenant_id) as views, pytest.raises(Gone):
            look_up(views, deleted)

    def test_is_in_no_list_and_no_look_up(
        self, tenant_id: UUID, context: CommandContext, deleted: Deleted
    ) -> None:
        with DjangoReadModels(tenant_id) as views:
            assert views.orders(OrderFilter()).items == ()
            assert views.products().items == ()
        with DjangoUnitOfWork(context) as uow:
            assert uow.products.ids_by_sku([deleted.product.sku]) == {}

    @pytest.mark.promise("D2")
    def test_leaves_its_unique_values_to_others(self, context: CommandContext, deleted: Deleted) -> None:
        successor = a_product(sku=deleted.product.sku)
        order = an_order().with_line(successor).with_(reference="PO-1").placed()
        with DjangoUnitOfWork(context) as uow:
            uow.products.save(successor)
            uow.orders.save(order)
        with DjangoUnitOfWork(context) as uow:
            assert uow.products.get(deleted.product.sku).id == successor.id
            assert uow.orders.get(order.id).reference == "PO-1"

    def test_is_found_by_who_asks_for_it_by_name(self, tenant_id: UUID, deleted: Deleted) -> None:
        for model, id_ in ((OrderModel, deleted.order.id), (ProductModel, deleted.product.id)):
            rows = model.objects.using("system").filter(tenant_id=tenant_id)
            assert list(rows) == []
            for manager in (model.objects.all_with_deleted(), model.objects.only_deleted()):
                found = manager.using("system").filter(tenant_id=tenant_id)
                assert [row.id for row in found] == [id_]
