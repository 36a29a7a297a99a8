"""Orders, products and stock items in and out of PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from adapters.django_orm.aggregate_rows import (
    STOCK_OF_PRODUCT,
    STOCK_OF_SKU,
    locked_stock_select,
    order_by_id,
    order_of,
    product_by_sku,
    product_of,
    product_rows,
    stock_item_of,
)
from adapters.django_orm.missing import latest_deleted_product, missing_order, missing_product
from adapters.django_orm.pending_writes import PendingWrites
from adapters.django_orm.table_writes import order_statements, product_statements, stock_item_statements
from adapters.django_orm.tenant_session import TenantSession, compiled
from domain.errors import NotFound
from domain.inventory.product import Product
from domain.inventory.stock_item import StockItem
from domain.orders.order import Order


class DjangoOrderRepository:
    """OrderRepository; one message for an order with its lines."""

    def __init__(self, session: TenantSession, tenant_id: UUID, writes: PendingWrites) -> None:
        self._session, self._tenant_id, self._writes = session, tenant_id, writes

    def get(self, order_id: UUID, *, with_deleted: bool = False) -> Order:
        """See the port."""
        statement = order_by_id(with_deleted=with_deleted)
        rows = self._session.query(*statement.bound({"tenant_id": self._tenant_id, "id": order_id}))
        if not rows:
            raise missing_order(self._session.query, self._tenant_id, order_id)
        return self._writes.loaded(order_of(rows[0]))

    def save(self, order: Order) -> None:
        """See the port."""
        self._writes.save(
            order, lambda saved, version, events: order_statements(self._tenant_id, saved, version, events)
        )


class DjangoProductRepository:
    """ProductRepository; `ids_by_sku` is on the path of every order: plain SQL, or read along with a claim."""

    def __init__(self, session: TenantSession, tenant_id: UUID, writes: PendingWrites) -> None:
        self._session, self._tenant_id, self._writes = session, tenant_id, writes
        self.expected: frozenset[str] = frozenset()
        """What the message that begins the transaction asks for, if there is a place for it."""
        self.read_along: dict[str, UUID] = {}
        """What that message found."""

    def get(self, sku: str, *, with_deleted: bool = False) -> Product:
        """See the port."""
        rows = self._session.query(*product_by_sku().bound({"tenant_id": self._tenant_id, "sku": sku}))
        if rows:
            return self._writes.loaded(product_of(rows[0]))
        deleted = self.latest_deleted(sku) if with_deleted else None
        if deleted is None:
            raise missing_product(self._session.query, self._tenant_id, sku)
        return deleted

    def latest_deleted(self, sku: str) -> Product | None:
        """See the port."""
        wanted = latest_deleted_product(self._tenant_id, sku)
        rows = self._session.query(*compiled(product_rows(wanted)))
        return self._writes.loaded(product_of(rows[0])) if rows else None

    def expect(self, skus: Collection[str]) -> None:
        """See the port."""
        self.expected = frozenset(skus)

    def ids_by_sku(self, skus: Collection[str]) -> dict[str, UUID]:
        """See the port."""
        if not skus:
            return {}
        if self.read_along.keys() >= set(skus) and not self._writes.has_written:
            return {sku: self.read_along[sku] for sku in skus}
        return dict(
            self._session.query(
                "SELECT sku, id FROM product WHERE tenant_id = %s AND sku = ANY(%s) AND deleted_at IS NULL",
                (self._tenant_id, list(skus)),
            )
        )

    def save(self, product: Product) -> None:
        """See the port."""
        self._writes.save(
            product, lambda saved, version, events: product_statements(self._tenant_id, saved, version)
        )


class DjangoStockItemRepository:
    """StockItemRepository; one message locks the row and then reads it."""

    def __init__(self, session: TenantSession, tenant_id: UUID, writes: PendingWrites) -> None:
        self._session, self._tenant_id, self._writes = session, tenant_id, writes

    def get_for_update(self, sku: str) -> StockItem:
        """See the port."""
        rows = self._session.query(locked_stock_select(STOCK_OF_SKU), (self._tenant_id, sku) * 2)
        if not rows:
            raise missing_product(self._session.query, self._tenant_id, sku)
        return self._writes.loaded(stock_item_of(rows[0]))

    def get_with_deleted(self, product_id: UUID) -> StockItem:
        """See the port."""
        rows = self._session.query(locked_stock_select(STOCK_OF_PRODUCT), (self._tenant_id, product_id) * 2)
        if not rows:
            raise NotFound(kind=StockItem.kind, id=str(product_id))
        return self._writes.loaded(stock_item_of(rows[0]))

    def save(self, item: StockItem) -> None:
        """See the port."""
        self._writes.save(
            item,
            lambda saved, version, events: stock_item_statements(self._tenant_id, saved, version, events),
        )
