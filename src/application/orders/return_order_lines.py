"""Take goods of a delivered order back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.conflict_retry import retry_on_conflict
from application.orders.semantic_lock import require_free
from application.ports.clock import BackOff, Clock
from application.ports.read_models import OrderView
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.run_once import run_once
from domain.aggregate import ExpectedVersion
from domain.orders.order import Order, ReturnLine


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnOrderLine:
    """So many pieces of one SKU that came back."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnOrderLines:
    """Which order, at which version (None: any), what came back, and why.

    `restock`: whether the goods can be sold again.
    """

    order_id: UUID
    expected_version: ExpectedVersion
    lines: tuple[ReturnOrderLine, ...]
    reason: str
    restock: bool = True


@dataclass(frozen=True)
class ReturnOrderLinesHandler:
    """Notes on the order what came back, and puts it back into the stock that it was sold from.

    Stock stays as it is where the goods can't be sold again, where the product was deleted meanwhile, and where the
    order was delivered without having been fulfilled here: it never took any.
    """

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
        at = self.now()
        order.take_back(lines, reason=command.reason, at=at)
        uow.orders.save(order)
        if command.restock and saga is not None:
            _restock(order, _pieces(lines), uow, at)
        return OrderView.of(order)


def _pieces(lines: Iterable[ReturnLine]) -> Counter[str]:
    pieces: Counter[str] = Counter()
    for line in lines:
        pieces[line.sku] += line.quantity
    return pieces


def _restock(order: Order, pieces: Counter[str], uow: UnitOfWork, at: datetime) -> None:
    """Locked in the order of the SKUs, on which all agree."""
    product_ids = {line.sku: line.product_id for line in order.lines}
    for sku, quantity in sorted(pieces.items()):
        item = uow.stock_items.get_with_deleted(product_ids[sku])
        # A product that was deleted, and perhaps another one of its SKU: nobody counts these goods there any more.
        if item.is_deleted or item.sold < quantity:
            continue
        item.take_back(order.id, quantity, at=at)
        uow.stock_items.save(item)
