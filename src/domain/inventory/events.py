"""What can happen to a product and to its stock."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domain.event import Event, event
from domain.soft_deletion import Deleted, Restored


@event("product.created")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProductCreated(Event):
    """A product can be ordered from now on."""

    sku: str
    name: str


@event("product.renamed")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRenamed(Event):
    """The product has another name; its SKU never changes."""

    name: str


@event("product.deleted")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProductDeleted(Deleted):
    """The product is hidden, and its SKU is free again."""


@event("product.restored")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRestored(Restored):
    """The product is shown again, under its SKU."""


@event("stock.opened")
@dataclass(frozen=True, slots=True, kw_only=True)
class StockOpened(Event):
    """Stock of a product is kept from now on, none so far."""

    product_id: UUID
    sku: str


@event("stock.received")
@dataclass(frozen=True, slots=True, kw_only=True)
class StockReceived(Event):
    """Goods came in."""

    quantity: int


@event("stock.adjusted")
@dataclass(frozen=True, slots=True, kw_only=True)
class StockAdjusted(Event):
    """The books follow a count: `delta` pieces more (or, negative, fewer) are on hand."""

    delta: int
    reason: str


@event("stock.reserved")
@dataclass(frozen=True, slots=True, kw_only=True)
class StockReserved(Event):
    """Pieces on hand were set aside for an order."""

    order_id: UUID
    quantity: int


@event("stock.released")
@dataclass(frozen=True, slots=True, kw_only=True)
class StockReleased(Event):
    """An order's reservation was given back."""

    order_id: UUID
    quantity: int


@event("stock.sold")
@dataclass(frozen=True, slots=True, kw_only=True)
class StockSold(Event):
    """An order's reservation became a sale."""

    order_id: UUID
    quantity: int


@event("stock.returned")
@dataclass(frozen=True, slots=True, kw_only=True)
class StockReturned(Event):
    """Sold pieces came back and are on hand again."""

    order_id: UUID
    quantity: int


@event("stock.deleted")
@dataclass(frozen=True, slots=True, kw_only=True)
class StockDeleted(Deleted):
    """The stock is hidden with its product; what is on hand stays in the books."""


@event("stock.restored")
@dataclass(frozen=True, slots=True, kw_only=True)
class StockRestored(Restored):
    """The stock is shown again with its product."""
