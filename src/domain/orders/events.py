"""What can happen to an order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar
from uuid import UUID

from domain.event import REDACTED, Event, event
from domain.soft_deletion import Deleted, Purged, Restored


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedLine:
    """One line as it was placed; `unit_price_minor` in minor units of the order's currency."""

    product_id: UUID
    sku: str
    quantity: int
    unit_price_minor: int


@event("order.placed")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced(Event):
    """A customer ordered; `ordered_at` is the date that reports use, which an import may set in the past."""

    personal: ClassVar = MappingProxyType(
        {
            "customer_ref": REDACTED,
            "payment_method": REDACTED,
            "reference": None,
            "email": None,
            "note": "",
            "address": "",
        }
    )

    customer_ref: str
    currency: str
    lines: tuple[PlacedLine, ...]
    payment_method: str
    ordered_at: datetime
    reference: str | None
    email: str | None
    note: str
    address: str


@event("order.amended")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAmended(Event):
    """Note or address changed; both are given as they stand afterwards."""

    personal: ClassVar = MappingProxyType({"note": "", "address": ""})

    note: str
    address: str


@event("order.payment_declined")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPaymentDeclined(Event):
    """The gateway refused the payment; the customer may try another."""

    reason: str


@event("order.payment_tried_again")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPaymentTriedAgain(Event):
    """A further try to pay, perhaps by another method."""

    personal: ClassVar = MappingProxyType({"payment_method": REDACTED})

    payment_method: str


@event("order.confirmed")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderConfirmed(Event):
    """The order is paid and its stock reserved: from here on it is fulfilled."""


@event("order.shipped")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderShipped(Event):
    """The goods have left the house."""


@event("order.delivered")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDelivered(Event):
    """The customer has the goods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedLine:
    """So many pieces that came back of the order's line of that number, counted from 1."""

    number: int
    sku: str
    quantity: int


@event("order.returned")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReturned(Event):
    """Goods came back; to which lines they belong is part of the fact, so no fold has to decide it again."""

    personal: ClassVar = MappingProxyType({"reason": REDACTED})

    lines: tuple[ReturnedLine, ...]
    reason: str


@event("order.cancelled")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled(Event):
    """The order will not be fulfilled."""

    personal: ClassVar = MappingProxyType({"reason": REDACTED})

    reason: str


@event("order.deleted")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDeleted(Deleted):
    """The order and its lines are hidden."""


@event("order.restored")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRestored(Restored):
    """The order and the lines that went with it are shown again."""


@event("order.purged")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPurged(Purged):
    """What remains of the order are its amounts, its lines and its dates."""
