"""The repositories in memory: aggregates are copied in and out as rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from uuid import UUID

from adapters.memory.database import Row
from adapters.memory.missing import missing
from adapters.memory.transaction import Transaction
from adapters.memory.write_list import RowWrite, UniqueValue, WriteList
from adapters.row_mapping.orders import order_from_row, order_lines_to_rows, order_to_row
from adapters.row_mapping.products import product_from_row, product_to_row
from adapters.row_mapping.stock_items import reservations_to_rows, stock_item_from_row, stock_item_to_row
from domain.errors import NotFound, StaleObjectError
from domain.inventory.product import Product, SkuTaken
from domain.inventory.stock_item import StockItem
from domain.orders.order import Order, ReferenceTaken


class InMemoryOrderRepository:
    """Orders; a row holds its lines' rows."""

    def __init__(self, transaction: Transaction, writes: WriteList) -> None:
        self._transaction, self._writes = transaction, writes

    def expect(self, order_ids: Collection[UUID]) -> None:
        """See the port. Reading costs nothing here."""

    def get(self, order_id: UUID, *, with_deleted: bool = False) -> Order:
        """See the port."""
        saved: Order | None = self._writes.saved(Order.kind, order_id)
        if saved is not None and (with_deleted or not saved.is_deleted):
            return saved
        row = self._transaction.row(Order.kind, order_id)
        if row is None or (row["deleted_at"] is not None and not with_deleted):
            raise missing(Order.kind, str(order_id), row)
        order = order_from_row(row, row["lines"])
        self._writes.loaded(order)
        return order

    def save(self, order: Order) -> None:
        """See the port."""
        self._writes.save(
            RowWrite(
                order,
                lambda: {**order_to_row(order), "lines": order_lines_to_rows(order)},
                lambda: _reference(order),
            )
        )


class InMemoryProductRepository:
    """Products."""

    def __init__(self, transaction: Transaction, writes: WriteList) -> None:
        self._transaction, self._writes = transaction, writes

    def get(self, sku: str, *, with_deleted: bool = False) -> Product:
        """See the port."""
        row = self._transaction.row_by_value(Product.kind, sku)
        if row is not None:
            return self._loaded(row)
        deleted = self.latest_deleted(sku) if with_deleted else None
        if deleted is not None:
            return deleted
        raise missing(Product.kind, sku, self._transaction.latest_deleted(Product.kind, "sku", sku))

    def latest_deleted(self, sku: str) -> Product | None:
        """See the port."""
        row = self._transaction.latest_deleted(Product.kind, "sku", sku)
        return None if row is None else self._loaded(row)

    def expect(self, skus: Collection[str]) -> None:
        """See the port. Reading costs nothing here."""

    def ids_by_sku(self, skus: Collection[str]) -> dict[str, UUID]:
        """See the port."""
        rows = ((sku, self._transaction.row_by_value(Product.kind, sku)) for sku in skus)
        return {sku: row["id"] for sku, row in rows if row is not None}

    def save(self, product: Product) -> None:
        """See the port."""
        self._writes.save(RowWrite(product, lambda: product_to_row(product), lambda: [_sku(product)]))

    def _loaded(self, row: Row) -> Product:
        product = product_from_row(row)
        self._writes.loaded(product)
        return product


class InMemoryStockItemRepository:
    """Stock; a row holds its reservations' rows."""

    def __init__(self, transaction: Transaction, writes: WriteList) -> None:
        self._transaction, self._writes = transaction, writes

    def expect(self, product_ids: Collection[UUID], *, order_ids: Collection[UUID]) -> None:
        """See the port. Reading costs nothing here."""

    def get_all_for_update(self, product_ids: Collection[UUID], *, order_id: UUID) -> Sequence[StockItem]:
        """See the port."""
        tenant_id = self._transaction.context.tenant_id
        rows = [self._live_row_of_product(product_id) for product_id in product_ids]
        self._transaction.lock([(StockItem.kind, tenant_id, row["id"]) for row in rows])
        saved = {item.product_id: item for item in self._writes.all_saved(StockItem.kind)}
        items = [
            saved.get(product_id) or self._locked(partial(self._live_row_of_product, product_id))
            for product_id in product_ids
        ]
        return sorted(items, key=lambda item: item.id)

    def get_for_update(self, sku: str) -> StockItem:
        """See the port."""
        return self._locked(lambda: self._row(sku))

    def get_with_deleted(self, product_id: UUID) -> StockItem:
        """See the port."""
        return self._locked(lambda: self._row_of_product(product_id))

    def save(self, item: StockItem) -> None:
        """See the port."""
        self._writes.save(
            RowWrite(
                item,
                lambda: {**stock_item_to_row(item), "reservations": reservations_to_rows(item)},
                lambda: [_product_id(item)],
            )
        )

    def _locked(self, find: Callable[[], Row]) -> StockItem:
        self._transaction.lock([(StockItem.kind, self._transaction.context.tenant_id, find()["id"])])
        row = find()  # Read again: only now nobody else can change it.
        item = stock_item_from_row(row, row["reservations"])
        self._writes.loaded(item)
        return item

    def _row(self, sku: str) -> Row:
        product = self._transaction.row_by_value(Product.kind, sku)
        if product is None:
            raise missing(Product.kind, sku, self._transaction.latest_deleted(Product.kind, "sku", sku))
        row = self._transaction.row_by_value(StockItem.kind, str(product["id"]))
        if row is None or row["deleted_at"] is not None:
            raise NotFound(kind=Product.kind, id=sku)
        return row

    def _live_row_of_product(self, product_id: UUID) -> Row:
        row = self._transaction.row_by_value(StockItem.kind, str(product_id))
        if row is None or row["deleted_at"] is not None:
            raise missing(StockItem.kind, str(product_id), row)
        return row

    def _row_of_product(self, product_id: UUID) -> Row:
        row = self._transaction.row_by_value(StockItem.kind, str(product_id))
        if row is None:
            raise NotFound(kind=StockItem.kind, id=str(product_id))
        return row


def _reference(order: Order) -> list[UniqueValue]:
    reference = order.reference
    if reference is None:
        return []
    return [UniqueValue(reference, lambda: ReferenceTaken(reference=reference), not order.is_deleted)]


def _sku(product: Product) -> UniqueValue:
    return UniqueValue(product.sku, lambda: SkuTaken(sku=product.sku), not product.is_deleted)


def _product_id(item: StockItem) -> UniqueValue:
    """A product has one stock item for good, deleted or not."""
    return UniqueValue(
        str(item.product_id),
        lambda: StaleObjectError(kind=StockItem.kind, id=str(item.id), current_version=None),
    )
