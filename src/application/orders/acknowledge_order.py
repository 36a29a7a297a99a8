"""Acknowledge a placed order to its customer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from application.delivery.consumer import Undeliverable
from application.ports.event_store import RecordedEvent
from application.ports.notifier import NoticeLine, NoticeRefused, Notifier, OrderNotice
from application.ports.outbox import Message
from application.ports.unit_of_work import UnitOfWork
from domain.money import Money
from domain.orders.events import OrderPlaced

# The table that the Standard Webhooks specification gives as its example: for some three days.
TRY_AGAIN_AFTER: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)


@dataclass(frozen=True)
class AcknowledgeOrder:
    """Consumer of `order.placed`: one notice an order, to the address that the order names; without one, none."""

    notifier: Notifier
    retry_delays: Sequence[timedelta] = TRY_AGAIN_AFTER

    def act(self, message: Message, event: RecordedEvent) -> None:
        """See Consumer. Raises Undeliverable, NotifierUnavailable."""
        placed = event.event
        if not isinstance(placed, OrderPlaced):
            raise Undeliverable(f"{placed.wire_name} is not acknowledged")
        if placed.email is None:
            return
        lines = tuple(
            NoticeLine(
                sku=line.sku,
                quantity=line.quantity,
                unit_price=Money(line.unit_price_minor, placed.currency),
            )
            for line in placed.lines
        )
        total = Money(sum(line.unit_price.minor * line.quantity for line in lines), placed.currency)
        try:
            self.notifier.notify(
                OrderNotice(
                    id=message.id,
                    order_id=event.stream_id,
                    reference=placed.reference,
                    recipient=placed.email,
                    placed_at=placed.occurred_at,
                    lines=lines,
                    total=total,
                )
            )
        except NoticeRefused as refusal:
            raise Undeliverable(str(refusal)) from refusal

    def record(self, event: RecordedEvent, uow: UnitOfWork) -> None:
        """See Consumer. That the message is settled is all there is to record."""
