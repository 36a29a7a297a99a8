"""Show an order as it was at an earlier version, from its events alone."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.ports.event_store import RecordedEvent
from application.ports.read_models import OrderView
from application.ports.unit_of_work import CommandContext, OpenUnitOfWork, UnitOfWork
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
            recorded = _first_events(uow, query.order_id, query.version)
        if not recorded or recorded[0].stream_kind != Order.kind:
            raise NotFound(kind=Order.kind, id=str(query.order_id))
        if len(recorded) != query.version:
            raise VersionNotReached(kind=Order.kind, id=str(query.order_id), version=query.version)
        return OrderView.of(Order.from_events(query.order_id, (entry.event for entry in recorded)))


def _first_events(uow: UnitOfWork, order_id: UUID, count: int) -> list[RecordedEvent]:
    events: list[RecordedEvent] = []
    while page := uow.events.stream(order_id, after_version=len(events)):
        events.extend(page)
        if len(events) >= count:
            break
    return events[: max(count, 1)]
