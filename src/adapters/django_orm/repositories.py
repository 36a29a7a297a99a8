"""Orders, products and stock items in and out of PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from adapters.django_orm.aggregate_rows import (
    STOCK_ITEM_SELECT,
    STOCK_OF_SKU,
    order_by_id,
    order_of,
    product_by_sku,
    product_of,
    stock_item_of,
)
from adapters.django_orm.missing import missing_order, missing_product
from adapters.django_orm.pending_writes import PendingWrites
from adapters.django_orm.table_writes import order_statements, product_statements, stock_item_statements
from adapters.django_orm.tenant_session import TenantSession
from domain.inventory.product import Product
from domain.inventory.stock_item import StockItem
from domain.orders.order import Order


class DjangoOrderRepository:
    """OrderRepository; one message for an order with its lines."""

    def __init__(self, session: TenantSession, tenant_id: UUID, writes: PendingWrites) -> None:
        self._session, self._tenant_id, self._writes = session, tenant_id, writes

    def get(self, order_id: UUID) -> Order:
        """See the port."""
        rows = self._session.query(*order_by_id().bound({"tenant_id": self._tenant_id, "id": order_id}))
        if not rows:
            raise missing_order(self._session.query, self._tenant_id, order_id)
        return self._writes.loaded(order_of(rows[0]))

    def save(self, order: Order) -> None:
        """See the port."""
        self._writes.save(
            order, lambda saved, version, events: order_statements(self._tenant_id, saved, version, events)
        )


class DjangoProductRepository:
    """ProductRepository; `ids_by_sku` stands on the path of every order and is plain SQL."""

    def __init__(self, session: TenantSession, tenant_id: UUID, writes: PendingWrites) -> None:
        self._session, self._tenant_id, self._writes = session, tenant_id, writes

    def get(self, sku: str) -> Product:
        """See the port."""
        rows = self._session.query(*product_by_sku().bound({"tenant_id": self._tenant_id, "sku": sku}))
        if not rows:
            raise missing_product(self._session.query, self._tenant_id, sku)
        return self._writes.loaded(product_of(rows[0]))

    def ids_by_sku(self, skus: Collection[str]) -> dict[str, UUID]:
        """See the port."""
        if not skus:
            return {}
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
        """See the port.

        Two statements, for the first may wait: only a statement that begins after the lock was granted sees
        the reservations that the holder before us made.
        """
        rows = self._session.query(
            f"SELECT 1 FROM {STOCK_OF_SKU} FOR UPDATE OF s; {STOCK_ITEM_SELECT}",  # noqa: S608 - constants
            (self._tenant_id, sku) * 2,
        )
        if not rows:
            raise missing_product(self._session.query, self._tenant_id, sku)
        return self._writes.loaded(stock_item_of(rows[0]))

    def save(self, item: StockItem) -> None:
        """See the port."""
        self._writes.save(
            item,
            lambda saved, version, events: stock_item_statements(self._tenant_id, saved, version, events),
        )
