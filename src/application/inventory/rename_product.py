"""Give a product another name."""

from __future__ import annotations

from dataclasses import dataclass

from application.conflict_retry import retry_on_conflict
from application.ports.clock import BackOff, Clock
from application.ports.read_models import ProductView
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.run_once import run_once
from domain.aggregate import ExpectedVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameProduct:
    """Which product, at which version (None: any), and its name from now on; None leaves it as it is."""

    sku: str
    expected_version: ExpectedVersion
    name: str | None = None


@dataclass(frozen=True)
class RenameProductHandler:
    """Renames the product."""

    open_unit_of_work: OpenUnitOfWork
    now: Clock
    back_off: BackOff

    @retry_on_conflict(tries_max=3)
    @run_once(ProductView)
    def handle(self, command: RenameProduct, uow: UnitOfWork) -> ProductView:
        """Raises NotFound, Gone, StaleObjectError, InvalidInput."""
        product = uow.products.get(command.sku)
        product.require_version(command.expected_version)
        product.rename(product.name if command.name is None else command.name, at=self.now())
        uow.products.save(product)
        return ProductView.of(product)
