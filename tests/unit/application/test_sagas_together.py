"""Sagas that are advanced together share transactions, and nothing else."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import partial
from uuid import UUID

import pytest

from adapters.memory.database import InMemoryDatabase
from adapters.memory.saga_repositories import InMemoryLateReplies
from adapters.memory.unit_of_work import InMemoryUnitOfWork
from adapters.system_clock import new_id
from application.orders.fulfil_order import FulfilOrder
from application.sagas import advance_saga
from application.sagas.advance_saga import AdvanceSagaHandler
from builders import NOON, a_context, a_product, an_order, stock_of
from domain.inventory.product import Product
from domain.inventory.stock_item import StockItem
from domain.orders.fulfilment import ORDER_FULFILMENT
from domain.orders.order import Order
from domain.saga.progress import SagaStatus
from domain.saga.saga import Saga
from simulation.bank import Bank

TEA_LEFT = 3


class Shop:
    """Three pieces of tea, one of milk, a bank, and a worker; a transaction is counted when it begins."""

    def __init__(self) -> None:
        self.at = NOON
        self.bank = Bank(self.now)
        self.database = InMemoryDatabase(now=self.now)
        self.context = a_context()
        self.tea, self.milk = a_product(), a_product(name="Milk")
        with self.open(self.context) as uow:
            for product, on_hand in ((self.tea, TEA_LEFT), (self.milk, 1)):
                uow.products.save(product)
                uow.stock_items.save(stock_of(product, on_hand=on_hand))
        self.transactions = 0
        self.handler = AdvanceSagaHandler(
            late_replies=InMemoryLateReplies(self.database),
            steps={ORDER_FULFILMENT.name: FulfilOrder(self.bank, new_id)},
            open_unit_of_work=self.counted,
            now=self.now,
            new_id=new_id,
            jitter=lambda: 0.0,
        )

    def now(self) -> datetime:
        return self.at

    def open(self, context: object) -> InMemoryUnitOfWork:
        return InMemoryUnitOfWork(context, database=self.database)  # type: ignore[arg-type]

    def counted(self, context: object) -> InMemoryUnitOfWork:
        self.transactions += 1
        return self.open(context)

    def place(self, *products: Product, method: str = "good") -> Saga:
        """An order, and its saga."""
        order = an_order().with_(payment_method=method)
        for product in products:
            order = order.with_line(product)
        placed = order.placed()
        saga = Saga.start(ORDER_FULFILMENT, id=new_id(), subject_id=placed.id, at=NOON)
        with self.open(self.context) as uow:
            uow.orders.save(placed)
            uow.sagas.save(saga)
        return saga

    def work(self, *sagas: Saga) -> int:
        """All of them together; how many calls were made."""
        return self.handler.handle_all(self.context.tenant_id, [saga.id for saga in sagas])

    def order_of(self, saga: Saga) -> Order:
        with self.open(self.context) as uow:
            return uow.orders.get(saga.subject_id)

    def saga(self, saga_id: UUID) -> Saga:
        with self.open(self.context) as uow:
            return uow.sagas.get(saga_id)

    def stock(self, product: Product) -> StockItem:
        with self.open(self.context) as uow:
            return uow.stock_items.get_for_update(product.sku)


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.mark.promise("S8", "M2")
def test_three_transactions_carry_all_of_them_to_their_end(shop: Shop) -> None:
    sagas = [shop.place(shop.tea) for _ in range(TEA_LEFT)]
    assert shop.work(*sagas) == 2 * TEA_LEFT
    assert shop.transactions == 3
    assert [shop.order_of(saga).status.value for saga in sagas] == ["confirmed"] * TEA_LEFT
    tea = shop.stock(shop.tea)
    assert (tea.on_hand, tea.reserved, tea.sold) == (0, 0, TEA_LEFT)
    for saga in sagas:
        with shop.open(shop.context) as uow:
            causes = {entry.correlation_id for entry in uow.events.stream(saga.id, after_version=1)}
        assert causes == {str(saga.id)}


@pytest.mark.promise("S1", "M2")
def test_one_that_finds_too_little_sets_nothing_aside_for_those_after_it(shop: Shop) -> None:
    first, greedy, last = shop.place(shop.milk), shop.place(shop.tea, shop.milk), shop.place(shop.tea)
    shop.work(first, greedy, last)
    assert [shop.order_of(saga).status.value for saga in (first, greedy, last)] == [
        "confirmed",
        "cancelled",
        "confirmed",
    ]
    tea, milk = shop.stock(shop.tea), shop.stock(shop.milk)
    assert (tea.on_hand, tea.reserved, tea.sold, tea.reservations) == (TEA_LEFT - 1, 0, 1, {})
    assert (milk.on_hand, milk.reserved, milk.sold) == (0, 0, 1)
    assert sum(account.voided for account in shop.bank.accounts.values()) == 1


@pytest.mark.promise("S9")
def test_what_fails_for_one_is_written_for_the_others(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, *whole = [shop.place(shop.tea) for _ in range(TEA_LEFT)]
    follow = FulfilOrder.follow

    def fail_for_one(self: FulfilOrder, events: object, saga: Saga, uow: object) -> None:
        if saga.id == broken.id:
            raise RuntimeError("a fault of ours")
        follow(self, events, saga, uow)  # type: ignore[arg-type]

    monkeypatch.setattr(FulfilOrder, "follow", fail_for_one)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        shop.work(broken, *whole)
    assert shop.saga(broken.id).version == broken.version
    assert [shop.order_of(saga).status.value for saga in whole] == ["confirmed"] * len(whole)


@pytest.mark.promise("S8")
def test_calls_for_which_there_was_no_time_are_left_to_others(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    sagas = [shop.place(shop.tea) for _ in range(TEA_LEFT)]
    clock = iter(NOON + number * 2 * advance_saga.CALLS_TOGETHER_MAX for number in range(100))
    monkeypatch.setattr(shop, "at", NOON)
    object.__setattr__(shop.handler, "now", partial(next, clock))
    assert shop.work(*sagas) < 2 * TEA_LEFT
    statuses = Counter(shop.saga(saga.id).status for saga in sagas)
    assert statuses == {SagaStatus.COMPLETED: 1, SagaStatus.RUNNING: TEA_LEFT - 1}
    with shop.open(shop.context) as uow:
        assert len(uow.sagas.claim([saga.id for saga in sagas])) == TEA_LEFT - 1
