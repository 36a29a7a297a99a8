"""Show an order as it was at an earlier version, from its events alone."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from application.orders.order_history import order_history
from application.ports.read_models import OrderView
from application.ports.unit_of_work import CommandContext, OpenUnitOfWork
from domain.errors import NotFound
from domain.orders.order import Order


class VersionNotReached(NotFound):
    """The {kind} {id} never had a version {version}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAtVersion:
    """Which order, and which of its versions (1 is the order as it was placed)."""

    order_id: UUID
    version: int


@dataclass(frozen=True)
class OrderAtVersionHandler:
    """Folds the first events of the stream."""

    open_unit_of_work: OpenUnitOfWork

    def handle(self, query: OrderAtVersion, context: CommandContext) -> OrderView:
        """Raises NotFound if there is no such order, VersionNotReached if it never had that version."""
        with self.open_unit_of_work(context) as uow:
            # At least one, so that an order that is not there is told from a version that is not.
            events = list(islice(order_history(uow, query.order_id), max(query.version, 1)))
        if len(events) != query.version:
            raise VersionNotReached(kind=Order.kind, id=str(query.order_id), version=query.version)
        return OrderView.of(Order.from_events(query.order_id, events))
