"""Take goods into stock."""

from __future__ import annotations

from dataclasses import dataclass

from application.conflict_retry import retry_on_conflict
from application.ports.clock import BackOff, Clock
from application.ports.read_models import StockView
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.run_once import run_once


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveStock:
    """How many pieces of which product came in."""

    sku: str
    quantity: int


@dataclass(frozen=True)
class ReceiveStockHandler:
    """Books the receipt on the locked stock row."""

    open_unit_of_work: OpenUnitOfWork
    now: Clock
    back_off: BackOff

    @retry_on_conflict(tries_max=3)
    @run_once(StockView)
    def handle(self, command: ReceiveStock, uow: UnitOfWork) -> StockView:
        """Raises NotFound, Gone, InvalidInput, StockLimitReached."""
        item = uow.stock_items.get_for_update(command.sku)
        item.receive(command.quantity, at=self.now())
        uow.stock_items.save(item)
        return StockView.of(item)
