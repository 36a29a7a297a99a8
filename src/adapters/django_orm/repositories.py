"""Orders, products and stock items in and out of PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from uuid import UUID

from adapters.django_orm.aggregate_rows import (
    LOCKED_STOCK_OF_PRODUCTS,
    PRODUCT_OF_STOCK,
    STOCK_OF_PRODUCT,
    STOCK_OF_SKU,
    locked_stock_select,
    order_by_id,
    order_of,
    orders_by_id,
    product_by_sku,
    product_of,
    product_rows,
    stock_item_of,
)
from adapters.django_orm.expected_rows import ExpectedRows
from adapters.django_orm.missing import latest_deleted_product, missing_order, missing_product, missing_stock
from adapters.django_orm.pending_writes import PendingWrites
from adapters.django_orm.table_writes import order_writes, product_writes, stock_item_writes
from adapters.django_orm.tenant_session import Row, TenantSession, compiled
from domain.errors import NotFound
from domain.inventory.product import Product
from domain.inventory.stock_item import StockItem
from domain.orders.order import Order


class DjangoOrderRepository:
    """OrderRepository; one message for an order with its lines."""

    def __init__(self, session: TenantSession, tenant_id: UUID, writes: PendingWrites) -> None:
        self._session, self._tenant_id, self._writes = session, tenant_id, writes
        self._expected = ExpectedRows(self._read)

    def expect(self, order_ids: Collection[UUID]) -> None:
        """See the port."""
        self._expected.expect(order_ids)

    def get(self, order_id: UUID, *, with_deleted: bool = False) -> Order:
        """See the port."""
        saved: Order | None = self._writes.saved(Order.kind, order_id)
        if saved is not None and (with_deleted or not saved.is_deleted):
            return saved
        order = None if saved is not None else self._expected_order(order_id)
        if order is not None and (with_deleted or not order.is_deleted):
            return order
        statement = order_by_id(with_deleted=with_deleted)
        rows = self._session.query(*statement.bound({"tenant_id": self._tenant_id, "id": order_id}))
        if not rows:
            raise missing_order(self._session.query, self._tenant_id, order_id)
        return self._writes.loaded(order_of(rows[0]))

    def save(self, order: Order) -> None:
        """See the port."""
        self._writes.save(
            order, lambda saved, version, events: order_writes(self._tenant_id, saved, version, events)
        )

    def _expected_order(self, order_id: UUID) -> Order | None:
        rows = self._expected.of(order_id)
        return self._writes.loaded(order_of(rows[0])) if rows else None

    def _read(self, order_ids: Collection[UUID]) -> Iterator[tuple[UUID, Row]]:
        values = {"tenant_id": self._tenant_id, "ids": list(order_ids)}
        return ((row[0], row) for row in self._session.query(*orders_by_id().bound(values)))


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
        self._writes.save(product, lambda saved, version, events: product_writes(saved, version))


class DjangoStockItemRepository:
    """StockItemRepository; one message locks the row and then reads it."""

    def __init__(self, session: TenantSession, tenant_id: UUID, writes: PendingWrites) -> None:
        self._session, self._tenant_id, self._writes = session, tenant_id, writes
        self._expected = ExpectedRows(self._read)
        self._orders: set[UUID] = set()

    def expect(self, product_ids: Collection[UUID], *, order_ids: Collection[UUID]) -> None:
        """See the port."""
        self._meet(order_ids)
        self._expected.expect(product_ids)

    def get_all_for_update(self, product_ids: Collection[UUID], *, order_id: UUID) -> Sequence[StockItem]:
        """See the port."""
        self._meet([order_id])
        self._expected.expect(product_ids)
        saved = {item.product_id: item for item in self._writes.all_saved(StockItem.kind)}
        items = [saved.get(product_id) or self._expected_of(product_id) for product_id in product_ids]
        return sorted(items, key=lambda item: item.id)

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

    def _meet(self, order_ids: Collection[UUID]) -> None:
        """What was read or saved before has not the reservations of an order that comes new: it is read again."""
        if not self._orders.issuperset(order_ids):
            self._orders.update(order_ids)
            self._writes.write_out(StockItem.kind)
            self._expected = ExpectedRows(self._read)

    def _expected_of(self, product_id: UUID) -> StockItem:
        rows = self._expected.of(product_id)
        if not rows:
            raise missing_stock(self._session.query, self._tenant_id, product_id)
        return self._writes.loaded(stock_item_of(rows[0]))

    def _read(self, product_ids: Collection[UUID]) -> Iterator[tuple[UUID, Row]]:
        which = (self._tenant_id, list(product_ids))
        rows = self._session.query(LOCKED_STOCK_OF_PRODUCTS, (*which, sorted(self._orders), *which))
        return ((row[PRODUCT_OF_STOCK], row) for row in rows)

    def save(self, item: StockItem) -> None:
        """See the port."""
        self._writes.save(item, stock_item_writes)
