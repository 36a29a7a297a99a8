"""Create a product, with empty stock."""

from __future__ import annotations

from dataclasses import dataclass

from application.conflict_retry import retry_on_conflict
from application.ports.clock import BackOff, Clock, NewId
from application.ports.read_models import ProductView
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.run_once import run_once
from domain.inventory.product import Product
from domain.inventory.stock_item import StockItem


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateProduct:
    """A SKU, for good, and a name."""

    sku: str
    name: str


@dataclass(frozen=True)
class CreateProductHandler:
    """Creates the product and opens its stock in one transaction, so that neither is ever without the other."""

    open_unit_of_work: OpenUnitOfWork
    now: Clock
    new_id: NewId
    back_off: BackOff

    @retry_on_conflict(tries_max=3)
    @run_once(ProductView)
    def handle(self, command: CreateProduct, uow: UnitOfWork) -> ProductView:
        """Raises InvalidInput, SkuTaken."""
        at = self.now()
        product = Product.create(id=self.new_id(), sku=command.sku, name=command.name, at=at)
        uow.products.save(product)
        uow.stock_items.save(StockItem.open(id=self.new_id(), product_id=product.id, sku=product.sku, at=at))
        return ProductView.of(product)
