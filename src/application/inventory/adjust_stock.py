"""Make the books follow a count."""

from __future__ import annotations

from dataclasses import dataclass

from application.conflict_retry import retry_on_conflict
from application.ports.clock import BackOff, Clock
from application.ports.read_models import StockView
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.run_once import run_once


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustStock:
    """How many more (or, negative, fewer) pieces were found than the books say, and why."""

    sku: str
    delta: int
    reason: str


@dataclass(frozen=True)
class AdjustStockHandler:
    """Books the difference on the locked stock row."""

    open_unit_of_work: OpenUnitOfWork
    now: Clock
    back_off: BackOff

    @retry_on_conflict(tries_max=3)
    @run_once(StockView)
    def handle(self, command: AdjustStock, uow: UnitOfWork) -> StockView:
        """Raises NotFound, Gone, InvalidInput, InsufficientStock, StockLimitReached."""
        item = uow.stock_items.get_for_update(command.sku)
        item.adjust(command.delta, reason=command.reason, at=self.now())
        uow.stock_items.save(item)
        return StockView.of(item)
