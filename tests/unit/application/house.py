"""One tenant's use cases over the in-memory adapters: nothing of Holdwater is replaced by a double."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from adapters.memory.database import InMemoryDatabase
from adapters.memory.read_models import InMemoryReadModels
from adapters.memory.unit_of_work import InMemoryUnitOfWork
from adapters.system_clock import new_id
from application.inventory.adjust_stock import AdjustStockHandler
from application.inventory.create_product import CreateProduct, CreateProductHandler
from application.inventory.delete_product import DeleteProductHandler
from application.inventory.receive_stock import ReceiveStockHandler
from application.inventory.rename_product import RenameProductHandler
from application.inventory.restore_product import RestoreProductHandler
from application.orders.amend_order import AmendOrderHandler
from application.orders.cancel_order import CancelOrderHandler
from application.orders.delete_order import DeleteOrderHandler
from application.orders.deliver_order import DeliverOrderHandler
from application.orders.order_at_time import OrderAtTimeHandler
from application.orders.order_at_version import OrderAtVersionHandler
from application.orders.place_order import PlaceOrder, PlaceOrderHandler, PlaceOrderLine
from application.orders.restore_order import RestoreOrderHandler
from application.orders.return_order_lines import ReturnOrderLinesHandler
from application.orders.ship_order import ShipOrderHandler
from application.ports.clock import Clock
from application.ports.read_models import OrderView, ProductView
from application.ports.unit_of_work import CommandContext, UnitOfWork
from builders import NOON, a_context
from domain.idempotency import RequestKey


class SteppingClock:
    """Starts at noon and goes on by a second each time that it is asked."""

    def __init__(self) -> None:
        self._seconds: Iterator[int] = iter(range(1_000_000))

    def __call__(self) -> datetime:
        return NOON + timedelta(seconds=next(self._seconds))


@dataclass
class House:
    """One tenant's use cases, wired as the container wires them."""

    tenant_id: UUID = field(default_factory=new_id)
    database: InMemoryDatabase = field(default_factory=lambda: InMemoryDatabase(now=lambda: NOON))
    back_offs: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now: Clock = SteppingClock()
        self.context = a_context(tenant_id=self.tenant_id)
        self.open_unit_of_work = functools.partial(InMemoryUnitOfWork, database=self.database)
        wired: dict[str, Any] = {
            "open_unit_of_work": self.open_unit_of_work,
            "now": self.now,
            "back_off": self.back_offs.append,
        }
        self.create_product = CreateProductHandler(**wired, new_id=new_id)
        self.rename_product = RenameProductHandler(**wired)
        self.delete_product = DeleteProductHandler(**wired, new_id=new_id)
        self.restore_product = RestoreProductHandler(**wired)
        self.receive_stock = ReceiveStockHandler(**wired)
        self.adjust_stock = AdjustStockHandler(**wired)
        self.place_order = PlaceOrderHandler(**wired, new_id=new_id)
        self.amend_order = AmendOrderHandler(**wired)
        self.cancel_order = CancelOrderHandler(**wired, new_id=new_id)
        self.delete_order = DeleteOrderHandler(**wired, new_id=new_id)
        self.restore_order = RestoreOrderHandler(**wired)
        self.ship_order = ShipOrderHandler(**wired)
        self.deliver_order = DeliverOrderHandler(**wired)
        self.return_order_lines = ReturnOrderLinesHandler(**wired)
        self.order_at_time = OrderAtTimeHandler(self.open_unit_of_work)
        self.order_at_version = OrderAtVersionHandler(self.open_unit_of_work)

    def keyed(self, key: RequestKey) -> CommandContext:
        """A call with a request key."""
        return replace(self.context, request_key=key)

    def transaction(self) -> UnitOfWork:
        """A unit of work without a key."""
        return self.open_unit_of_work(self.context)

    def views(self) -> InMemoryReadModels:
        """The tenant's read models."""
        return InMemoryReadModels(self.tenant_id, database=self.database)

    def a_product(self, sku: str = "TEA-1") -> ProductView:
        """A product that was just created."""
        return self.create_product.handle(CreateProduct(sku=sku, name="Tea"), self.context).result

    def an_order(self, **fields: object) -> OrderView:
        """An order of two TEA-1 that was just placed."""
        return self.place_order.handle(an_order_of("TEA-1", **fields), self.context).result


def an_order_of(*skus: str, **fields: object) -> PlaceOrder:
    """The wish for two of each at 4.20 EUR."""
    lines = tuple(PlaceOrderLine(sku=sku, quantity=2, unit_price="4.20") for sku in skus)
    wish = PlaceOrder(customer_ref="c-17", currency="EUR", lines=lines, payment_method="tok_visa")
    return replace(wish, **fields)  # type: ignore[arg-type]
