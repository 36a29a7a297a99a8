"""Delete an order that nobody waits for any more."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.conflict_retry import retry_on_conflict
from application.orders.semantic_lock import require_free
from application.ports.clock import BackOff, Clock, NewId
from application.ports.read_models import OrderView
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.run_once import run_once
from domain.aggregate import ExpectedVersion
from domain.retention import Deletion


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOrder:
    """Which order, at which version (None: any), who deletes it, and why."""

    order_id: UUID
    expected_version: ExpectedVersion
    actor: str
    reason: str = ""


@dataclass(frozen=True)
class DeleteOrderHandler:
    """Deletes the order with its lines; the repetition of that changes nothing and answers alike (D5)."""

    open_unit_of_work: OpenUnitOfWork
    now: Clock
    new_id: NewId
    back_off: BackOff

    @retry_on_conflict(tries_max=3)
    @run_once(OrderView)
    def handle(self, command: DeleteOrder, uow: UnitOfWork) -> OrderView:
        """Raises NotFound, Gone, StaleObjectError, OrderHeld, OrderStatusForbids, InvalidInput."""
        saga = uow.sagas.of_subject(command.order_id)
        order = uow.orders.get(command.order_id, with_deleted=True)
        if order.is_deleted:
            if not order.repeats_last_event(command.expected_version):
                raise order.gone()
            return OrderView.of(order)
        order.require_version(command.expected_version)
        require_free(order.id, saga)
        order.delete(Deletion(self.new_id(), command.actor, command.reason, self.now()))
        uow.orders.save(order)
        return OrderView.of(order)
