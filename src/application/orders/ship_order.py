"""Say that the goods of an order have left the house."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.conflict_retry import retry_on_conflict
from application.orders.semantic_lock import require_free
from application.ports.clock import BackOff, Clock
from application.ports.read_models import OrderView
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.run_once import run_once
from domain.aggregate import ExpectedVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipOrder:
    """Which order, at which version (None: any)."""

    order_id: UUID
    expected_version: ExpectedVersion


@dataclass(frozen=True)
class ShipOrderHandler:
    """Ships the order once it is confirmed."""

    open_unit_of_work: OpenUnitOfWork
    now: Clock
    back_off: BackOff

    @retry_on_conflict(tries_max=3)
    @run_once(OrderView)
    def handle(self, command: ShipOrder, uow: UnitOfWork) -> OrderView:
        """Raises NotFound, Gone, StaleObjectError, OrderHeld, OrderStatusForbids."""
        saga = uow.sagas.of_subject(command.order_id)
        order = uow.orders.get(command.order_id)
        order.require_version(command.expected_version)
        require_free(order.id, saga)
        order.ship(at=self.now())
        uow.orders.save(order)
        return OrderView.of(order)
