"""An order that is being fulfilled belongs to its saga: what would get in its way is refused (S13).

The semantic lock of a saga: H. Garcia-Molina and K. Salem, Sagas, SIGMOD 1987; C. Richardson, Microservices Patterns,
2018, section 4.3.
"""

from __future__ import annotations

from uuid import UUID

from application.ports.unit_of_work import UnitOfWork
from domain.errors import Conflict
from domain.saga.progress import ENDED


class OrderHeld(Conflict):
    """The order {order_id} is being fulfilled; wait until that has ended, or cancel the order."""

    final = False


def require_free(order_id: UUID, uow: UnitOfWork) -> None:
    """Raise OrderHeld while a saga holds the order; otherwise none can take it up before this transaction ends."""
    saga = uow.sagas.of_subject(order_id)
    if saga is not None and saga.status not in ENDED:
        raise OrderHeld(order_id=str(order_id))
