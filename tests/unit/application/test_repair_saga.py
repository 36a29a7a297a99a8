"""Repairs of sagas, with what follows for order and payment."""

from __future__ import annotations

import dataclasses

import pytest

from adapters.system_clock import new_id
from application.orders.fulfil_order import FulfilOrder
from application.ports.payment_gateway import GatewayReply, GatewayUnavailable
from application.sagas.repair_saga import CompensateSaga, RepairSagaHandler, RetrySagaStep, SkipSagaStep
from domain.aggregate import VersionTag
from domain.errors import InvalidInput, StaleObjectError
from domain.orders.fulfilment import ORDER_FULFILMENT
from domain.saga.progress import SagaStatus, StepState
from domain.saga.saga import Saga, SagaEnded
from unit.application.test_orders_in_fulfilment import FulfillingHouse


class RepairingHouse(FulfillingHouse):
    """Its gateway voids nothing until it is told to."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.voids = True
        void = self.gateway.void

        def void_or_not(key: str, *, payment_id: str) -> GatewayReply:
            if not self.voids:
                raise GatewayUnavailable(problem="away")
            return void(key, payment_id=payment_id)

        self.gateway.void = void_or_not  # type: ignore[method-assign]
        steps = {ORDER_FULFILMENT.name: FulfilOrder(self.gateway, new_id)}
        self.repair = RepairSagaHandler(steps, self.open_unit_of_work, self.clock, self.back_offs.append)

    def parked(self) -> Saga:
        """The saga of an order of what is sold out, whose payment could not be voided."""
        self.voids = False
        order = self.stocked_order(quantity=1)
        for _ in range(1_000):
            self.work()
            saga = self.saga(order.id)
            if saga.needs_repair:
                return saga
            assert saga.due_at is not None
            self.time = max(self.time, saga.due_at)
        raise AssertionError("it is never parked")

    def payment_of(self, saga: Saga) -> str:
        with self.transaction() as uow:
            (payment,) = uow.payments.of_order(saga.subject_id)
        return payment.status.value


@pytest.fixture
def house() -> RepairingHouse:
    return RepairingHouse()


@pytest.mark.promise("S5", "S12", "M1")
def test_what_is_tried_again_goes_on_where_it_stood(house: RepairingHouse) -> None:
    saga = house.parked()
    assert (saga.status, house.payment_of(saga)) == (SagaStatus.PARKED, "authorised")
    assert house.order(saga.subject_id).status == "pending"
    house.voids = True
    command = RetrySagaStep(
        saga_id=saga.id, expected_version=None, step="authorise", operator="ada", reason="it is back"
    )
    view = house.repair.handle(command, house.context).result
    assert (view.status, view.due_at, view.needs_repair) == (SagaStatus.COMPENSATING, house.time, False)
    house.work()
    assert house.saga(saga.subject_id).status is SagaStatus.COMPENSATED
    assert (house.payment_of(saga), house.order(saga.subject_id).status) == ("voided", "cancelled")


@pytest.mark.promise("S5", "S12")
def test_what_is_skipped_counts_as_undone_in_all_books(house: RepairingHouse) -> None:
    saga = house.parked()
    command = SkipSagaStep(
        saga_id=saga.id, expected_version=None, step="authorise", operator="ada", reason="voided by hand"
    )
    view = house.repair.handle(command, house.context).result
    assert view.status is SagaStatus.COMPENSATED
    assert house.saga(saga.subject_id).progress("authorise").state is StepState.UNDONE
    assert (house.payment_of(saga), house.order(saga.subject_id).status) == ("voided", "cancelled")


@pytest.mark.promise("S12", "L3")
def test_a_refused_repair_changes_nothing(house: RepairingHouse) -> None:
    saga = house.parked()
    stale = (VersionTag(saga.id, saga.version - 1),)
    undo = CompensateSaga(saga_id=saga.id, expected_version=stale, reason="r")
    retry = RetrySagaStep(saga_id=saga.id, expected_version=None, step="pack", operator="ada", reason="r")
    for command, error in (
        (undo, StaleObjectError),
        (dataclasses.replace(undo, expected_version=None), SagaEnded),
        (retry, InvalidInput),
        (dataclasses.replace(retry, step="authorise", reason=""), InvalidInput),
    ):
        with pytest.raises(error):
            house.repair.handle(command, house.context)
    assert house.saga(saga.subject_id).version == saga.version
