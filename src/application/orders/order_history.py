"""The events of an order, read page by page as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from application.ports.event_store import EVENTS_READ_MAX
from application.ports.unit_of_work import UnitOfWork
from domain.errors import NotFound
from domain.event import Event
from domain.orders.order import Order


def order_history(uow: UnitOfWork, order_id: UUID) -> Iterator[Event]:
    """Every event of the order, oldest first. Raises NotFound if there is no such stream, or it is no order's."""
    read = 0
    # Ends with the stream, which is as long as the order's version says.
    while page := uow.events.stream(order_id, after_version=read):
        if page[0].stream_kind != Order.kind:
            break
        yield from (entry.event for entry in page)
        read += len(page)
        if len(page) < EVENTS_READ_MAX:
            return
    if read == 0:
        raise NotFound(kind=Order.kind, id=str(order_id))
