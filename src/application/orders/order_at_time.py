"""Show an order as it was at an earlier time, from its events alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from uuid import UUID

from application.orders.order_history import order_history
from application.ports.read_models import OrderView
from application.ports.unit_of_work import CommandContext, OpenUnitOfWork
from domain.errors import NotFound
from domain.orders.order import Order


class NotYetPlaced(NotFound):
    """The {kind} {id} was not there yet at {at}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAtTime:
    """Which order, and when; `at` is aware."""

    order_id: UUID
    at: datetime


@dataclass(frozen=True)
class OrderAtTimeHandler:
    """Folds the events up to that time."""

    open_unit_of_work: OpenUnitOfWork

    def handle(self, query: OrderAtTime, context: CommandContext) -> OrderView:
        """The order after all events that occurred at `at` or before, up to the first that occurred later.

        Raises NotFound if there is no such order, NotYetPlaced if its first event came later.
        """
        with self.open_unit_of_work(context) as uow:
            history = order_history(uow, query.order_id)
            events = list(takewhile(lambda event: event.occurred_at <= query.at, history))
        if not events:
            raise NotYetPlaced(kind=Order.kind, id=str(query.order_id), at=query.at.isoformat())
        return OrderView.of(Order.from_events(query.order_id, events))
