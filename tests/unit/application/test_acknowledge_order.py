"""Orders acknowledged over a notifier that answers as told."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.memory.database import InMemoryDatabase
from adapters.memory.notifier import InMemoryNotifier
from adapters.memory.outbox import InMemoryDeadLetters, InMemoryMessageClaims
from adapters.memory.unit_of_work import InMemoryUnitOfWork
from application.delivery.drain_key import DrainKeyHandler
from application.orders.acknowledge_order import TRY_AGAIN_AFTER, AcknowledgeOrder
from application.ports.outbox import Wake
from application.subscriptions import ORDER_EMAIL, reactions_of
from builders import NOON, a_context, a_product, an_order
from domain.money import Money
from domain.orders.order import Order

PAUSE = timedelta(hours=3)


class Shop:
    """One tenant whose orders are acknowledged, under a clock that the test sets."""

    def __init__(self, notifier: InMemoryNotifier) -> None:
        self.time = NOON
        self.database = InMemoryDatabase(now=self.now)
        self.context = a_context()
        self.open_unit_of_work = functools.partial(
            InMemoryUnitOfWork, database=self.database, subscriptions=reactions_of([ORDER_EMAIL])
        )
        self.drain = DrainKeyHandler(
            InMemoryMessageClaims(self.database),
            {ORDER_EMAIL: AcknowledgeOrder(notifier, self.open_unit_of_work)},
            self.open_unit_of_work,
        )

    def now(self) -> datetime:
        return self.time

    def order(self, **fields: Any) -> Order:
        order = an_order().with_line(a_product(), quantity=2).with_(**fields).placed()
        with self.open_unit_of_work(self.context) as uow:
            uow.orders.save(order)
        return order

    def work(self, order: Order) -> int:
        return self.drain.handle(Wake(self.context.tenant_id, ORDER_EMAIL, order.id))

    def errors(self) -> Sequence[str]:
        letters = InMemoryDeadLetters(self.database).list(self.context.tenant_id, after=None, limit=10)
        return [letter.error for letter in letters]


@pytest.mark.promise("O3")
def test_an_order_is_told_once_with_what_was_ordered() -> None:
    notifier = InMemoryNotifier()
    shop = Shop(notifier)
    order = shop.order(reference="PO-1", email="ada@example.org")
    assert (shop.work(order), shop.work(order)) == (1, 0)
    (notice,) = notifier.taken
    assert (notice.kind, notice.recipient, notice.occurred_at) == ("order.placed", "ada@example.org", NOON)
    assert (notice.order.order_id, notice.order.reference) == (order.id, "PO-1")
    assert (notice.order.total, len(notice.order.lines)) == (Money(840, "EUR"), 1)


@pytest.mark.promise("O3", "O4")
def test_a_failure_is_tried_again_under_the_same_id() -> None:
    notifier = InMemoryNotifier()
    shop = Shop(notifier)
    order = shop.order()
    notifier.fail(1)
    assert shop.work(order) == 0
    shop.time += TRY_AGAIN_AFTER[0]
    assert shop.work(order) == 1
    assert len({notice.id for notice in notifier.attempts}) == 1
    assert len(notifier.attempts) == 2


def test_a_receiver_that_asks_for_a_longer_pause_gets_it() -> None:
    notifier = InMemoryNotifier()
    shop = Shop(notifier)
    order = shop.order()
    notifier.fail(1, retry_after_s=int(PAUSE.total_seconds()))
    assert shop.work(order) == 0
    shop.time += PAUSE - timedelta(seconds=1)
    assert shop.work(order) == 0
    shop.time += timedelta(seconds=1)
    assert shop.work(order) == 1


@pytest.mark.promise("O6")
def test_a_refusal_is_a_dead_letter_at_once() -> None:
    notifier = InMemoryNotifier()
    shop = Shop(notifier)
    notifier.refuse("no such address")
    assert shop.work(shop.order()) == 0
    (error,) = shop.errors()
    assert "no such address" in error


@pytest.mark.promise("O4")
def test_what_follows_is_told_in_order_each_as_the_order_was_then() -> None:
    notifier = InMemoryNotifier()
    shop = Shop(notifier)
    order = shop.order(email="ada@example.org")
    with shop.open_unit_of_work(shop.context) as uow:
        stored = uow.orders.get(order.id)
        stored.cancel(reason="r", at=NOON)
        uow.orders.save(stored)
    assert shop.work(order) == 2
    told = [(notice.kind, notice.order.version, notice.order.status) for notice in notifier.taken]
    assert told == [("order.placed", 1, "pending"), ("order.cancelled", 2, "cancelled")]
    assert {notice.recipient for notice in notifier.taken} == {"ada@example.org"}
