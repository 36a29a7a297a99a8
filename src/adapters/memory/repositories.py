"""The repositories in memory: aggregates are copied in and out as rows."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from adapters.memory.database import Row
from adapters.memory.transaction import Transaction
from adapters.memory.write_list import RowWrite, UniqueValue, WriteList
from adapters.row_mapping.orders import order_from_row, order_lines_to_rows, order_to_row
from adapters.row_mapping.products import product_from_row, product_to_row
from adapters.row_mapping.stock_items import reservations_to_rows, stock_item_from_row, stock_item_to_row
from domain.errors import NotFound
from domain.inventory.product import Product, SkuTaken
from domain.inventory.stock_item import StockItem
from domain.orders.order import Order, ReferenceTaken


class InMemoryOrderRepository:
    """Orders; a row holds its lines' rows."""

    def __init__(self, transaction: Transaction, writes: WriteList) -> None:
        self._transaction, self._writes = transaction, writes

    def get(self, order_id: UUID) -> Order:
        """See the port."""
        row = self._transaction.row(Order.kind, order_id)
        if row is None:
            raise NotFound(kind=Order.kind, id=str(order_id))
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

    def get(self, sku: str) -> Product:
        """See the port."""
        row = self._transaction.row_by_value(Product.kind, sku)
        if row is None:
            raise NotFound(kind=Product.kind, id=sku)
        product = product_from_row(row)
        self._writes.loaded(product)
        return product

    def ids_by_sku(self, skus: Collection[str]) -> dict[str, UUID]:
        """See the port."""
        rows = ((sku, self._transaction.row_by_value(Product.kind, sku)) for sku in skus)
        return {sku: row["id"] for sku, row in rows if row is not None}

    def save(self, product: Product) -> None:
        """See the port."""
        self._writes.save(RowWrite(product, lambda: product_to_row(product), lambda: _sku(product)))


class InMemoryStockItemRepository:
    """Stock; a row holds its reservations' rows."""

    def __init__(self, transaction: Transaction, writes: WriteList) -> None:
        self._transaction, self._writes = transaction, writes

    def get_for_update(self, sku: str) -> StockItem:
        """See the port."""
        found = self._row(sku)
        self._transaction.lock([(StockItem.kind, self._transaction.context.tenant_id, found["id"])])
        row = self._row(sku)  # Read again: only now nobody else can change it.
        item = stock_item_from_row(row, row["reservations"])
        self._writes.loaded(item)
        return item

    def save(self, item: StockItem) -> None:
        """See the port."""
        self._writes.save(
            RowWrite(
                item,
                lambda: {**stock_item_to_row(item), "reservations": reservations_to_rows(item)},
                lambda: _sku(item),
            )
        )

    def _row(self, sku: str) -> Row:
        row = self._transaction.row_by_value(StockItem.kind, sku)
        if row is None:
            raise NotFound(kind=Product.kind, id=sku)
        return row


def _reference(order: Order) -> list[UniqueValue]:
    reference = order.reference
    return [] if reference is None else [UniqueValue(reference, lambda: ReferenceTaken(reference=reference))]


def _sku(of: Product | StockItem) -> list[UniqueValue]:
    return [UniqueValue(of.sku, lambda: SkuTaken(sku=of.sku))]
