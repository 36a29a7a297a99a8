"""The views of one tenant, read from PostgreSQL; each answer comes with one message to the server."""

from __future__ import annotations

import functools
from dataclasses import fields
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

from django.db.models import BooleanField, QuerySet

from adapters.django_orm.aggregate_rows import (
    STOCK_OF_SKU,
    order_by_id,
    order_of,
    order_rows,
    product_by_sku,
    product_of,
    product_rows,
)
from adapters.django_orm.compiled_queries import CompiledQuery, compile_query, slot, slots
from adapters.django_orm.devices import device_by_id, device_of, device_rows, missing_device
from adapters.django_orm.event_rows import COLUMNS, recorded_event
from adapters.django_orm.intakes import INTAKE_BY_ID, intake_of
from adapters.django_orm.message_lag import lag_of_tenant
from adapters.django_orm.missing import missing_order, missing_product
from adapters.django_orm.models import Device as DeviceModel
from adapters.django_orm.models import Order as OrderModel
from adapters.django_orm.models import Product as ProductModel
from adapters.django_orm.models.abstract import SoftDeleteManager
from adapters.django_orm.payment_rows import PAYMENT_BY_ID, PAYMENTS_OF_ORDER, payment_of
from adapters.django_orm.tenant_session import Row, query_once
from adapters.row_mapping.json_codec import event_to_data
from application.ports.device_view import DeviceView
from application.ports.event_store import RecordedEvent
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
from domain.errors import NotFound
from domain.orders.order import Order
from domain.payments.payment import Payment
from domain.telemetry.intake import Intake

_HAS_EVENTS: Final = (
    "SELECT 1 FROM event WHERE tenant_id = %s AND stream_id = %s AND stream_kind = %s AND version = 1"
)
_ORDER_LOOKUPS: Final = {
    "status": "status",
    "customer_ref": "customer_ref",
    "reference": "reference",
    "created_from": "created_at__gte",
    "created_to": "created_at__lt",
}
"""Each condition of `OrderFilter` as Django's filter has it."""


