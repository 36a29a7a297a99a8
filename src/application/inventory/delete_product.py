"""Delete a product, and its stock with it."""

from __future__ import annotations

from dataclasses import dataclass

from application.conflict_retry import retry_on_conflict
from application.ports.clock import BackOff, Clock, NewId
from application.ports.read_models import ProductView
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.run_once import run_once
from domain.aggregate import ExpectedVersion
from domain.errors import StaleObjectError
from domain.inventory.product import Product
from domain.retention import Deletion


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteProduct:
    """Which product, at which version (None: any), who deletes it, and why."""

    sku: str
    expected_version: ExpectedVersion
    actor: str
    reason: str = ""


@dataclass(frozen=True)
class DeleteProductHandler:
    """Deletes product and stock by one deletion; its repetition changes nothing and answers alike (D5)."""

    open_unit_of_work: OpenUnitOfWork
    now: Clock
    new_id: NewId
    back_off: BackOff

    @retry_on_conflict(tries_max=3)
    @run_once(ProductView)
    def handle(self, command: DeleteProduct, uow: UnitOfWork) -> ProductView:
        """Raises NotFound, Gone, StaleObjectError, StockHeld, InvalidInput."""
        product = uow.products.get(command.sku, with_deleted=True)
        repeated = _deleted_before(uow, product, command)
        if repeated is not None:
            return ProductView.of(repeated)
        deletion = Deletion(self.new_id(), command.actor, command.reason, self.now())
        item = uow.stock_items.get_with_deleted(product.id)
        if not item.is_deleted:
            item.delete(deletion)
            uow.stock_items.save(item)
        product.delete(deletion)
        uow.products.save(product)
        return ProductView.of(product)


def _deleted_before(uow: UnitOfWork, product: Product, command: DeleteProduct) -> Product | None:
    """The product that an earlier request with these tags has deleted, though a successor may have its SKU."""
    if product.is_deleted:
        if not product.repeats_last_event(command.expected_version):
            raise product.gone()
        return product
    try:
        product.require_version(command.expected_version)
    except StaleObjectError:
        predecessor = uow.products.latest_deleted(command.sku)
        if predecessor is None or not predecessor.repeats_last_event(command.expected_version):
            raise
        return predecessor
    return None
