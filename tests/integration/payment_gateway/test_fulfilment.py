"""Orders fulfilled on PostgreSQL over the real sandbox, by every behaviour it has, while it is killed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from django.db import connections

from adapters.django_orm.saga_repositories import DjangoDueSagas, DjangoLateReplies, DjangoSagaClaims
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.payment_gateways.sandbox import SandboxPaymentGateway
from adapters.system_clock import new_id
from application.orders.fulfil_order import FulfilOrder
from application.ports.payment_gateway import LedgerEntry
from application.sagas.advance_saga import AdvanceSagaHandler
from builders import a_context, a_product, an_order, stock_of
from domain.inventory.product import Product
from domain.orders.fulfilment import ORDER_FULFILMENT
from domain.orders.order import Order
from domain.saga.progress import SagaStatus
from domain.saga.saga import Saga
from integration.payment_gateway.gateway_process import GatewayProcess, gateway_process
from unit.contracts.threads import Threads

WORKERS: Final = 4
ROUNDS_MAX: Final = 600
LATE_S: Final = "0.5"
SUCCEED: Final = (
    "tok_visa",
    "tok_slow",
    "tok_flaky",
    "tok_timeout_before_effect",
    "tok_timeout_after_effect",
    "tok_capture_fails_then_ok",
    "tok_late_success",
)
DECLINED: Final = ("tok_declined", "tok_insufficient_funds")
ORDERS_EACH: Final = 3
SETTLED: Final = frozenset({SagaStatus.COMPLETED, SagaStatus.COMPENSATED, SagaStatus.WAITING})


def now() -> datetime:
    return datetime.now(UTC)


class House:
    """Orders of one tenant, and workers that fulfil them."""

    def __init__(self, tenant_id: UUID, gateway: SandboxPaymentGateway) -> None:
        self.context, self.gateway = a_context(tenant_id=tenant_id), gateway
        self.product: Product = a_product()
        with DjangoUnitOfWork(self.context) as uow:
            uow.products.save(self.product)
            uow.stock_items.save(stock_of(self.product, on_hand=1_000))
        self.sagas: dict[UUID, UUID] = {}
        self.methods: dict[UUID, str] = {}

    def place(self, method: str) -> None:
        order = an_order().with_line(self.product).with_(payment_method=method).placed()
        saga = Saga.start(ORDER_FULFILMENT, id=new_id(), subject_id=order.id, at=now())
        with DjangoUnitOfWork(self.context) as uow:
            uow.orders.save(order)
            uow.sagas.save(saga)
        self.sagas[saga.id], self.methods[order.id] = order.id, method

    def work(self, number: int) -> None:
        handler = AdvanceSagaHandler(
            claims=DjangoSagaClaims(),
            late_replies=DjangoLateReplies(),
            steps={ORDER_FULFILMENT.name: FulfilOrder(self.gateway, new_id)},
            open_unit_of_work=DjangoUnitOfWork,
            now=now,
            new_id=new_id,
            jitter=lambda: 0.5,
        )
        for _ in range(ROUNDS_MAX):
            if all(self.saga(saga_id).status in SETTLED for saga_id in self.sagas):
                return
            for tenant_id, saga_id in DjangoDueSagas().due(100):
                if tenant_id == self.context.tenant_id:
                    handler.handle(tenant_id, saga_id)
            skip_pauses(self.context.tenant_id)

    def saga(self, saga_id: UUID) -> Saga:
        with DjangoUnitOfWork(self.context) as uow:
            return uow.sagas.get(saga_id)

    def orders(self) -> list[Order]:
        with DjangoUnitOfWork(self.context) as uow:
            return [uow.orders.get(order_id) for order_id in self.sagas.values()]


def skip_pauses(tenant_id: UUID) -> None:
    """What waits for its next try is due; deadlines are hours away."""
    pause = timedelta(milliseconds=300).total_seconds()
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE saga SET due_at = due_at - make_interval(secs => %(s)s),"
            " wake_at = wake_at - make_interval(secs => %(s)s)"
            " WHERE tenant_id = %(of)s AND leased_until IS NULL AND due_at IS NOT NULL",
            {"s": pause, "of": tenant_id},
        )


@pytest.mark.timeout(180)
@pytest.mark.promise("S3", "S4", "M1", "M2")
def test_books_and_orders_say_the_same_whatever_the_gateway_does_and_though_it_is_killed(
    tenant_id: UUID, tmp_path: Path, release_thread: Callable[[], None]
) -> None:
    options = ("--slow-s", "0.1", "--late-s", LATE_S, "--hang-s", "0.2")
    with gateway_process(tmp_path, *options) as process, process.gateway(timeout_s=1.0) as gateway:
        house = House(tenant_id, gateway)
        for method in (*SUCCEED, *DECLINED):
            for _ in range(ORDERS_EACH):
                house.place(method)
        done = threading.Event()
        killer = threading.Thread(target=keep_killing, args=(process, done), daemon=True)
        killer.start()
        outcomes = Threads(release_thread).race(WORKERS, house.work)
        done.set()
        killer.join(30)
        assert [outcome.error for outcome in outcomes] == [None] * WORKERS
        require_same(house, {entry.order_id: entry for entry in gateway.entries() if entry.authorised.minor})


def keep_killing(process: GatewayProcess, done: threading.Event) -> None:
    """Three times, each while calls are on their way."""
    for _ in range(3):
        if done.wait(0.7):
            return
        process.kill()
        process.start()


def require_same(house: House, books: dict[UUID, LedgerEntry]) -> None:
    """M1 and M2: each order against the gateway's own books, and the stock."""
    orders = house.orders()
    by_method: Counter[tuple[str, str]] = Counter(
        (house.methods[order.id], order.status.value) for order in orders
    )
    assert by_method == {
        **{(method, "confirmed"): ORDERS_EACH for method in SUCCEED},
        **{(method, "awaiting_payment"): ORDERS_EACH for method in DECLINED},
    }
    paid = [order for order in orders if order.status.value == "confirmed"]
    assert books.keys() == {order.id for order in paid}
    for order in paid:
        entry = books[order.id]
        assert (entry.captured, entry.voided) == (order.total, False)
        with DjangoUnitOfWork(house.context) as uow:
            (payment,) = uow.payments.of_order(order.id)
        assert (payment.status.value, payment.gateway_id) == ("captured", entry.payment_id)
    with DjangoUnitOfWork(house.context) as uow:
        item = uow.stock_items.get_for_update(house.product.sku)
    assert (item.sold, item.reserved, item.on_hand) == (len(paid), 0, 1_000 - len(paid))
