"""Operators repair sagas on PostgreSQL while workers, and other operators, are at them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.django_orm.saga_views import DjangoSagaViews
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.system_clock import back_off, new_id
from application.orders.fulfil_order import FulfilOrder
from application.ports.payment_gateway import GatewayReply
from application.sagas.repair_saga import CompensateSaga, RepairSagaHandler, RetrySagaStep
from builders import an_order
from domain.money import Money
from domain.orders.fulfilment import ORDER_FULFILMENT
from domain.saga.progress import ENDED, SagaStatus
from domain.saga.saga import Saga, StepNotParked
from integration.fulfilling import FulfilmentHouse, now
from simulation.bank import Bank
from unit.contracts.saga_views_contract import step_parked
from unit.contracts.threads import Threads

WAIT_S = 20
OPERATORS = 8


class SlowBank(Bank):
    """Answers the first call when it is told to."""

    settle_s = 0.2
    timeout_s = 0.1

    def __init__(self) -> None:
        super().__init__(now)
        self.was_called, self.may_answer = threading.Event(), threading.Event()
        self.voids = 0

    def authorise(self, key: str, *, order_id: UUID, amount: Money, method: str) -> GatewayReply:
        self.was_called.set()
        assert self.may_answer.wait(WAIT_S)
        return super().authorise(key, order_id=order_id, amount=amount, method=method)

    def void(self, key: str, *, payment_id: str) -> GatewayReply:
        self.voids += key not in self._replies
        return super().void(key, payment_id=payment_id)


def repairs(bank: Bank) -> RepairSagaHandler:
    steps = {ORDER_FULFILMENT.name: FulfilOrder(bank, new_id)}
    return RepairSagaHandler(steps, DjangoUnitOfWork, now, back_off)


@pytest.mark.promise("S8", "S9", "S12", "O5", "M1")
def test_what_a_worker_hears_after_an_operator_undid_the_saga_is_undone_as_well(
    tenant_id: UUID, release_thread: Callable[[], None]
) -> None:
    bank = SlowBank()
    house = FulfilmentHouse(tenant_id, bank, on_hand=5)
    house.place("good")
    (saga_id,) = house.sagas
    states: list[SagaStatus] = []

    def work_or_undo(number: int) -> None:
        if number == 0:
            house.work(until=ENDED, skip=timedelta(seconds=1))
            return
        assert bank.was_called.wait(WAIT_S)
        command = CompensateSaga(saga_id=saga_id, expected_version=None, reason="the customer rang")
        try:
            states.append(repairs(bank).handle(command, house.context).result.status)
        finally:
            bank.may_answer.set()

    outcomes = Threads(release_thread).race(2, work_or_undo)
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert states == [SagaStatus.COMPENSATING]
    assert house.saga(saga_id).status is SagaStatus.COMPENSATED
    (order,) = house.orders()
    assert (order.status.value, order.cancel_reason) == ("cancelled", "the customer rang")
    (account,) = bank.accounts.values()
    assert (account.voided, account.captured, bank.voids) == (True, 0, 1)
    journal = DjangoSagaViews().of_id(tenant_id, saga_id).journal
    assert [entry.what for entry in journal] == [
        "started", "compensation_began", "effect_found", "step_undone", "compensated",
    ]  # fmt: skip
    assert journal[1].actor == house.context.actor


@pytest.mark.promise("S8", "S12")
def test_of_many_operators_one_repairs_while_workers_wait_for_it(
    tenant_id: UUID, release_thread: Callable[[], None]
) -> None:
    bank = Bank(now)
    house = FulfilmentHouse(tenant_id, bank, on_hand=5)
    order = an_order().with_line(house.product).placed()
    saga = Saga.start(ORDER_FULFILMENT, id=new_id(), subject_id=order.id, at=now())
    step_parked(saga)
    with DjangoUnitOfWork(house.context) as uow:
        uow.orders.save(order)
        uow.sagas.save(saga)
    house.sagas[saga.id] = order.id

    def repair_or_work(number: int) -> None:
        if number == OPERATORS:
            house.work(until=ENDED, skip=timedelta(seconds=1), uninvited=True)
            return
        command = RetrySagaStep(
            saga_id=saga.id, expected_version=None, step="notify", operator=f"operator-{number}", reason="r"
        )
        repairs(bank).handle(command, house.context)

    errors = [outcome.error for outcome in Threads(release_thread).race(OPERATORS + 1, repair_or_work)]
    assert errors.count(None) == 2
    assert all(isinstance(error, StepNotParked) for error in errors if error is not None)
    found = DjangoSagaViews().of_id(tenant_id, saga.id)
    assert found.status is SagaStatus.COMPLETED
    assert [entry.what for entry in found.journal[saga.version :]] == [
        "repaired", "step_succeeded", "completed",
    ]  # fmt: skip
