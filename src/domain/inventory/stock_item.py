"""The stock of one product: what is on hand, set aside for orders, and sold.

The conservation law (promise M2): on hand + reserved + sold = received + adjusted. A return moves pieces from
sold back to on hand, so it changes neither side.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from domain.errors import InvalidInput, RuleViolation
from domain.event import Event
from domain.inventory.events import (
    StockAdjusted,
    StockDeleted,
    StockOpened,
    StockReceived,
    StockReleased,
    StockReserved,
    StockRestored,
    StockReturned,
    StockSold,
)
from domain.soft_deletion import SoftDeletable
from domain.text import require_text

MOVE_QUANTITY_MAX: Final = 1_000_000_000
ON_HAND_MAX: Final = 10**15
REASON_LENGTH_MAX: Final = 200


class InsufficientStock(RuleViolation):
    """{sku}: {requested} wanted, {on_hand} on hand."""


class StockLimitReached(RuleViolation):
    """{sku}: more than {on_hand_max} pieces cannot be kept."""


class AlreadyReserved(RuleViolation):
    """{sku}: order {order_id} holds a reservation already."""


class NotReserved(RuleViolation):
    """{sku}: order {order_id} holds no reservation."""


class NotSold(RuleViolation):
    """{sku}: {quantity} cannot come back, {sold} were sold."""


class StockHeld(RuleViolation):
    """{sku}: {reserved} pieces are set aside for orders; delete the product when none are."""


class StockItem(SoftDeletable):
    """Pieces of one product; an aggregate of its own, so that reservations never move the product's version."""

    kind = "stock"
    deleted_event = StockDeleted
    restored_event = StockRestored

    product_id: UUID
    sku: str
    on_hand: int
    reserved: int
    sold: int
    received: int
    adjusted: int
    created_at: datetime
    reservations: dict[UUID, int]
    """Pieces set aside, by order; a repository may load those of the orders in question alone."""

    @classmethod
    def open(cls, *, id: UUID, product_id: UUID, sku: str, at: datetime) -> StockItem:
        """Begin to keep stock of a product."""
        item = cls(id)
        item._record(StockOpened(occurred_at=at, product_id=product_id, sku=sku))
        return item

    def receive(self, quantity: int, *, at: datetime) -> None:
        """Goods came in. Raises InvalidInput, StockLimitReached."""
        _require_quantity(quantity)
        self.require_live()
        self._require_room(quantity)
        self._record(StockReceived(occurred_at=at, quantity=quantity))

    def adjust(self, delta: int, *, reason: str, at: datetime) -> None:
        """Follow a count: `delta` more, or fewer, than the books say. Raises InsufficientStock below zero."""
        if delta == 0 or abs(delta) > MOVE_QUANTITY_MAX:
            raise InvalidInput(
                field="delta",
                problem=f"must lie between -{MOVE_QUANTITY_MAX} and {MOVE_QUANTITY_MAX}, and not be 0",
            )
        require_text("reason", reason, length_max=REASON_LENGTH_MAX)
        self.require_live()
        self._require_on_hand(-delta)
        self._require_room(delta)
        self._record(StockAdjusted(occurred_at=at, delta=delta, reason=reason))

    def reserve(self, order_id: UUID, quantity: int, *, at: datetime) -> None:
        """Set pieces aside for an order. Raises InsufficientStock, AlreadyReserved."""
        self.require_reservable(order_id, quantity)
        self._record(StockReserved(occurred_at=at, order_id=order_id, quantity=quantity))

    def require_reservable(self, order_id: UUID, quantity: int) -> None:
        """Raise as `reserve` would; for an order that sets aside all that it wants or nothing."""
        _require_quantity(quantity)
        self.require_live()
        if order_id in self.reservations:
            raise AlreadyReserved(sku=self.sku, order_id=str(order_id))
        self._require_on_hand(quantity)

    def release(self, order_id: UUID, *, at: datetime) -> None:
        """Give an order's reservation back. Raises NotReserved."""
        self._record(StockReleased(occurred_at=at, order_id=order_id, quantity=self._reserved_for(order_id)))

    def sell(self, order_id: UUID, *, at: datetime) -> None:
        """An order's reservation becomes a sale. Raises NotReserved."""
        self._record(StockSold(occurred_at=at, order_id=order_id, quantity=self._reserved_for(order_id)))

    def take_back(self, order_id: UUID, quantity: int, *, at: datetime) -> None:
        """Sold pieces came back. Raises NotSold if more come than were ever sold."""
        _require_quantity(quantity)
        self.require_live()
        if quantity > self.sold:
            raise NotSold(sku=self.sku, quantity=quantity, sold=self.sold)
        self._record(StockReturned(occurred_at=at, order_id=order_id, quantity=quantity))

    def _require_deletable(self) -> None:
        if self.reserved:
            raise StockHeld(sku=self.sku, reserved=self.reserved)

    def _reserved_for(self, order_id: UUID) -> int:
        self.require_live()
        try:
            return self.reservations[order_id]
        except KeyError:
            raise NotReserved(sku=self.sku, order_id=str(order_id)) from None

    def _require_on_hand(self, quantity: int) -> None:
        if quantity > self.on_hand:
            raise InsufficientStock(sku=self.sku, requested=quantity, on_hand=self.on_hand)

    def _require_room(self, quantity: int) -> None:
        if self.on_hand + self.reserved + self.sold + quantity > ON_HAND_MAX:
            raise StockLimitReached(sku=self.sku, on_hand_max=ON_HAND_MAX)

    def _apply(self, event: Event) -> None:
        match event:
            case StockOpened():
                self.product_id, self.sku, self.created_at = event.product_id, event.sku, event.occurred_at
                self.on_hand = self.reserved = self.sold = self.received = self.adjusted = 0
                self.reservations = {}
            case StockReceived():
                self.on_hand += event.quantity
                self.received += event.quantity
            case StockAdjusted():
                self.on_hand += event.delta
                self.adjusted += event.delta
            case StockReserved():
                self.on_hand -= event.quantity
                self.reserved += event.quantity
                self.reservations[event.order_id] = event.quantity
            case StockReleased():
                del self.reservations[event.order_id]
                self.reserved -= event.quantity
                self.on_hand += event.quantity
            case StockSold():
                del self.reservations[event.order_id]
                self.reserved -= event.quantity
                self.sold += event.quantity
            case StockReturned():
                self.sold -= event.quantity
                self.on_hand += event.quantity
            case _:
                super()._apply(event)


def _require_quantity(quantity: int) -> None:
    if not 1 <= quantity <= MOVE_QUANTITY_MAX:
        raise InvalidInput(field="quantity", problem=f"must lie between 1 and {MOVE_QUANTITY_MAX}")
