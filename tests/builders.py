"""A small language for test data: it says what matters to a test and fills in the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from adapters.system_clock import new_id
from application.ports.unit_of_work import CommandContext
from domain.idempotency import RequestKey
from domain.inventory.product import Product
from domain.inventory.stock_item import StockItem
from domain.money import Money
from domain.orders.order import Order, OrderLine, ReturnLine
from domain.telemetry.batch import Mode
from domain.telemetry.device import Device
from domain.telemetry.intake import Intake, SentBatch

NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""When everything happens, unless a test says otherwise."""


def after_noon(minutes: int) -> datetime:
    """So many minutes later."""
    return NOON + timedelta(minutes=minutes)


def a_sku() -> str:
    """A SKU that no other product has."""
    return f"SKU-{new_id().hex}"


def a_context(
    *,
    tenant_id: UUID | None = None,
    actor: str = "alice",
    key: RequestKey | None = None,
    correlation_id: str = "request-1",
    causation_id: str = "request-1",
    traceparent: str | None = None,
) -> CommandContext:
    """The context of a call; of a tenant of its own unless one is given."""
    return CommandContext(
        tenant_id=tenant_id or new_id(),
        actor=actor,
        correlation_id=correlation_id,
        causation_id=causation_id,
        traceparent=traceparent,
        request_key=key,
    )


def a_key(name: str = "key-1", content: str = "the request") -> RequestKey:
    """An idempotency key for a request of that content."""
    return RequestKey.of(name, content.encode())


def a_product(*, sku: str | None = None, name: str = "Tea", at: datetime = NOON) -> Product:
    """A product that was just created."""
    return Product.create(id=new_id(), sku=sku or a_sku(), name=name, at=at)


def a_device(*, name: str | None = None, description: str = "", at: datetime = NOON) -> Device:
    """A device that was just registered, by a person."""
    return Device.register(id=new_id(), name=name or f"device-{new_id()}", description=description, at=at)


def a_sent_batch(**fields: Any) -> SentBatch:
    """Lines without defaults, all of which have to be good, unless told otherwise."""
    lines: dict[str, Any] = {
        "form": "line",
        "precision": "ns",
        "device": None,
        "metric": None,
        "mode": Mode.STRICT,
    }
    return SentBatch(**{**lines, **fields})


def an_intake(*, size_bytes: int = 100, at: datetime = NOON, **batch: Any) -> Intake:
    """An intake that was just received."""
    return Intake.receive(id=new_id(), batch=a_sent_batch(**batch), size_bytes=size_bytes, at=at)


def stock_of(product: Product, *, on_hand: int = 0, at: datetime = NOON) -> StockItem:
    """The stock of a product, opened and, if pieces are wanted, received."""
    item = StockItem.open(id=new_id(), product_id=product.id, sku=product.sku, at=at)
    if on_hand:
        item.receive(on_hand, at=at)
    return item


@dataclass(frozen=True, kw_only=True)
class OrderBuilder:
    """An order to be; each `with_…` answers another builder."""

    customer_ref: str = "c-17"
    currency: str = "EUR"
    lines: tuple[OrderLine, ...] = ()
    payment_method: str = "tok_visa"
    reference: str | None = None
    email: str | None = None
    note: str = ""
    address: str = ""
    at: datetime = NOON
    ordered_at: datetime | None = None

    def with_line(self, product: Product, *, quantity: int = 1, price: str = "4.20") -> Self:
        """One more line; the price is in the order's currency as it stands now."""
        line = OrderLine(
            product_id=product.id,
            sku=product.sku,
            quantity=quantity,
            unit_price=Money.parse(price, self.currency),
        )
        return replace(self, lines=(*self.lines, line))

    def with_(self, **fields: object) -> Self:
        """The named fields as given."""
        return replace(self, **fields)  # type: ignore[arg-type]

    def placed(self) -> Order:
        """The order, pending; with one line if none was asked for."""
        builder = self if self.lines else self.with_line(a_product())
        return Order.place(
            id=new_id(),
            customer_ref=builder.customer_ref,
            currency=builder.currency,
            lines=builder.lines,
            payment_method=builder.payment_method,
            reference=builder.reference,
            email=builder.email,
            note=builder.note,
            address=builder.address,
            at=builder.at,
            ordered_at=builder.ordered_at,
        )

    def confirmed(self) -> Order:
        """The order, confirmed a minute after it was placed."""
        order = self.placed()
        order.confirm(at=self.at + timedelta(minutes=1))
        return order

    def shipped(self) -> Order:
        """The order, shipped a minute after it was confirmed."""
        order = self.confirmed()
        order.ship(at=self.at + timedelta(minutes=2))
        return order

    def delivered(self) -> Order:
        """The order, delivered a minute after it was shipped."""
        order = self.shipped()
        order.deliver(at=self.at + timedelta(minutes=3))
        return order

    def returned(self, quantity: int = 1, reason: str = "arrived open") -> Order:
        """The order, with pieces of its first line back a minute after it was delivered."""
        order = self.delivered()
        line = ReturnLine(sku=order.lines[0].sku, quantity=quantity)
        order.take_back([line], reason=reason, at=self.at + timedelta(minutes=4))
        return order

    def cancelled(self, reason: str = "changed my mind") -> Order:
        """The order, cancelled a minute after it was placed."""
        order = self.placed()
        order.cancel(reason=reason, at=self.at + timedelta(minutes=1))
        return order


def an_order() -> OrderBuilder:
    """An order of one customer in euros."""
    return OrderBuilder()
