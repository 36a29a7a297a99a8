"""Answers to questions: views made for readers, listed page by page.

A view is the whole content of an answer. It can be made from an aggregate (`OrderView.of`), which is what commands
return, or come from a read model, which is what queries return; both must agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Any, Final, Generic, Protocol, Self, TypeVar
from uuid import UUID

from application.ports.device_view import DeviceView
from application.ports.intakes import IntakeView
from application.ports.outbox import ConsumerLag
from application.ports.payment_view import PaymentView
from domain.inventory.product import Product
from domain.inventory.stock_item import StockItem
from domain.orders.order import Order, OrderStatus

PAGE_DEFAULT: Final = 50
PAGE_MAX: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLineView:
    """One line; `unit_price` is a decimal string in the order's currency, `returned` of the pieces came back."""

    sku: str
    quantity: int
    unit_price: str
    returned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """An order at one version."""

    id: UUID
    version: int
    status: OrderStatus
    reference: str | None
    customer_ref: str
    currency: str
    lines: tuple[OrderLineView, ...]
    total: str
    note: str
    address: str
    cancel_reason: str | None
    ordered_at: datetime
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None

    @classmethod
    def of(cls, order: Order) -> OrderView:
        """The view of the aggregate as it stands."""
        return cls(
            id=order.id,
            version=order.version,
            status=order.status,
            reference=order.reference,
            customer_ref=order.customer_ref,
            currency=order.currency,
            lines=tuple(
                OrderLineView(
                    sku=line.sku,
                    quantity=line.quantity,
                    unit_price=str(line.unit_price),
                    returned=line.returned,
                )
                for line in order.lines
            ),
            total=str(order.total),
            note=order.note,
            address=order.address,
            cancel_reason=order.cancel_reason,
            ordered_at=order.ordered_at,
            created_at=order.created_at,
            updated_at=order.updated_at,
            deleted_at=order.deletion.at if order.deletion else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductView:
    """A product at one version."""

    id: UUID
    version: int
    sku: str
    name: str
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None

    @classmethod
    def of(cls, product: Product) -> ProductView:
        """The view of the aggregate as it stands."""
        return cls(
            id=product.id,
            version=product.version,
            sku=product.sku,
            name=product.name,
            created_at=product.created_at,
            updated_at=product.updated_at,
            deleted_at=product.deletion.at if product.deletion else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StockView:
    """The stock of a product at one version; all figures in pieces."""

    id: UUID
    version: int
    sku: str
    on_hand: int
    reserved: int
    sold: int
    updated_at: datetime

    @classmethod
    def of(cls, item: StockItem) -> StockView:
        """The view of the aggregate as it stands."""
        return cls(
            id=item.id,
            version=item.version,
            sku=item.sku,
            on_hand=item.on_hand,
            reserved=item.reserved,
            sold=item.sold,
            updated_at=item.updated_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """A stored event as readers see it; `data` holds the fields of its type and schema version."""

    position: int
    event_id: UUID
    type: str
    schema_version: int
    stream_id: UUID
    version: int
    occurred_at: datetime
    actor: str
    correlation_id: str
    causation_id: str
    traceparent: str | None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PageKey:
    """Where a page ended: the immutable sort key of its last row."""

    created_at: datetime
    id: UUID


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some of the rows, and where the next page begins; None when there is none."""

    items: tuple[Item, ...]
    next: PageKey | None


class DeletedItems(StrEnum):
    """Whether a list shows what is deleted: only who asks by name sees any of it (D1)."""

    WITH = "with"
    ONLY = "only"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """Which orders are wanted; None admits all. The range is half open: created_from ≤ created_at < created_to.

    `deleted` None shows the live ones alone.
    """

    status: OrderStatus | None = None
    customer_ref: str | None = None
    reference: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    deleted: DeletedItems | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFilter:
    """Which devices are wanted: those of that name, or (None) all; `deleted` None shows the live ones alone."""

    name: str | None = None
    deleted: DeletedItems | None = None


class ReadModels(Protocol):
    """A context manager over the views of one tenant; reads only, never locks, shows no deleted row unless
    `deleted` asks for it. The events of an order are history, its payments are on the books: both stay readable
    after its deletion.

    Lists are newest first, by (created_at, id). Walking all pages returns each row that existed at the start
    exactly once, whatever is added meanwhile, and the last page costs what the first does (A3).
    Raises StoreUnavailable from any method.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def order(self, order_id: UUID) -> OrderView:
        """Raises NotFound, Gone."""
        ...

    def orders(
        self, wanted: OrderFilter, *, after: PageKey | None = None, limit: int = PAGE_DEFAULT
    ) -> Page[OrderView]:
        """Up to `limit` (at most PAGE_MAX) orders beyond `after`."""
        ...

    def order_events(
        self, order_id: UUID, *, after_version: int = 0, limit: int = PAGE_DEFAULT
    ) -> tuple[EventView, ...]:
        """Up to `limit` (at most PAGE_MAX) events of the order above `after_version`, oldest first. Raises NotFound."""
        ...

    def payment(self, payment_id: UUID) -> PaymentView:
        """Raises NotFound."""
        ...

    def order_payments(self, order_id: UUID) -> tuple[PaymentView, ...]:
        """All of them, by their attempt; there are at most ATTEMPTS_MAX. Raises NotFound for the order."""
        ...

    def product(self, sku: str) -> ProductView:
        """Raises NotFound, Gone."""
        ...

    def products(
        self,
        *,
        deleted: DeletedItems | None = None,
        after: PageKey | None = None,
        limit: int = PAGE_DEFAULT,
    ) -> Page[ProductView]:
        """Up to `limit` (at most PAGE_MAX) products beyond `after`; live ones unless `deleted` says otherwise."""
        ...

    def stock(self, sku: str) -> StockView:
        """Raises NotFound, Gone, as the product does."""
        ...

    def device(self, device_id: UUID) -> DeviceView:
        """Raises NotFound, Gone."""
        ...

    def intake(self, intake_id: UUID) -> IntakeView:
        """Raises NotFound."""
        ...

    def devices(
        self, wanted: DeviceFilter, *, after: PageKey | None = None, limit: int = PAGE_DEFAULT
    ) -> Page[DeviceView]:
        """Up to `limit` (at most PAGE_MAX) devices beyond `after`."""
        ...

    def message_lag(self) -> tuple[ConsumerLag, ...]:
        """What consumers have before them of this tenant's messages, by name; those that have some, or settled
        some in the last minute.
        """
        ...


OpenReadModels = Callable[[UUID], ReadModels]
"""Open the read models of a tenant."""
