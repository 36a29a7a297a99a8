"""Acknowledge a placed order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from application.delivery.consumer import TryAgainLater, Undeliverable
from application.ports.event_store import RecordedEvent
from application.ports.notifier import (
    RETRY_DELAYS_S,
    Notice,
    NoticeLine,
    NoticeRefused,
    Notifier,
    NotifierUnavailable,
    OrderNotice,
)
from application.ports.outbox import Message
from application.ports.unit_of_work import UnitOfWork
from domain.money import Money
from domain.orders.events import OrderPlaced
from domain.orders.order import OrderStatus

TRY_AGAIN_AFTER: Final = tuple(timedelta(seconds=seconds) for seconds in RETRY_DELAYS_S)


@dataclass(frozen=True)
class AcknowledgeOrder:
    """Consumer of `order.placed`: one notice an order, in the one way that its notifier knows."""

    notifier: Notifier
    retry_delays: Sequence[timedelta] = TRY_AGAIN_AFTER

    def act(self, message: Message, event: RecordedEvent) -> None:
        """See Consumer. Raises Undeliverable, TryAgainLater."""
        try:
            self.notifier.notify(_notice(message, event))
        except NoticeRefused as refusal:
            raise Undeliverable(str(refusal)) from refusal
        except NotifierUnavailable as failure:
            delay = timedelta(seconds=failure.retry_after_s or 0)
            raise TryAgainLater(str(failure), delay) from failure

    def record(self, event: RecordedEvent, uow: UnitOfWork) -> None:
        """See Consumer. That the message is settled is all there is to record."""


def _notice(message: Message, event: RecordedEvent) -> Notice:
    placed = event.event
    if not isinstance(placed, OrderPlaced):
        raise Undeliverable(f"{placed.wire_name} is not acknowledged")
    lines = tuple(
        NoticeLine(
            sku=line.sku, quantity=line.quantity, unit_price=Money(line.unit_price_minor, placed.currency)
        )
        for line in placed.lines
    )
    return Notice(
        id=message.id,
        kind=placed.wire_name,
        tenant_id=event.tenant_id,
        occurred_at=placed.occurred_at,
        recipient=placed.email,
        order=OrderNotice(
            order_id=event.stream_id,
            reference=placed.reference,
            status=OrderStatus.PENDING.value,
            total=Money(sum(line.unit_price.minor * line.quantity for line in lines), placed.currency),
            lines=lines,
        ),
    )
