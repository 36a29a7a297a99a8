"""Purges race on PostgreSQL against money that is found, late, to have been set aside for what they purge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import connections

from adapters.django_orm.purge import DjangoPurge
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.system_clock import new_id
from application.orders.fulfil_order import follow_fulfilment
from application.sagas.advance_saga import Due, Heard
from builders import NOON
from domain.aggregate import Aggregate
from domain.orders.order import Order
from domain.payments.payment import Payment
from domain.retention import Deletion, RetentionPolicy
from domain.saga.progress import ENDED
from domain.saga.saga import Saga
from integration.fulfilling import FulfilmentHouse, now
from integration.races.test_sagas import LockedBank
from unit.contracts.binding import Store, state_of
from unit.contracts.threads import Threads

ORDERS = 12
PURGERS, WAKERS = 2, 2
PURGES = 2 * ORDERS
LONG_AGO = NOON - timedelta(days=3_650)
"""Longer than anything else that the database's tenants have deleted, so that a purge meets these orders alone."""
MONTH = RetentionPolicy(timedelta(days=30))
SECRET = "Ada Lovelace"


class PromptBank(LockedBank):
    """What it doesn't know of now, it says, it will never know of; that isn't so while a caller is frozen."""

    settle_s = timeout_s = 0.0


class Graveyard(FulfilmentHouse):
    """Cancelled and deleted orders, for each of which a worker was frozen before its call to the bank."""

    def __init__(self, tenant_id: UUID) -> None:
        self.bank = PromptBank()
        super().__init__(tenant_id, self.bank, on_hand=ORDERS)
        self.store = Store(DjangoUnitOfWork, self.context)
        self.frozen: list[Due] = []
        for _ in range(ORDERS):
            self.place(SECRET)
        for saga_id in self.sagas:
            self._freeze_a_worker(saga_id)
        with connections["owner"].cursor() as cursor:
            cursor.execute("UPDATE saga SET leased_until = NULL WHERE tenant_id = %s", [tenant_id])
        for saga_id in self.sagas:
            self._cancel(saga_id)
        self.work(until=ENDED, skip=timedelta(minutes=1))
        for number, order_id in enumerate(self.sagas.values()):
            self._delete(order_id, LONG_AGO + timedelta(seconds=number))

    def thaw(self, number: int) -> None:
        """Every so-many-th worker goes on: its call has its effect, and its reply comes too late."""
        for due in self.frozen[number::WAKERS]:
            outcome = due.steps.call(due.directive, due.key, due.prepared)
            assert self._handler.go_on([Heard(due, outcome)]) == []

    def purge(self) -> int:
        """The one that was deleted first of those that may be; how many orders were purged."""
        with DjangoPurge() as unit:
            due = unit.deleted_orders(LONG_AGO + timedelta(days=1), 1)
            for deleted in due:
                deleted.order.purge(MONTH, at=now())
                unit.replace(deleted)
        return len(due)

    def fate(self, order_id: UUID) -> tuple[Order, Saga, Sequence[Payment]]:
        """All that is left."""
        with DjangoUnitOfWork(self.context) as uow:
            saga = uow.sagas.of_subject(order_id)
            assert saga is not None
            return uow.orders.get(order_id, with_deleted=True), saga, uow.payments.of_order(order_id)

    def _freeze_a_worker(self, saga_id: UUID) -> None:
        (due,) = self._handler.begin(self.context.tenant_id, [saga_id])
        self.frozen.append(due)

    def _cancel(self, saga_id: UUID) -> None:
        with DjangoUnitOfWork(self.context) as uow:
            saga = uow.sagas.get(saga_id)
            saga.cancel(reason=SECRET, at=now())
            follow_fulfilment(saga.pending_events, saga, uow, new_id)
            uow.sagas.save(saga)

    def _delete(self, order_id: UUID, at: datetime) -> None:
        with DjangoUnitOfWork(self.context) as uow:
            order = uow.orders.get(order_id)
            order.delete(Deletion(new_id(), "alice", SECRET, at))
            uow.orders.save(order)


@pytest.mark.promise("D7", "S9", "M1", "E5")
def test_no_money_is_forgotten_and_nothing_said_of_a_person_is_left(
    tenant_id: UUID, release_thread: Callable[[], None]
) -> None:
    graveyard = Graveyard(tenant_id)
    assert not graveyard.bank.accounts

    def take_part(number: int) -> int:
        if number < WAKERS:
            graveyard.thaw(number)
            return 0
        return sum(graveyard.purge() for _ in range(PURGES))

    outcomes = Threads(release_thread).race(WAKERS + PURGERS, take_part)
    assert [outcome.error for outcome in outcomes] == [None] * (WAKERS + PURGERS)
    purged_early = sum(outcome.result or 0 for outcome in outcomes)
    graveyard.work(until=ENDED, skip=timedelta(minutes=1))
    assert purged_early + sum(graveyard.purge() for _ in range(PURGES)) == ORDERS

    assert len(graveyard.bank.accounts) == ORDERS
    assert all(account.voided and not account.captured for account in graveyard.bank.accounts.values())
    for order_id in graveyard.sagas.values():
        order, saga, payments = graveyard.fate(order_id)
        assert order.is_purged
        assert [(payment.status.value, payment.method) for payment in payments] == [("voided", "redacted")]
        for kept in (order, saga, *payments):
            assert_said_by_its_events(kept, graveyard.store)


def assert_said_by_its_events(kept: Aggregate, store: Store) -> None:
    """And nothing of it names the person."""
    stream = store.stream(kept.id)
    assert SECRET not in f"{stream} {vars(kept)}"
    assert state_of(type(kept).from_events(kept.id, [entry.event for entry in stream])) == state_of(kept)
