"""A saga in the state that an operation needs, kept for an order that was placed without one."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from adapters.system_clock import new_id
from builders import NOON, a_context
from domain.orders.fulfilment import ORDER_FULFILMENT
from domain.saga.saga import Saga
from entrypoints.container import Container
from entrypoints.http_messages.saga_operations import (
    COMPENSATE_SAGA,
    READ_ORDER_SAGA,
    READ_SAGA,
    RETRY_SAGA_STEP,
    SKIP_SAGA_STEP,
)
from unit.contracts.saga_views_contract import step_parked

SAGAS_BEFORE: dict[str, Callable[[Saga], None]] = {
    READ_ORDER_SAGA.id: step_parked,
    READ_SAGA.id: step_parked,
    RETRY_SAGA_STEP.id: step_parked,
    SKIP_SAGA_STEP.id: step_parked,
    COMPENSATE_SAGA.id: lambda saga: None,
}
"""What must have happened to a saga for the operation to be possible."""


def kept_saga(container: Container, tenant_id: UUID, order_id: UUID, history: Callable[[Saga], None]) -> Saga:
    """A saga of the order, with that history; nothing of it has reached order, payment or stock."""
    saga = Saga.start(ORDER_FULFILMENT, id=new_id(), subject_id=order_id, at=NOON)
    history(saga)
    with container.unit_of_work(a_context(tenant_id=tenant_id)) as uow:
        uow.sagas.save(saga)
    return saga
