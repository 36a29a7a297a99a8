"""The read models in memory: views made from committed rows when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self, TypeVar
from uuid import UUID

from adapters.memory.database import InMemoryDatabase, Row
from adapters.memory.message_lag import lag_of
from adapters.memory.missing import missing
from adapters.row_mapping.devices import device_from_row
from adapters.row_mapping.intakes import intake_from_row
from adapters.row_mapping.orders import order_from_row
from adapters.row_mapping.payments import payment_from_row
from adapters.row_mapping.products import product_from_row
from adapters.row_mapping.stock_items import stock_item_from_row
from application.ports.device_view import DeviceView
from application.ports.intakes import IntakeView
from application.ports.outbox import ConsumerLag
from application.ports.payment_view import PaymentView
from application.ports.read_models import (
    PAGE_DEFAULT,
    PAGE_MAX,
    DeletedItems,
    DeviceFilter,
    EventView,
    OrderFilter,
    OrderView,
    Page,
    PageKey,
    ProductView,
    StockView,
)
from domain.errors import DomainError, NotFound
from domain.inventory.product import Product
from domain.inventory.stock_item import StockItem
from domain.orders.order import Order
from domain.payments.payment import Payment
from domain.telemetry.device import Device
from domain.telemetry.intake import Intake

Item = TypeVar("Item")


class InMemoryReadModels:
    """See the port."""

    def __init__(self, tenant_id: UUID, *, database: InMemoryDatabase) -> None:
        self._tenant_id, self._database = tenant_id, database

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def order(self, order_id: UUID) -> OrderView:
        """See the port."""
        row = self._database.row((Order.kind, self._tenant_id, order_id))
        if row is None or row["deleted_at"] is not None:
            raise missing(Order.kind, str(order_id), row)
        return _order_view(row)

    def orders(
        self, wanted: OrderFilter, *, after: PageKey | None = None, limit: int = PAGE_DEFAULT
    ) -> Page[OrderView]:
        """See the port."""
        return self._page(Order.kind, after, limit, lambda row: _is_wanted(row, wanted), _order_view)

    def order_events(
        self, order_id: UUID, *, after_version: int = 0, limit: int = PAGE_DEFAULT
    ) -> tuple[EventView, ...]:
        """See the port."""
        rows = self._stream_of_order(order_id)
        return tuple(map(_event_view, rows[after_version : after_version + min(limit, PAGE_MAX)]))

    def payment(self, payment_id: UUID) -> PaymentView:
        """See the port."""
        row = self._database.row((Payment.kind, self._tenant_id, payment_id))
        if row is None:
            raise NotFound(kind=Payment.kind, id=str(payment_id))
        return PaymentView.of(payment_from_row(row))

    def order_payments(self, order_id: UUID) -> tuple[PaymentView, ...]:
        """See the port."""
        self._stream_of_order(order_id)
        rows = self._database.rows_where(
            Payment.kind, self._tenant_id, lambda row: row["order_id"] == order_id
        )
        by_attempt = sorted(rows, key=lambda row: row["attempt"])
        return tuple(PaymentView.of(payment_from_row(row)) for row in by_attempt)

    def product(self, sku: str) -> ProductView:
        """See the port."""
        row = self._database.row_by_value((Product.kind, self._tenant_id, sku))
        if row is None:
            raise self._missing_product(sku)
        return _product_view(row)

    def products(
        self,
        *,
        deleted: DeletedItems | None = None,
        after: PageKey | None = None,
        limit: int = PAGE_DEFAULT,
    ) -> Page[ProductView]:
        """See the port."""
        return self._page(Product.kind, after, limit, lambda row: _is_shown(row, deleted), _product_view)

    def stock(self, sku: str) -> StockView:
        """See the port."""
        product = self._database.row_by_value((Product.kind, self._tenant_id, sku))
        if product is None:
            raise self._missing_product(sku)
        row = self._database.row_by_value((StockItem.kind, self._tenant_id, str(product["id"])))
        if row is None or row["deleted_at"] is not None:
            raise NotFound(kind=Product.kind, id=sku)
        return StockView.of(stock_item_from_row(row, row["reservations"]))

    def device(self, device_id: UUID) -> DeviceView:
        """See the port."""
        row = self._database.row((Device.kind, self._tenant_id, device_id))
        if row is None or row["deleted_at"] is not None:
            raise missing(Device.kind, str(device_id), row)
        return _device_view(row)

    def intake(self, intake_id: UUID) -> IntakeView:
        """See the port."""
        row = self._database.row((Intake.kind, self._tenant_id, intake_id))
        if row is None:
            raise NotFound(kind=Intake.kind, id=str(intake_id))
        return IntakeView.of(intake_from_row(row))

    def devices(
        self, wanted: DeviceFilter, *, after: PageKey | None = None, limit: int = PAGE_DEFAULT
    ) -> Page[DeviceView]:
        """See the port."""
        return self._page(
            Device.kind,
            after,
            limit,
            lambda row: _is_shown(row, wanted.deleted) and wanted.name in (None, row["name"]),
            _device_view,
        )

    def message_lag(self) -> tuple[ConsumerLag, ...]:
        """See the port."""
        return lag_of(self._database, lambda row: row["wake"].tenant_id == self._tenant_id)

    def _stream_of_order(self, order_id: UUID) -> Sequence[Row]:
        rows = self._database.stream(self._tenant_id, order_id)
        if not rows or rows[0]["stream_kind"] != Order.kind:
            raise NotFound(kind=Order.kind, id=str(order_id))
        return rows

    def _missing_product(self, sku: str) -> DomainError:
        deleted = self._database.rows_where(
            Product.kind,
            self._tenant_id,
            lambda row: row["sku"] == sku and row["deleted_at"] is not None,
        )
        latest = max(deleted, key=lambda row: (row["deleted_at"], row["id"]), default=None)
        return missing(Product.kind, sku, latest)

    def _page(
        self,
        kind: str,
        after: PageKey | None,
        limit: int,
        wanted: Callable[[Row], bool],
        to_view: Callable[[Row], Item],
    ) -> Page[Item]:
        limit = min(limit, PAGE_MAX)
        before = None if after is None else (after.created_at, after.id)
        # One more than the page holds tells whether there is a next one.
        rows = self._database.rows_by_age(
            kind, self._tenant_id, before=before, wanted=wanted, limit=limit + 1
        )
        shown = rows[:limit]
        is_last = len(rows) == len(shown)
        key = None if is_last else PageKey(shown[-1]["created_at"], shown[-1]["id"])
        return Page(tuple(map(to_view, shown)), key)


def _is_wanted(row: Row, wanted: OrderFilter) -> bool:
    return (
        _is_shown(row, wanted.deleted)
        and wanted.status in (None, row["status"])
        and wanted.customer_ref in (None, row["customer_ref"])
        and wanted.reference in (None, row["reference"])
        and (wanted.created_from is None or wanted.created_from <= row["created_at"])
        and (wanted.created_to is None or row["created_at"] < wanted.created_to)
    )


def _is_shown(row: Row, deleted: DeletedItems | None) -> bool:
    match deleted:
        case None:
            return row["deleted_at"] is None
        case DeletedItems.WITH:
            return True
        case DeletedItems.ONLY:
            return row["deleted_at"] is not None


def _order_view(row: Row) -> OrderView:
    return OrderView.of(order_from_row(row, row["lines"]))


def _product_view(row: Row) -> ProductView:
    return ProductView.of(product_from_row(row))


def _device_view(row: Row) -> DeviceView:
    return DeviceView.of(device_from_row(row))


def _event_view(row: Row) -> EventView:
    return EventView(
        position=row["position"],
        event_id=row["event_id"],
        type=row["type"],
        schema_version=row["schema_version"],
        stream_id=row["stream_id"],
        version=row["version"],
        occurred_at=row["occurred_at"],
        actor=row["actor"],
        correlation_id=row["correlation_id"],
        causation_id=row["causation_id"],
        traceparent=row["traceparent"],
        data=dict(row["data"]),
    )
