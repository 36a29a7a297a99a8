"""Why a row is not there: it never was, or it has been deleted."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.db.models import DateTimeField, QuerySet, Value

from adapters.django_orm.models import Order as OrderModel
from adapters.django_orm.models import Product as ProductModel
from adapters.django_orm.models import StockItem as StockItemModel
from adapters.django_orm.tenant_session import Row, compiled
from domain.errors import DomainError, Gone, NotFound
from domain.inventory.product import Product
from domain.inventory.stock_item import StockItem
from domain.orders.order import Order
from domain.soft_deletion import GoneForGood

Query = Callable[[str, tuple[object, ...]], list[Row]]


def missing_order(query: Query, tenant_id: UUID, order_id: UUID) -> DomainError:
    """NotFound, or Gone with the version at which the order was deleted."""
    deleted = OrderModel.objects.only_deleted().filter(tenant_id=tenant_id, id=order_id)
    rows = query(*compiled(deleted.values_list("id", "version", "purged_at")))
    return refusal_of(rows, Order.kind, str(order_id))


def missing_product(query: Query, tenant_id: UUID, sku: str) -> DomainError:
    """NotFound, or Gone with id and version of the latest product of that SKU as it was deleted."""
    never = Value(None, output_field=DateTimeField())
    latest = latest_deleted_product(tenant_id, sku).values_list("id", "version", never)
    return refusal_of(query(*compiled(latest)), Product.kind, sku)


def missing_stock(query: Query, tenant_id: UUID, product_id: UUID) -> DomainError:
    """NotFound, or Gone with the version at which the stock of that product was deleted with it."""
    deleted = StockItemModel.objects.only_deleted().filter(tenant_id=tenant_id, product_id=product_id)
    never = Value(None, output_field=DateTimeField())
    rows = query(*compiled(deleted.values_list("id", "version", never)))
    return refusal_of(rows, StockItem.kind, str(product_id))


def latest_deleted_product(tenant_id: UUID, sku: str) -> QuerySet[ProductModel]:
    """The product of that SKU that was deleted last, if there is one."""
    deleted = ProductModel.objects.only_deleted().filter(tenant_id=tenant_id, sku=sku)
    return deleted.order_by("-deleted_at", "-id")[:1]


def refusal_of(deleted: list[Row], kind: str, name: str) -> DomainError:
    """NotFound, or Gone by the one deleted row: its id, version and time of purge.

    `id` is what was asked for, `aggregate_id` what it meant: for a product they differ.
    """
    if not deleted:
        return NotFound(kind=kind, id=name)
    ((aggregate_id, version, purged_at),) = deleted
    refusal = Gone if purged_at is None else GoneForGood
    return refusal(kind=kind, id=name, aggregate_id=str(aggregate_id), current_version=version)
