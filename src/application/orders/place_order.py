"""Place an order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from application.conflict_retry import retry_on_conflict
from application.ports.clock import BackOff, Clock, NewId
from application.ports.read_models import OrderView
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.run_once import run_once
from domain.inventory.product import UnknownSku
from domain.money import Money
from domain.orders.fulfilment import fulfilment_of
from domain.orders.order import Order, OrderLine
from domain.saga.saga import Saga


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrderLine:
    """So many of a product at a price: a decimal string in the order's currency."""

    sku: str
    quantity: int
    unit_price: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder:
    """The customer's wish; `ordered_at` dates an imported order, otherwise it is now."""

    customer_ref: str
    currency: str
    lines: tuple[PlaceOrderLine, ...]
    payment_method: str
    reference: str | None = None
    note: str = ""
    address: str = ""
    email: str | None = None
    ordered_at: datetime | None = None


def _skus(command: PlaceOrder) -> set[str]:
    return {line.sku for line in command.lines}


def _expect_products(command: PlaceOrder, uow: UnitOfWork) -> None:
    uow.products.expect(_skus(command))


@dataclass(frozen=True)
class PlaceOrderHandler:
    """Looks the products up, places the order, and leaves it pending, in the hands of its saga if orders are fulfilled.

    Both commit together, so that no order is left without its saga and none has two (S8).
    """

    open_unit_of_work: OpenUnitOfWork
    now: Clock
    new_id: NewId
    back_off: BackOff
    fulfils: bool = False

    @retry_on_conflict(tries_max=3)
    @run_once(OrderView, expecting=_expect_products)
    def handle(self, command: PlaceOrder, uow: UnitOfWork) -> OrderView:
        """Raises InvalidInput that names the field, UnknownSku, ReferenceTaken, OrderTotalTooLarge."""
        prices = [
            Money.parse(line.unit_price, command.currency, field=f"lines[{index}].unit_price")
            for index, line in enumerate(command.lines)
        ]
        product_ids = uow.products.ids_by_sku(_skus(command))
        for index, line in enumerate(command.lines):
            if line.sku not in product_ids:
                raise UnknownSku(field=f"lines[{index}].sku", sku=line.sku)
        order = Order.place(
            id=self.new_id(),
            customer_ref=command.customer_ref,
            currency=command.currency,
            lines=[
                OrderLine(
                    product_id=product_ids[line.sku], sku=line.sku, quantity=line.quantity, unit_price=price
                )
                for line, price in zip(command.lines, prices, strict=True)
            ],
            payment_method=command.payment_method,
            at=self.now(),
            ordered_at=command.ordered_at,
            reference=command.reference,
            email=command.email,
            note=command.note,
            address=command.address,
        )
        uow.orders.save(order)
        if self.fulfils:
            definition = fulfilment_of(order.total)
            uow.sagas.save(Saga.start(definition, id=self.new_id(), subject_id=order.id, at=order.created_at))
        return OrderView.of(order)
