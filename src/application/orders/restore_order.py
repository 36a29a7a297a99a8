"""Bring a deleted order back."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.conflict_retry import retry_on_conflict
from application.ports.clock import BackOff, Clock
from application.ports.read_models import OrderView
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.repeated_restore import repeats_restoration
from application.run_once import run_once
from domain.aggregate import ExpectedVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOrder:
    """Which order, and the version at which it was deleted (None: any)."""

    order_id: UUID
    expected_version: ExpectedVersion


@dataclass(frozen=True)
class RestoreOrderHandler:
    """Undoes the deletion of the order and of the lines that went with it."""

    open_unit_of_work: OpenUnitOfWork
    now: Clock
    back_off: BackOff

    @retry_on_conflict(tries_max=3)
    @run_once(OrderView)
    def handle(self, command: RestoreOrder, uow: UnitOfWork) -> OrderView:
        """Raises NotFound, GoneForGood, StaleObjectError, NotDeleted, and ReferenceTaken if another has it."""
        order = uow.orders.get(command.order_id, with_deleted=True)
        if not order.is_deleted and repeats_restoration(uow, order, command.expected_version):
            return OrderView.of(order)
        if order.is_purged:
            raise order.gone()
        order.require_version(command.expected_version)
        order.undelete(at=self.now())
        uow.orders.save(order)
        return OrderView.of(order)
