"""Aggregates in and out of the store, each under its optimistic lock.

What `get` returns is the caller's own copy: a change that is not saved is lost. `save` enlists the aggregate; from
then on `get` gives that very object within the unit of work. The unit of work writes it on `flush` or commit, as
`… WHERE id = … AND version = stored_version` (L5), together with its pending events, which become the next events of
its stream. Saving an unchanged aggregate writes nothing (L4).

`expect` says what will be asked for, so that it may be read together: a hint without any other effect.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol
from uuid import UUID

from domain.inventory.product import Product
from domain.inventory.stock_item import StockItem
from domain.orders.order import Order
from domain.payments.payment import Payment
from domain.telemetry.device import Device


class OrderRepository(Protocol):
    """Orders of the unit of work's tenant."""

    def expect(self, order_ids: Collection[UUID]) -> None:
        """Say which orders `get` will be asked for."""
        ...

    def get(self, order_id: UUID, *, with_deleted: bool = False) -> Order:
        """The live order of that id; `with_deleted` admits a deleted one, with the lines that went with it.

        Raises NotFound, Gone (with the version, when it was deleted and not asked for).
        """
        ...

    def save(self, order: Order) -> None:
        """Enlist the order to be written. Raises AggregateSpent."""
        ...


class ProductRepository(Protocol):
    """Products of the unit of work's tenant."""

    def get(self, sku: str, *, with_deleted: bool = False) -> Product:
        """The live product of that SKU; `with_deleted` admits the latest deleted one where none is live.

        Raises NotFound, Gone.
        """
        ...

    def latest_deleted(self, sku: str) -> Product | None:
        """The product of that SKU that was deleted last, whether or not a live one has the SKU by now (D2)."""
        ...

    def expect(self, skus: Collection[str]) -> None:
        """Say what `ids_by_sku` will be asked for, before the transaction begins: it may be read along with that.

        A hint without any other effect.
        """
        ...

    def ids_by_sku(self, skus: Collection[str]) -> dict[str, UUID]:
        """The ids of the live products among `skus`; the unknown are left out."""
        ...

    def save(self, product: Product) -> None:
        """Enlist the product to be written. Raises AggregateSpent."""
        ...


class StockItemRepository(Protocol):
    """Stock of the unit of work's tenant."""

    def get_for_update(self, sku: str) -> StockItem:
        """The stock of the live product of that SKU, locked until the transaction ends; waits for its turn.

        A hot row is locked, not retried. Raises NotFound, Gone; TransactionConflict when the turn does not come.
        """
        ...

    def expect(self, product_ids: Collection[UUID], *, order_ids: Collection[UUID]) -> None:
        """Say what `get_all_for_update` will be asked for; all of it is locked when the first is."""
        ...

    def get_all_for_update(self, product_ids: Collection[UUID], *, order_id: UUID) -> Sequence[StockItem]:
        """The stock of these live products, locked as by `get_for_update`, in the order of the items' ids.

        Of the reservations each may have that order's alone. Raises NotFound, Gone; TransactionConflict when the
        turn does not come.
        """
        ...

    def get_with_deleted(self, product_id: UUID) -> StockItem:
        """The stock of the product of that id, be they deleted or not, locked as by `get_for_update`.

        Raises NotFound; TransactionConflict when the turn does not come.
        """
        ...

    def save(self, item: StockItem) -> None:
        """Enlist the stock item to be written. Raises AggregateSpent."""
        ...


class PaymentRepository(Protocol):
    """Payments of the unit of work's tenant."""

    def expect(self, order_ids: Collection[UUID]) -> None:
        """Say which orders `of_order` will be asked for."""
        ...

    def get(self, payment_id: UUID) -> Payment:
        """Raises NotFound."""
        ...

    def of_refund(self, refund_id: UUID) -> Payment:
        """The payment that the refund is of. Raises NotFound."""
        ...

    def of_order(self, order_id: UUID) -> Sequence[Payment]:
        """All attempts to pay for an order, by their number."""
        ...

    def save(self, payment: Payment) -> None:
        """Enlist the payment to be written. Raises AggregateSpent."""
        ...


class DeviceRepository(Protocol):
    """Devices of the unit of work's tenant."""

    def get(self, device_id: UUID, *, with_deleted: bool = False) -> Device:
        """The live device of that id; `with_deleted` admits a deleted one. Raises NotFound, Gone."""
        ...

    def save(self, device: Device) -> None:
        """Enlist the device to be written. Raises AggregateSpent."""
        ...
