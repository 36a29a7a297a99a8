"""Money that turns out to have been set aside for an order that was cancelled, deleted or purged meanwhile."""

from __future__ import annotations

import functools
from datetime import timedelta

import pytest

from adapters.memory.purge import InMemoryPurge
from adapters.system_clock import new_id
from application.delivery.purge_deleted import PurgeDeletedHandler
from application.sagas.advance_saga import Heard
from domain.orders.order import Order
from domain.retention import Deletion, RetentionPolicy
from domain.saga.progress import SagaStatus
from simulation.crash_world import CrashWorld

MONTH = RetentionPolicy(timedelta(days=30))


def delete(world: CrashWorld) -> None:
    """The order, as it stands."""
    with world.open(world.context) as uow:
        order = uow.orders.get(world.order_id)
        order.delete(Deletion(new_id(), "alice", "tidy", world.at))
        uow.orders.save(order)


def purge(world: CrashWorld) -> int:
    """Long after; how many orders were purged."""
    world.at += MONTH.keep_for
    open_purge = functools.partial(InMemoryPurge, database=world.database)
    return PurgeDeletedHandler(open_purge, world.now).handle(MONTH).orders


def deleted_order(world: CrashWorld) -> Order:
    with world.open(world.context) as uow:
        return uow.orders.get(world.order_id, with_deleted=True)


@pytest.mark.promise("S9", "D6", "D7", "M1")
@pytest.mark.parametrize("is_purged", [False, True])
def test_are_let_go_and_recorded_and_leave_the_order_as_it_is(is_purged: bool) -> None:
    world = CrashWorld("good")
    (frozen,) = world.handler.begin(world.context.tenant_id, [world.saga_id])
    world.recover()
    world.cancel()
    world.work()
    assert world.saga().status is SagaStatus.COMPENSATED
    assert not world.bank.accounts
    delete(world)
    if is_purged:
        assert purge(world) == 1
    before = deleted_order(world)

    outcome = frozen.steps.call(frozen.directive, frozen.key, frozen.prepared)
    assert world.handler.go_on([Heard(frozen, outcome)]) == []
    assert world.saga().status is SagaStatus.COMPENSATING
    assert purge(world) == 0  # whether for the saga that lives again, or because it was done before
    world.work()

    assert world.saga().status is SagaStatus.COMPENSATED
    (account,) = world.bank.accounts.values()
    assert (account.captured, account.voided) == (0, True)
    with world.open(world.context) as uow:
        (payment,) = uow.payments.of_order(world.order_id)
    assert (payment.status.value, payment.gateway_id) == ("voided", "pay-1")
    after = deleted_order(world)
    assert (after.version, after.is_deleted, after.is_purged) == (before.version, True, is_purged)
    assert purge(world) == (0 if is_purged else 1)
