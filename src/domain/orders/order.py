"""The order: lines, money, and the states that it passes through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.errors import Conflict, InvalidInput, RuleViolation
from domain.event import Event
from domain.money import AMOUNT_MINOR_MAX, Money
from domain.orders.events import (
    OrderAmended,
    OrderCancelled,
    OrderConfirmed,
    OrderDeleted,
    OrderDelivered,
    OrderPaymentDeclined,
    OrderPaymentTriedAgain,
    OrderPlaced,
    OrderPurged,
    OrderRestored,
    OrderReturned,
    OrderShipped,
    PlacedLine,
    ReturnedLine,
)
from domain.soft_deletion import SoftDeletable
from domain.text import require_text

LINES_MAX: Final = 200
QUANTITY_MAX: Final = 1_000_000
CUSTOMER_REF_LENGTH_MAX: Final = 100
REFERENCE_LENGTH_MAX: Final = 100
PAYMENT_METHOD_LENGTH_MAX: Final = 100
EMAIL_LENGTH_MAX: Final = 254
NOTE_LENGTH_MAX: Final = 2_000
ADDRESS_LENGTH_MAX: Final = 1_000
CANCEL_REASON_LENGTH_MAX: Final = 200
RETURN_REASON_LENGTH_MAX: Final = 200
ORDERED_AT_MIN: Final = datetime(1970, 1, 1, tzinfo=UTC)
ORDERED_AT_AHEAD_MAX: Final = timedelta(days=1)
"""How far ahead of us a caller's clock or calendar may be."""


class OrderStatus(StrEnum):
    """How far an order has come."""

    PENDING = "pending"
    AWAITING_PAYMENT = "awaiting_payment"
    CONFIRMED = "confirmed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


OPEN_STATUSES: Final = frozenset({OrderStatus.PENDING, OrderStatus.AWAITING_PAYMENT})
"""Nothing has been promised to the customer yet: the order may be confirmed or cancelled."""
AMENDABLE_STATUSES: Final = OPEN_STATUSES | {OrderStatus.CONFIRMED}
"""Nothing has left the house yet: note and address may change."""
DELETABLE_STATUSES: Final = frozenset({OrderStatus.DELIVERED, OrderStatus.CANCELLED})
"""Nobody waits for anything any more: the order may be deleted (D6)."""


class OrderStatusForbids(RuleViolation):
    """The order is {status}; it can be {action} only while it is {allowed}."""


class ReturnTooLarge(RuleViolation):
    """Of {sku} at most {returnable} can come back: what was ordered less what has come back already."""


class ReferenceTaken(Conflict):
    """The reference {reference!r} belongs to another order; every order has its own."""


