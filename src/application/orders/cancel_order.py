"""Cancel an order."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.conflict_retry import retry_on_conflict
from application.orders.fulfil_order import follow_fulfilment
from application.ports.clock import BackOff, Clock, NewId
from application.ports.read_models import OrderView
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.run_once import run_once
from domain.aggregate import ExpectedVersion
from domain.saga.progress import SagaStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """Which order, at which version (None: any), and why."""

    order_id: UUID
    expected_version: ExpectedVersion
    reason: str


@dataclass(frozen=True)
class CancelOrderHandler:
    """Cancels the order while nothing has been promised.

    An order that is being fulfilled is its saga's: that takes back what was done so far and then cancels the order,
    at once if nothing outside has to be called. Until then the order stays as it is, and its saga says why.
    """

    open_unit_of_work: OpenUnitOfWork
    now: Clock
    new_id: NewId
    back_off: BackOff

    @retry_on_conflict(tries_max=3)
    @run_once(OrderView)
    def handle(self, command: CancelOrder, uow: UnitOfWork) -> OrderView:
        """Raises NotFound, Gone, StaleObjectError, OrderStatusForbids, PastThePivot, SagaEnded, InvalidInput."""
        saga = uow.sagas.of_subject(command.order_id)  # locked before the order is read
        order = uow.orders.get(command.order_id)
        order.require_version(command.expected_version)
        if saga is None or saga.status is SagaStatus.COMPENSATED:
            order.cancel(reason=command.reason, at=self.now())
            uow.orders.save(order)
            return OrderView.of(order)
        saga.cancel(reason=command.reason, at=self.now())
        follow_fulfilment(saga.pending_events, saga, uow, self.new_id)
        uow.sagas.save(saga)
        uow.flush()
        return OrderView.of(uow.orders.get(order.id))
