"""A saga in the state that an operation needs, kept for an order that was placed without one."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from adapters.system_clock import new_id
from builders import NOON, a_context
from domain.orders.fulfilment import ORDER_FULFILMENT
from domain.saga.saga import Saga
from entrypoints.container import Container


def kept_saga(container: Container, tenant_id: UUID, order_id: UUID, history: Callable[[Saga], None]) -> Saga:
    """A saga of the order, with that history; nothing of it has reached order, payment or stock."""
    saga = Saga.start(ORDER_FULFILMENT, id=new_id(), subject_id=order_id, at=NOON)
    history(saga)
    with container.unit_of_work(a_context(tenant_id=tenant_id)) as uow:
        uow.sagas.save(saga)
    return saga
