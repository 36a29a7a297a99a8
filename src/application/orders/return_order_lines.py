"""Take goods of a delivered order back."""

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
from domain.orders.order import ReturnLine


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnOrderLine:
    """So many pieces of one SKU that came back."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnOrderLines:
    """Which order, at which version (None: any), what came back, and why."""

    order_id: UUID
    expected_version: ExpectedVersion
    lines: tuple[ReturnOrderLine, ...]
    reason: str


@dataclass(frozen=True)
class ReturnOrderLinesHandler:
    """Notes on the order what came back; no stock moves by it."""

    open_unit_of_work: OpenUnitOfWork
    now: Clock
    back_off: BackOff

    @retry_on_conflict(tries_max=3)
    @run_once(OrderView)
    def handle(self, command: ReturnOrderLines, uow: UnitOfWork) -> OrderView:
        """Raises NotFound, Gone, StaleObjectError, OrderHeld, OrderStatusForbids, ReturnTooLarge, InvalidInput."""
        saga = uow.sagas.of_subject(command.order_id)
        order = uow.orders.get(command.order_id)
        order.require_version(command.expected_version)
        require_free(order.id, saga)
        lines = [ReturnLine(sku=line.sku, quantity=line.quantity) for line in command.lines]
        order.take_back(lines, reason=command.reason, at=self.now())
        uow.orders.save(order)
        return OrderView.of(order)
