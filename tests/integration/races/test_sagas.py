"""Many workers advance many sagas at once on PostgreSQL, over stock that doesn't suffice for all."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connections

from adapters.django_orm.saga_repositories import DjangoDueSagas, DjangoLateReplies, DjangoSagaClaims
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.system_clock import new_id
from application.orders.fulfil_order import FulfilOrder
from application.ports.payment_gateway import GatewayReply
from application.sagas.advance_saga import AdvanceSagaHandler
from builders import a_context, a_product, an_order, stock_of
from domain.inventory.product import Product
from domain.money import Money
from domain.orders.fulfilment import ORDER_FULFILMENT
from domain.orders.order import Order
from domain.saga.progress import ENDED
from domain.saga.saga import Saga
from simulation.bank import Bank
from unit.contracts.threads import Threads

WORKERS = 8
ORDERS = 24
ROUNDS_MAX = 400
METHODS = ("good", "mute_after", "mute_before", "good")


def now() -> datetime:
    return datetime.now(UTC)


class LockedBank(Bank):
    """Several tellers, one book."""

    def __init__(self) -> None:
        super().__init__(now)
        self._lock = threading.Lock()
        self.voids: Counter[str] = Counter()

    def authorise(self, key: str, *, order_id: UUID, amount: Money, method: str) -> GatewayReply:
        with self._lock:
            return super().authorise(key, order_id=order_id, amount=amount, method=method)

    def capture(self, key: str, *, payment_id: str, amount: Money) -> GatewayReply:
        with self._lock:
            return super().capture(key, payment_id=payment_id, amount=amount)

    def void(self, key: str, *, payment_id: str) -> GatewayReply:
        with self._lock:
            self.voids[payment_id] += key not in self._replies
            return super().void(key, payment_id=payment_id)

    def ask(self, key: str) -> GatewayReply | None:
        with self._lock:
            return super().ask(key)


class Shop:
    """Orders of one product for one tenant, and workers that share the sagas of all of them."""

    def __init__(self, tenant_id: UUID, *, on_hand: int) -> None:
        self.context, self.bank = a_context(tenant_id=tenant_id), LockedBank()
        self.product: Product = a_product()
        with DjangoUnitOfWork(self.context) as uow:
            uow.products.save(self.product)
            uow.stock_items.save(stock_of(self.product, on_hand=on_hand))
        self.sagas: dict[UUID, UUID] = {}

    def place(self, method: str) -> None:
        order = an_order().with_line(self.product).with_(payment_method=method).placed()
        saga = Saga.start(ORDER_FULFILMENT, id=new_id(), subject_id=order.id, at=now())
        with DjangoUnitOfWork(self.context) as uow:
            uow.orders.save(order)
            uow.sagas.save(saga)
        self.sagas[saga.id] = order.id

    def handler(self) -> AdvanceSagaHandler:
        return AdvanceSagaHandler(
            claims=DjangoSagaClaims(),
            late_replies=DjangoLateReplies(),
            steps={ORDER_FULFILMENT.name: FulfilOrder(self.bank, new_id)},
            open_unit_of_work=DjangoUnitOfWork,
            now=now,
            new_id=new_id,
            jitter=lambda: 0.5,
        )

    def work(self, number: int) -> None:
        """Whatever is due, whether or not somebody else is at it."""
        handler, due = self.handler(), DjangoDueSagas()
        for _ in range(ROUNDS_MAX):
            if self.unfinished() == 0:
                return
            for tenant_id, saga_id in [
                *due.due(100),
                *((self.context.tenant_id, each) for each in self.sagas),
            ]:
                if tenant_id == self.context.tenant_id:
                    handler.handle(tenant_id, saga_id)
            pass_time(self.context.tenant_id)

    def unfinished(self) -> int:
        return sum(self.saga(saga_id).status not in ENDED for saga_id in self.sagas)

    def saga(self, saga_id: UUID) -> Saga:
        """In a transaction of its own: who locks several in turn may stop those who work on them."""
        with DjangoUnitOfWork(self.context) as uow:
            return uow.sagas.get(saga_id)

    def orders(self) -> list[Order]:
        with DjangoUnitOfWork(self.context) as uow:
            return [uow.orders.get(order_id) for order_id in self.sagas.values()]


def pass_time(tenant_id: UUID, delta: timedelta = timedelta(seconds=1)) -> None:
    """Let what waits for its next try be due; no claim runs out by it."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE saga SET due_at = due_at - make_interval(secs => %(s)s),"
            " wake_at = wake_at - make_interval(secs => %(s)s)"
            " WHERE tenant_id = %(of)s AND leased_until IS NULL",
            {"s": delta.total_seconds(), "of": tenant_id},
        )


@pytest.mark.promise("S1", "S8", "M1", "M2")
def test_as_many_orders_are_confirmed_as_there_is_stock_and_the_others_cost_one_void_each(
    tenant_id: UUID, release_thread: Callable[[], None]
) -> None:
    shop = Shop(tenant_id, on_hand=ORDERS // 2)
    for number in range(ORDERS):
        shop.place(METHODS[number % len(METHODS)])
    outcomes = Threads(release_thread).race(WORKERS, shop.work)
    assert [outcome.error for outcome in outcomes] == [None] * WORKERS
    orders = shop.orders()
    assert Counter(order.status.value for order in orders) == {
        "confirmed": ORDERS // 2,
        "cancelled": ORDERS // 2,
    }
    by_order = {account.order_id: account for account in shop.bank.accounts.values()}
    assert len(by_order) == len(shop.bank.accounts) == ORDERS
    for order in orders:
        account = by_order[order.id]
        is_paid = order.status.value == "confirmed"
        assert (account.captured, account.voided) == ((order.total.minor, False) if is_paid else (0, True))
    assert set(shop.bank.voids.values()) == {1}
    with DjangoUnitOfWork(shop.context) as uow:
        item = uow.stock_items.get_for_update(shop.product.sku)
        for order in orders:
            (payment,) = uow.payments.of_order(order.id)
            assert payment.status.value == ("captured" if order.status.value == "confirmed" else "voided")
    assert (item.on_hand, item.reserved, item.sold, item.reservations) == (0, 0, ORDERS // 2, {})


@pytest.mark.promise("S1", "S8")
def test_two_that_want_the_last_item(tenant_id: UUID, release_thread: Callable[[], None]) -> None:
    shop = Shop(tenant_id, on_hand=1)
    shop.place("good")
    shop.place("good")
    outcomes = Threads(release_thread).race(2, shop.work)
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert sorted(order.status.value for order in shop.orders()) == ["cancelled", "confirmed"]
    assert list(shop.bank.voids.values()) == [1]
