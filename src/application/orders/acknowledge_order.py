"""Tell the customer, or the shop's systems, what became of an order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Final

from application.delivery.consumer import TryAgainLater, Undeliverable, reaction_context
from application.orders.order_history import order_history
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
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from domain.orders.order import Order

TRY_AGAIN_AFTER: Final = tuple(timedelta(seconds=seconds) for seconds in RETRY_DELAYS_S)


@dataclass(frozen=True)
class AcknowledgeOrder:
    """Consumer of an order's events: one notice each, of the order as it was then, in its notifier's way."""

    notifier: Notifier
    open_unit_of_work: OpenUnitOfWork
    retry_delays: Sequence[timedelta] = TRY_AGAIN_AFTER

    def act(self, message: Message, event: RecordedEvent) -> None:
        """See Consumer. Raises Undeliverable, TryAgainLater."""
        notice = self._notice(message, event)
        try:
            self.notifier.notify(notice)
        except NoticeRefused as refusal:
            raise Undeliverable(str(refusal)) from refusal
        except NotifierUnavailable as failure:
            delay = timedelta(seconds=failure.retry_after_s or 0)
            raise TryAgainLater(str(failure), delay) from failure

    def record(self, event: RecordedEvent, uow: UnitOfWork) -> None:
        """See Consumer. That the message is settled is all there is to record."""

    def _notice(self, message: Message, event: RecordedEvent) -> Notice:
        # Read and closed before anything is sent: no transaction is open across a call (O5).
        with self.open_unit_of_work(reaction_context(message, event)) as uow:
            history = list(islice(order_history(uow, event.stream_id), event.version))
        order = Order.from_events(event.stream_id, history)
        return Notice(
            id=message.id,
            kind=event.event.wire_name,
            tenant_id=event.tenant_id,
            occurred_at=event.event.occurred_at,
            recipient=order.email,
            order=OrderNotice(
                order_id=order.id,
                version=order.version,
                reference=order.reference,
                status=order.status.value,
                total=order.total,
                lines=tuple(
                    NoticeLine(sku=line.sku, quantity=line.quantity, unit_price=line.unit_price)
                    for line in order.lines
                ),
            ),
        )
