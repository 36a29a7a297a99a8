"""Queries that load whole aggregates, children included, in one message, and what their rows mean."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypedDict
from uuid import UUID

import msgspec
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BooleanField, OuterRef, Q, QuerySet
from django.db.models.functions import JSONObject

from adapters.django_orm.compiled_queries import CompiledQuery, compile_query, slot, slots
from adapters.django_orm.models import Order as OrderModel
from adapters.django_orm.models import OrderLine as OrderLineModel
from adapters.django_orm.models import Product as ProductModel
from adapters.django_orm.tenant_session import Row
from adapters.row_mapping.deletions import DELETION_COLUMNS
from adapters.row_mapping.orders import order_from_row
from adapters.row_mapping.products import product_from_row
from adapters.row_mapping.stock_items import stock_item_from_row
from domain.inventory.product import Product
from domain.inventory.stock_item import StockItem
from domain.orders.order import Order

_ORDER_COLUMNS: Final = (
    "id", "version", "status", "reference", "customer_ref", "currency", "payment_method", "email", "note",
    "address", "cancel_reason", "ordered_at", "created_at", "updated_at", "purged_at", *DELETION_COLUMNS,
)  # fmt: skip
_PRODUCT_COLUMNS: Final = ("id", "version", "sku", "name", "created_at", "updated_at", *DELETION_COLUMNS)
_STOCK_ITEM_COLUMNS: Final = (
    "id", "version", "product_id", "sku", "on_hand", "reserved", "sold", "received", "adjusted", "created_at",
    "updated_at", *DELETION_COLUMNS,
)  # fmt: skip

STOCK_OF_SKU: Final = (
    "stock_item s JOIN product p ON p.tenant_id = s.tenant_id AND p.id = s.product_id"
    " WHERE p.tenant_id = %s AND p.sku = %s AND p.deleted_at IS NULL AND s.deleted_at IS NULL"
)
"""The stock of a live product, to stand after FROM; parameters: tenant, SKU."""
STOCK_OF_PRODUCT: Final = "stock_item s WHERE s.tenant_id = %s AND s.product_id = %s"
"""The stock of a product, be they deleted or not, to stand after FROM; parameters: tenant, product's id."""
_STOCK_ITEM_SELECT: Final = (
    f"SELECT {', '.join('s.' + column for column in _STOCK_ITEM_COLUMNS)}, ARRAY("  # noqa: S608 - constants
    "SELECT jsonb_build_object('order_id', r.order_id, 'quantity', r.quantity) FROM stock_reservation r"
    " WHERE r.tenant_id = s.tenant_id AND r.stock_item_id = s.id ORDER BY r.order_id) FROM "
)


_STOCK_OF_PRODUCTS: Final = (
    "stock_item s WHERE s.tenant_id = %s AND s.product_id = ANY(%s::uuid[]) AND s.deleted_at IS NULL"
    " ORDER BY s.id"
)
LOCKED_STOCK_OF_PRODUCTS: Final = (
    f"SELECT 1 FROM {_STOCK_OF_PRODUCTS} FOR UPDATE; "  # noqa: S608 - constants
    f"SELECT {', '.join('s.' + column for column in _STOCK_ITEM_COLUMNS)}, ARRAY("
    "SELECT jsonb_build_object('order_id', r.order_id, 'quantity', r.quantity) FROM stock_reservation r"
    " WHERE r.tenant_id = s.tenant_id AND r.stock_item_id = s.id AND r.order_id = ANY(%s::uuid[])"
    f" ORDER BY r.order_id) FROM {_STOCK_OF_PRODUCTS}"
)
"""Lock the stock of live products in the order of the items' ids, then read it with some orders' reservations.

Two statements as in `locked_stock_select`. Parameters: tenant, products; orders, tenant, products.
"""
PRODUCT_OF_STOCK: Final = _STOCK_ITEM_COLUMNS.index("product_id")
"""The place in a row."""


