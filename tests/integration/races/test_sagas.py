"""Many workers advance many sagas at once on PostgreSQL, over stock that doesn't suffice for all."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.system_clock import back_off, new_id
from application.orders.cancel_order import CancelOrder, CancelOrderHandler
from application.orders.semantic_lock import OrderHeld
from application.orders.ship_order import ShipOrder, ShipOrderHandler
from application.ports.payment_gateway import GatewayReply
from domain.money import Money
from domain.orders.order import OrderStatusForbids
from domain.saga.progress import ENDED
from domain.saga.saga import PastThePivot, SagaEnded
from integration.fulfilling import FulfilmentHouse, now
from simulation.bank import Bank
from unit.contracts.threads import Threads

WORKERS = 8
ORDERS = 24
CANCELLERS = 3
SHIP_TRIES_MAX = 10_000
METHODS = ("good", "mute_after", "mute_before", "good")


class LockedBank(Bank):
    """Several tellers, one book; it settles soon, since these tests wait for that."""

    settle_s = 0.2
    timeout_s = 0.1

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


class Shop(FulfilmentHouse):
    """Over the bank, with workers that try every saga whether or not somebody else is at it."""

    def __init__(self, tenant_id: UUID, *, on_hand: int) -> None:
        self.bank = LockedBank()
        super().__init__(tenant_id, self.bank, on_hand=on_hand)

    def help_out(self, number: int) -> None:
        self.work(until=ENDED, skip=timedelta(seconds=1), uninvited=True)


@pytest.mark.promise("S1", "S8", "M1", "M2")
def test_as_many_orders_are_confirmed_as_there_is_stock_and_the_others_cost_one_void_each(
    tenant_id: UUID, release_thread: Callable[[], None]
) -> None:
    shop = Shop(tenant_id, on_hand=ORDERS // 2)
    for number in range(ORDERS):
        shop.place(METHODS[number % len(METHODS)])
    outcomes = Threads(release_thread).race(WORKERS, shop.help_out)
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
    outcomes = Threads(release_thread).race(2, shop.help_out)
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert sorted(order.status.value for order in shop.orders()) == ["cancelled", "confirmed"]
    assert list(shop.bank.voids.values()) == [1]


@pytest.mark.promise("S11", "M1", "M2")
def test_an_order_that_is_cancelled_while_workers_are_at_it_ends_one_way_or_the_other(
    tenant_id: UUID, release_thread: Callable[[], None]
) -> None:
    shop = Shop(tenant_id, on_hand=ORDERS)
    for number in range(ORDERS):
        shop.place(METHODS[number % len(METHODS)])
    cancel = CancelOrderHandler(DjangoUnitOfWork, now, new_id, back_off)
    refusals: list[str] = []

    def cancel_or_help_out(number: int) -> None:
        for order_id in list(shop.sagas.values())[number::CANCELLERS] if number < CANCELLERS else ():
            try:
                cancel.handle(
                    CancelOrder(order_id=order_id, expected_version=None, reason="changed my mind"),
                    shop.context,
                )
            except (PastThePivot, SagaEnded, OrderStatusForbids) as refusal:
                refusals.append(refusal.code)
        shop.help_out(number)

    outcomes = Threads(release_thread).race(WORKERS, cancel_or_help_out)
    assert [outcome.error for outcome in outcomes] == [None] * WORKERS
    orders = shop.orders()
    ended = Counter(order.status.value for order in orders)
    assert ended["confirmed"] == len(refusals)
    assert ended["confirmed"] + ended["cancelled"] == ORDERS
    assert {order.cancel_reason for order in orders} <= {None, "changed my mind"}
    captured = {
        account.order_id: account.captured for account in shop.bank.accounts.values() if not account.voided
    }
    assert captured == {order.id: order.total.minor for order in orders if order.status.value == "confirmed"}
    with DjangoUnitOfWork(shop.context) as uow:
        item = uow.stock_items.get_for_update(shop.product.sku)
    assert (item.on_hand, item.reserved, item.sold) == (ended["cancelled"], 0, ended["confirmed"])


@pytest.mark.promise("S13")
def test_no_order_is_shipped_before_its_saga_lets_go_of_it(
    tenant_id: UUID, release_thread: Callable[[], None]
) -> None:
    shop = Shop(tenant_id, on_hand=ORDERS)
    for _ in range(ORDERS):
        shop.place("good")
    ship = ShipOrderHandler(DjangoUnitOfWork, now, back_off)

    def ship_or_help_out(number: int) -> None:
        if number:
            shop.help_out(number)
            return
        for order_id in shop.sagas.values():
            for _ in range(SHIP_TRIES_MAX):
                try:
                    ship.handle(ShipOrder(order_id=order_id, expected_version=None), shop.context)
                    break
                except OrderHeld:
                    continue

    outcomes = Threads(release_thread).race(WORKERS, ship_or_help_out)
    assert [outcome.error for outcome in outcomes] == [None] * WORKERS
    assert {order.status.value for order in shop.orders()} == {"shipped"}