class DjangoReadModels:
    """ReadModels; every method is one statement, so it is one snapshot."""

    def __init__(self, tenant_id: UUID) -> None:
        self._tenant_id = tenant_id

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing is held between two queries."""

    def order(self, order_id: UUID) -> OrderView:
        """See the port."""
        rows = self._query(*order_by_id().bound({"tenant_id": self._tenant_id, "id": order_id}))
        if not rows:
            raise missing_order(self._query, self._tenant_id, order_id)
        return OrderView.of(order_of(rows[0]))

    def orders(
        self, wanted: OrderFilter, *, after: PageKey | None = None, limit: int = PAGE_DEFAULT
    ) -> Page[OrderView]:
        """See the port."""
        asked = {name: value for name in _ORDER_LOOKUPS if (value := getattr(wanted, name)) is not None}
        # One upper bound at most: given two, an index scan may begin at the looser one and walk to the other.
        if after is not None and wanted.created_to is not None:
            if after.created_at < wanted.created_to:
                del asked["created_to"]
            else:
                after = None
        statement = order_page(frozenset(asked), is_first=after is None, deleted=wanted.deleted)
        rows = self._query(*statement.bound({**asked, **self._page_values(after, limit)}))
        views = tuple(OrderView.of(order_of(row)) for row in rows)
        return _page_of(views, limit)

    def order_events(
        self, order_id: UUID, *, after_version: int = 0, limit: int = PAGE_DEFAULT
    ) -> tuple[EventView, ...]:
        """See the port."""
        rows = self._query(
            f"SELECT {COLUMNS} FROM event WHERE tenant_id = %s AND stream_id = %s AND stream_kind = %s"  # noqa: S608
            " AND version > %s ORDER BY version LIMIT %s",
            (self._tenant_id, order_id, Order.kind, after_version, _bounded(limit)),
        )
        if not rows:
            self._require_order(order_id)
        return tuple(_event_view(recorded_event(row)) for row in rows)

    def payment(self, payment_id: UUID) -> PaymentView:
        """See the port."""
        rows = self._query(PAYMENT_BY_ID, (self._tenant_id, payment_id))
        if not rows:
            raise NotFound(kind=Payment.kind, id=str(payment_id))
        return PaymentView.of(payment_of(rows[0]))

    def order_payments(self, order_id: UUID) -> tuple[PaymentView, ...]:
        """See the port."""
        rows = self._query(PAYMENTS_OF_ORDER, (self._tenant_id, order_id))
        if not rows:
            self._require_order(order_id)
        return tuple(PaymentView.of(payment_of(row)) for row in rows)

    def product(self, sku: str) -> ProductView:
        """See the port."""
        rows = self._query(*product_by_sku().bound({"tenant_id": self._tenant_id, "sku": sku}))
        if not rows:
            raise missing_product(self._query, self._tenant_id, sku)
        return ProductView.of(product_of(rows[0]))

    def products(
        self,
        *,
        deleted: DeletedItems | None = None,
        after: PageKey | None = None,
        limit: int = PAGE_DEFAULT,
    ) -> Page[ProductView]:
        """See the port."""
        statement = _product_page(is_first=after is None, deleted=deleted)
        rows = self._query(*statement.bound(self._page_values(after, limit)))
        return _page_of(tuple(ProductView.of(product_of(row)) for row in rows), limit)

    def stock(self, sku: str) -> StockView:
        """See the port."""
        columns = [field.name for field in fields(StockView)]
        rows = self._query(
            f"SELECT {', '.join('s.' + column for column in columns)} FROM {STOCK_OF_SKU}",  # noqa: S608
            (self._tenant_id, sku),
        )
        if not rows:
            raise missing_product(self._query, self._tenant_id, sku)
        return StockView(**dict(zip(columns, rows[0], strict=True)))

    def device(self, device_id: UUID) -> DeviceView:
        """See the port."""
        rows = self._query(*device_by_id().bound({"tenant_id": self._tenant_id, "id": device_id}))
        if not rows:
            raise missing_device(self._query, self._tenant_id, device_id)
        return DeviceView.of(device_of(rows[0]))

    def intake(self, intake_id: UUID) -> IntakeView:
        """See the port."""
        rows = self._query(INTAKE_BY_ID, (self._tenant_id, intake_id))
        if not rows:
            raise NotFound(kind=Intake.kind, id=str(intake_id))
        return IntakeView.of(intake_of(rows[0]))

    def devices(
        self, wanted: DeviceFilter, *, after: PageKey | None = None, limit: int = PAGE_DEFAULT
    ) -> Page[DeviceView]:
        """See the port."""
        statement = _device_page(
            by_name=wanted.name is not None, is_first=after is None, deleted=wanted.deleted
        )
        rows = self._query(*statement.bound({"name": wanted.name, **self._page_values(after, limit)}))
        return _page_of(tuple(DeviceView.of(device_of(row)) for row in rows), limit)

    def message_lag(self) -> tuple[ConsumerLag, ...]:
        """See the port."""
        return lag_of_tenant(self._tenant_id)

    def _require_order(self, order_id: UUID) -> None:
        """That there is one, or was."""
        if not self._query(_HAS_EVENTS, (self._tenant_id, order_id, Order.kind)):
            raise NotFound(kind=Order.kind, id=str(order_id))

    def _page_values(self, after: PageKey | None, limit: int) -> dict[str, object]:
        """One row more than asked for tells whether there is a next page."""
        beyond = {} if after is None else {"after_created_at": after.created_at, "after_id": after.id}
        return {"tenant_id": self._tenant_id, "row_limit": _bounded(limit) + 1, **beyond}

    def _query(self, sql: str, params: tuple[object, ...]) -> list[Row]:
        return query_once(self._tenant_id, sql, params)


@functools.cache  # At most one entry for each subset of _ORDER_LOOKUPS, page and kind of rows shown.
def order_page(
    filters: frozenset[str], *, is_first: bool, deleted: DeletedItems | None = None
) -> CompiledQuery:
    """A page of orders with those conditions of `OrderFilter`; its rows are for `order_of`."""
    conditions = {_ORDER_LOOKUPS[name]: slot(name) for name in sorted(filters)}
    orders = _shown(OrderModel.objects, deleted).filter(tenant_id=slot("tenant_id"), **conditions)
    return _page(order_rows(orders, with_deleted=deleted is not None), is_first)


@functools.cache
def _product_page(*, is_first: bool, deleted: DeletedItems | None) -> CompiledQuery:
    products = _shown(ProductModel.objects, deleted).filter(tenant_id=slot("tenant_id"))
    return _page(product_rows(products), is_first)


@functools.cache
def _device_page(*, by_name: bool, is_first: bool, deleted: DeletedItems | None) -> CompiledQuery:
    conditions = {"name": slot("name")} if by_name else {}
    devices = _shown(DeviceModel.objects, deleted).filter(tenant_id=slot("tenant_id"), **conditions)
    return _page(device_rows(devices), is_first)


def _shown(manager: SoftDeleteManager, deleted: DeletedItems | None) -> QuerySet[Any]:
    match deleted:
        case None:
            return manager.all()
        case DeletedItems.WITH:
            return manager.all_with_deleted()
        case DeletedItems.ONLY:
            return manager.only_deleted()


def _page(rows: QuerySet[Any, Any], is_first: bool) -> CompiledQuery:
    """Newest first, beyond where the page before ended."""
    if not is_first:
        # Compared as one value, which an index on (…, created_at, id) answers by one descent (A3).
        beyond = slots(
            "(created_at, id) < (%s, %s)", "after_created_at", "after_id", output_field=BooleanField()
        )
        rows = rows.filter(beyond)
    return compile_query(rows.order_by("-created_at", "-id")).limited("row_limit")


def _page_of(views: tuple[Any, ...], limit: int) -> Page[Any]:
    size = _bounded(limit)
    items = views[:size]
    has_more = len(views) > size and size > 0
    return Page(items, PageKey(items[-1].created_at, items[-1].id) if has_more else None)


def _bounded(limit: int) -> int:
    return max(0, min(limit, PAGE_MAX))


def _event_view(recorded: RecordedEvent) -> EventView:
    return EventView(
        position=recorded.position,
        event_id=recorded.event_id,
        type=recorded.event.wire_name,
        schema_version=recorded.event.schema_version,
        stream_id=recorded.stream_id,
        version=recorded.version,
        occurred_at=recorded.event.occurred_at,
        actor=recorded.actor,
        correlation_id=recorded.correlation_id,
        causation_id=recorded.causation_id,
        traceparent=recorded.traceparent,
        data=event_to_data(recorded.event),
    )
