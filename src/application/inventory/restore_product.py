"""Bring a deleted product back, and the stock that went with it."""

from __future__ import annotations

from dataclasses import dataclass

from application.conflict_retry import retry_on_conflict
from application.ports.clock import BackOff, Clock
from application.ports.read_models import ProductView
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.repeated_restore import repeats_restoration
from application.run_once import run_once
from domain.aggregate import ExpectedVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreProduct:
    """The SKU whose latest deleted product is meant, and the version at which it was deleted (None: any)."""

    sku: str
    expected_version: ExpectedVersion


@dataclass(frozen=True)
class RestoreProductHandler:
    """Undoes the deletion: exactly what bears its id comes back (D3)."""

    open_unit_of_work: OpenUnitOfWork
    now: Clock
    back_off: BackOff

    @retry_on_conflict(tries_max=3)
    @run_once(ProductView)
    def handle(self, command: RestoreProduct, uow: UnitOfWork) -> ProductView:
        """Raises NotFound, StaleObjectError, NotDeleted, and SkuTaken if a live product has the SKU by now."""
        product = uow.products.get(command.sku, with_deleted=True)
        if not product.is_deleted:
            if repeats_restoration(uow, product, command.expected_version):
                return ProductView.of(product)
            product = uow.products.latest_deleted(command.sku) or product
        product.require_version(command.expected_version)
        deletion, at = product.deletion, self.now()
        product.undelete(at=at)
        uow.products.save(product)
        item = uow.stock_items.get_with_deleted(product.id)
        if item.deletion is not None and deletion is not None and item.deletion.id == deletion.id:
            item.undelete(at=at)
            uow.stock_items.save(item)
        return ProductView.of(product)