class OrderTotalTooLarge(RuleViolation):
    """The order's total is above {total_minor_max} minor units; split it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """So many of one product at one price; `returned` of them have come back."""

    product_id: UUID
    sku: str
    quantity: int
    unit_price: Money
    returned: int = 0

    def __post_init__(self) -> None:
        _require_quantity("quantity", self.quantity)
        if not 0 <= self.returned <= self.quantity:
            raise InvalidInput(field="returned", problem=f"must lie between 0 and {self.quantity}")

    @property
    def returnable(self) -> int:
        """How many pieces can still come back."""
        return self.quantity - self.returned

    @property
    def total_minor(self) -> int:
        """Quantity times price, in minor units; it may exceed what one amount may be."""
        return self.unit_price.minor * self.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnLine:
    """So many pieces of one SKU that came back."""

    sku: str
    quantity: int


class Order(SoftDeletable):
    """One order of one customer, in one currency."""

    kind = "order"
    deleted_event = OrderDeleted
    restored_event = OrderRestored
    purged_event = OrderPurged

    status: OrderStatus
    customer_ref: str
    currency: str
    lines: tuple[OrderLine, ...]
    payment_method: str
    ordered_at: datetime
    created_at: datetime
    reference: str | None
    email: str | None
    note: str
    address: str
    cancel_reason: str | None
    purged_at: datetime | None

    @classmethod
    def place(
        cls,
        *,
        id: UUID,
        customer_ref: str,
        currency: str,
        lines: Sequence[OrderLine],
        payment_method: str,
        at: datetime,
        ordered_at: datetime | None = None,
        reference: str | None = None,
        email: str | None = None,
        note: str = "",
        address: str = "",
    ) -> Order:
        """Place a new order at the time `at`; it is pending until it is confirmed or cancelled.

        Raises InvalidInput that names the field, and OrderTotalTooLarge.
        """
        require_text("customer_ref", customer_ref, length_max=CUSTOMER_REF_LENGTH_MAX)
        require_text("payment_method", payment_method, length_max=PAYMENT_METHOD_LENGTH_MAX)
        if reference is not None:
            require_text("reference", reference, length_max=REFERENCE_LENGTH_MAX)
        if email is not None:
            require_text("email", email, length_max=EMAIL_LENGTH_MAX)
        _require_note_and_address(note, address)
        _require_lines(lines, currency)
        if ordered_at is not None:
            _require_ordered_at(ordered_at, at)
        order = cls(id)
        order._record(
            OrderPlaced(
                occurred_at=at,
                customer_ref=customer_ref,
                currency=currency,
                lines=tuple(
                    PlacedLine(
                        product_id=line.product_id,
                        sku=line.sku,
                        quantity=line.quantity,
                        unit_price_minor=line.unit_price.minor,
                    )
                    for line in lines
                ),
                payment_method=payment_method,
                ordered_at=(ordered_at or at).astimezone(UTC),
                reference=reference,
                email=email,
                note=note,
                address=address,
            )
        )
        return order

    @property
    def total(self) -> Money:
        """What the customer owes for all lines."""
        return Money(sum(line.total_minor for line in self.lines), self.currency)

    @property
    def is_purged(self) -> bool:
        """See SoftDeletable."""
        return self.purged_at is not None

    def amend(self, *, at: datetime, note: str | None = None, address: str | None = None) -> None:
        """Change note or address; None leaves one as it is, and equal values change nothing."""
        self._require_status("amended", AMENDABLE_STATUSES)
        note = self.note if note is None else note
        address = self.address if address is None else address
        _require_note_and_address(note, address)
        if (note, address) != (self.note, self.address):
            self._record(OrderAmended(occurred_at=at, note=note, address=address))

    def decline_payment(self, reason: str, *, at: datetime) -> None:
        """The payment was refused; the order waits for a further try."""
        self._require_status("declined", frozenset({OrderStatus.PENDING}))
        self._record(OrderPaymentDeclined(occurred_at=at, reason=reason))

    def pay_again(self, payment_method: str, *, at: datetime) -> None:
        """Try to pay by this method; only an order whose payment was refused waits for that."""
        require_text("payment_method", payment_method, length_max=PAYMENT_METHOD_LENGTH_MAX)
        self._require_status("paid again", frozenset({OrderStatus.AWAITING_PAYMENT}))
        self._record(OrderPaymentTriedAgain(occurred_at=at, payment_method=payment_method))

    def confirm(self, *, at: datetime) -> None:
        """The order is paid and its stock reserved."""
        self._require_status("confirmed", OPEN_STATUSES)
        self._record(OrderConfirmed(occurred_at=at))

    def cancel(self, *, reason: str, at: datetime) -> None:
        """Give the order up; only an order that was not confirmed yet can be cancelled."""
        require_text("reason", reason, length_max=CANCEL_REASON_LENGTH_MAX)
        self._require_status("cancelled", OPEN_STATUSES)
        self._record(OrderCancelled(occurred_at=at, reason=reason))

    def ship(self, *, at: datetime) -> None:
        """The goods have left the house; only a confirmed order can be shipped."""
        self._require_status("shipped", frozenset({OrderStatus.CONFIRMED}))
        self._record(OrderShipped(occurred_at=at))

    def deliver(self, *, at: datetime) -> None:
        """The customer has the goods; only a shipped order can be delivered."""
        self._require_status("delivered", frozenset({OrderStatus.SHIPPED}))
        self._record(OrderDelivered(occurred_at=at))

    def take_back(self, lines: Sequence[ReturnLine], *, reason: str, at: datetime) -> None:
        """Goods of a delivered order came back; it stays delivered, and its total stays what was ordered.

        Pieces of a SKU that stands on several lines are counted to the first of them that has pieces left. Raises
        OrderStatusForbids, InvalidInput that names the field, and ReturnTooLarge, also for a SKU that was not ordered.
        """
        require_text("reason", reason, length_max=RETURN_REASON_LENGTH_MAX)
        if not 1 <= len(lines) <= LINES_MAX:
            raise InvalidInput(field="lines", problem=f"a return has 1 to {LINES_MAX} lines")
        for index, line in enumerate(lines):
            _require_quantity(f"lines[{index}].quantity", line.quantity)
        self._require_status("returned", frozenset({OrderStatus.DELIVERED}))
        self._record(OrderReturned(occurred_at=at, lines=self._attributed(lines), reason=reason))

    def _attributed(self, lines: Sequence[ReturnLine]) -> tuple[ReturnedLine, ...]:
        taken = [0] * len(self.lines)
        for index, line in enumerate(lines):
            missing = line.quantity
            for place, ordered in enumerate(self.lines):
                if ordered.sku == line.sku:
                    part = min(missing, ordered.returnable - taken[place])
                    taken[place] += part
                    missing -= part
            if missing:
                raise ReturnTooLarge(
                    field=f"lines[{index}].quantity", sku=line.sku, returnable=line.quantity - missing
                )
        return tuple(
            ReturnedLine(number=number, sku=ordered.sku, quantity=quantity)
            for number, (ordered, quantity) in enumerate(zip(self.lines, taken, strict=True), start=1)
            if quantity
        )

    def _require_deletable(self) -> None:
        self._require_status("deleted", DELETABLE_STATUSES)

    def _require_status(self, action: str, allowed: frozenset[OrderStatus]) -> None:
        self.require_live()
        if self.status not in allowed:
            raise OrderStatusForbids(
                status=self.status.value,
                action=action,
                allowed=" or ".join(sorted(status.value for status in allowed)),
            )

    def _apply(self, event: Event) -> None:
        match event:
            case OrderPlaced():
                self.status = OrderStatus.PENDING
                self.customer_ref = event.customer_ref
                self.currency = event.currency
                self.lines = tuple(
                    OrderLine(
                        product_id=line.product_id,
                        sku=line.sku,
                        quantity=line.quantity,
                        unit_price=Money(line.unit_price_minor, event.currency),
                    )
                    for line in event.lines
                )
                self.payment_method = event.payment_method
                self.ordered_at = event.ordered_at
                self.created_at = event.occurred_at
                self.reference = event.reference
                self.email = event.email
                self.note = event.note
                self.address = event.address
                self.cancel_reason = None
                self.purged_at = None
            case OrderAmended():
                self.note, self.address = event.note, event.address
            case OrderPaymentDeclined():
                self.status = OrderStatus.AWAITING_PAYMENT
            case OrderPaymentTriedAgain():
                self.status, self.payment_method = OrderStatus.PENDING, event.payment_method
            case OrderConfirmed():
                self.status = OrderStatus.CONFIRMED
            case OrderShipped():
                self.status = OrderStatus.SHIPPED
            case OrderDelivered():
                self.status = OrderStatus.DELIVERED
            case OrderReturned():
                came_back = {line.number: line.quantity for line in event.lines}
                self.lines = tuple(
                    replace(line, returned=line.returned + came_back.get(number, 0))
                    for number, line in enumerate(self.lines, start=1)
                )
            case OrderCancelled():
                self.status, self.cancel_reason = OrderStatus.CANCELLED, event.reason
            case OrderPurged():
                self._forget_the_customer(event.occurred_at)
            case _:
                super()._apply(event)

    def _forget_the_customer(self, at: datetime) -> None:
        # As if the events before had never said it: a purge puts the same in their place.
        for name in OrderPlaced.personal:
            setattr(self, name, OrderPlaced.personal[name])
        if self.cancel_reason is not None:
            self.cancel_reason = OrderCancelled.personal["reason"]
        if self.deletion is not None:
            self.deletion = replace(self.deletion, reason="")
        self.purged_at = at


def _require_quantity(field: str, quantity: int) -> None:
    if not 1 <= quantity <= QUANTITY_MAX:
        raise InvalidInput(field=field, problem=f"must lie between 1 and {QUANTITY_MAX}")


def _require_note_and_address(note: str, address: str) -> None:
    require_text("note", note, length_max=NOTE_LENGTH_MAX, length_min=0)
    require_text("address", address, length_max=ADDRESS_LENGTH_MAX, length_min=0)


def _require_ordered_at(ordered_at: datetime, at: datetime) -> None:
    if ordered_at.utcoffset() is None:
        raise InvalidInput(field="ordered_at", problem="must have a time zone, such as Z or +02:00")
    if not ORDERED_AT_MIN <= ordered_at <= at + ORDERED_AT_AHEAD_MAX:
        raise InvalidInput(
            field="ordered_at",
            problem=f"must lie between {ORDERED_AT_MIN:%Y-%m-%d} and {ORDERED_AT_AHEAD_MAX.days} day ahead",
        )


def _require_lines(lines: Sequence[OrderLine], currency: str) -> None:
    if not 1 <= len(lines) <= LINES_MAX:
        raise InvalidInput(field="lines", problem=f"an order has 1 to {LINES_MAX} lines")
    for index, line in enumerate(lines):
        if line.unit_price.currency != currency:
            raise InvalidInput(
                field=f"lines[{index}].unit_price",
                problem=f"is in {line.unit_price.currency}, the order in {currency}",
            )
    if sum(line.total_minor for line in lines) > AMOUNT_MINOR_MAX:
        raise OrderTotalTooLarge(total_minor_max=AMOUNT_MINOR_MAX)
