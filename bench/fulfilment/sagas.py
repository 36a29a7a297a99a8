"""Our sagas: orders that were placed with their sagas before the clock starts, fulfilled by threads of one process."""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from adapters.memory.payment_gateway import InMemoryPaymentGateway
from adapters.payment_gateways.sandbox import SandboxPaymentGateway
from adapters.system_clock import new_id
from application.orders.fulfil_order import FulfilOrder
from application.ports.payment_gateway import PaymentGateway
from application.ports.unit_of_work import CommandContext
from application.sagas.advance_saga import AdvanceSagaHandler
from domain.inventory.product import Product
from domain.inventory.stock_item import StockItem
from domain.money import Money
from domain.orders.fulfilment import ORDER_FULFILMENT
from domain.orders.order import Order, OrderLine
from domain.saga.saga import Saga
from entrypoints.cli.wiring import wired
from shared.crew import READY

PLACED_TOGETHER: Final = 100
"""Orders of one transaction."""
DUE_MAX: Final = 10_000
ON_HAND: Final = 1_000_000


def now() -> datetime:
    """Aware."""
    return datetime.now(UTC)


class Sagas:
    """One process of ours."""

    def __init__(self, order: dict[str, Any]) -> None:
        wired({})
        # They need Django to be set up.
        from adapters.django_orm.saga_repositories import DjangoDueSagas, DjangoLateReplies  # noqa: PLC0415
        from adapters.django_orm.unit_of_work import DjangoUnitOfWork  # noqa: PLC0415

        self._open = DjangoUnitOfWork
        self._context = CommandContext(
            tenant_id=UUID(order["tenant_id"]), actor="bench", correlation_id="bench", causation_id="bench"
        )
        self._products = self._stocked(order["skus"])
        self._handler = AdvanceSagaHandler(
            late_replies=DjangoLateReplies(),
            steps={ORDER_FULFILMENT.name: FulfilOrder(_gateway(order["gateway"]), new_id)},
            open_unit_of_work=DjangoUnitOfWork,
            now=now,
            new_id=new_id,
            jitter=lambda: 0.5,
        )
        self._threads, self._joins_others = order["threads"], order["joins_others"]
        self._relay = DjangoDueSagas()
        self._pool = ThreadPoolExecutor(self._threads)
        self._due: deque[UUID] = deque()

    def prepare(self, count: int) -> None:
        """Place the next orders, each with its saga."""
        for begin in range(0, count, PLACED_TOGETHER):
            with self._open(self._context) as uow:
                for number in range(begin, min(begin + PLACED_TOGETHER, count)):
                    order = self._order(self._products[number % len(self._products)])
                    saga = Saga.start(ORDER_FULFILMENT, id=new_id(), subject_id=order.id, at=now())
                    uow.orders.save(order)
                    uow.sagas.save(saga)
                    self._due.append(saga.id)

    def run(self) -> None:
        """All of them to their end: each is told of once, as a relay does, and again if it was given back."""
        while self._due:
            for done in [self._pool.submit(self._work) for _ in range(self._threads)]:
                done.result()
            self._due.extend(
                saga_id
                for tenant_id, saga_id in self._relay.due(DUE_MAX)
                if tenant_id == self._context.tenant_id
            )

    def _work(self) -> None:
        while (saga_id := self._next()) is not None:
            if self._joins_others:
                self._handler.handle(self._context.tenant_id, saga_id)
            else:
                self._handler.handle_all(self._context.tenant_id, [saga_id])

    def _next(self) -> UUID | None:
        with suppress(IndexError):
            return self._due.popleft()
        return None

    def _stocked(self, skus: list[str]) -> list[Product]:
        products = [Product.create(id=new_id(), sku=sku, name="Tea", at=now()) for sku in skus]
        with self._open(self._context) as uow:
            for product in products:
                item = StockItem.open(id=new_id(), product_id=product.id, sku=product.sku, at=now())
                item.receive(ON_HAND, at=now())
                uow.products.save(product)
                uow.stock_items.save(item)
        return products

    def _order(self, product: Product) -> Order:
        line = OrderLine(product_id=product.id, sku=product.sku, quantity=1, unit_price=Money(420, "EUR"))
        at = now()
        return Order.place(
            id=new_id(),
            customer_ref="bench",
            currency="EUR",
            lines=[line],
            payment_method="tok_visa",
            reference=None,
            email=None,
            note="",
            address="",
            at=at,
            ordered_at=at,
        )


def _gateway(order: dict[str, Any] | None) -> PaymentGateway:
    if order is None:
        return InMemoryPaymentGateway(now=now)
    return SandboxPaymentGateway(order["url"], token=order["token"], timeout_s=20, settle_s=30)


def main() -> None:
    """A first line that says how, then for each count a line, `go`, and what it took."""
    sagas = Sagas(json.loads(sys.stdin.readline()))
    print(READY, flush=True)
    for line in sys.stdin:
        if line.strip() == "go":
            began, cpu = time.perf_counter(), time.process_time()
            sagas.run()
            took = {"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
            print(json.dumps(took), flush=True)
        else:
            sagas.prepare(int(line))
            print(READY, flush=True)


if __name__ == "__main__":
    main()