class _LineRow(TypedDict):
    product_id: UUID
    sku: str
    quantity: int
    unit_price_minor: int
    returned: int


class _ReservationRow(TypedDict):
    order_id: UUID
    quantity: int


def order_rows(orders: QuerySet[OrderModel], *, with_deleted: bool = False) -> QuerySet[Any, Any]:
    """The rows of those orders for `order_of`, each with its lines.

    `with_deleted` says that deleted orders may be among them; a deleted one has the lines that went with it.
    """
    lines = OrderLineModel.objects.all()
    if with_deleted:
        went_along = Q(deleted_at__isnull=True) | Q(deletion_id=OuterRef("deletion_id"))
        lines = OrderLineModel.objects.all_with_deleted().filter(went_along)
    lines = lines.filter(tenant_id=OuterRef("tenant_id"), order_id=OuterRef("id"))
    as_json = JSONObject(**{name: name for name in _LineRow.__annotations__})
    return orders.annotate(lines=ArraySubquery(lines.order_by("number").values_list(as_json))).values_list(
        *_ORDER_COLUMNS, "lines"
    )


def product_rows(products: QuerySet[ProductModel]) -> QuerySet[Any, Any]:
    """The rows of those products for `product_of`."""
    return products.values_list(*_PRODUCT_COLUMNS)


@functools.cache
def order_by_id(*, with_deleted: bool = False) -> CompiledQuery:
    """The live order of `id`, or the deleted one too, of `tenant_id`; its rows are for `order_of`."""
    orders = OrderModel.objects.all_with_deleted() if with_deleted else OrderModel.objects.all()
    wanted = orders.filter(tenant_id=slot("tenant_id"), id=slot("id"))
    return compile_query(order_rows(wanted, with_deleted=with_deleted))


@functools.cache
def orders_by_id() -> CompiledQuery:
    """The orders of `ids`, of `tenant_id`, live or deleted; their rows are for `order_of`, each with its id first."""
    is_wanted = slots('"customer_order"."id" = ANY(%s::uuid[])', "ids", output_field=BooleanField())
    wanted = OrderModel.objects.all_with_deleted().filter(is_wanted, tenant_id=slot("tenant_id"))
    return compile_query(order_rows(wanted, with_deleted=True))


@functools.cache
def product_by_sku() -> CompiledQuery:
    """The live product of `sku`, of `tenant_id`; its rows are for `product_of`."""
    wanted = ProductModel.objects.filter(tenant_id=slot("tenant_id"), sku=slot("sku"))
    return compile_query(product_rows(wanted))


def locked_stock_select(stock: str) -> str:
    """Lock a stock item, then read it whole for `stock_item_of`; `stock` stands after FROM in both statements.

    Two statements, for the first may wait: only a statement that begins after the lock was granted sees the
    reservations that the holder before us made. Parameters: those of `stock`, twice.
    """
    return f"SELECT 1 FROM {stock} FOR UPDATE OF s; {_STOCK_ITEM_SELECT}{stock}"  # noqa: S608 - constants


def order_of(row: Row) -> Order:
    """The order of a row of `order_rows`."""
    *own, lines = row
    return order_from_row(_named(_ORDER_COLUMNS, own), _decoded(lines, _LineRow))


def product_of(row: Row) -> Product:
    """The product of a row of `product_rows`."""
    return product_from_row(_named(_PRODUCT_COLUMNS, row))


def stock_item_of(row: Row) -> StockItem:
    """The stock item of a row of `locked_stock_select`."""
    *own, reservations = row
    return stock_item_from_row(_named(_STOCK_ITEM_COLUMNS, own), _decoded(reservations, _ReservationRow))


def _named(columns: Sequence[str], values: Sequence[Any]) -> Mapping[str, Any]:
    return dict(zip(columns, values, strict=True))


def _decoded(texts: Sequence[str], row_type: Any) -> list[Mapping[str, Any]]:
    decode = _decoder(row_type).decode
    return [decode(text) for text in texts]


@functools.cache
def _decoder(row_type: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(row_type)
