"""An order that is being fulfilled belongs to its saga: what would get in its way is refused (S13).

The semantic lock of a saga: H. Garcia-Molina and K. Salem, Sagas, SIGMOD 1987; C. Richardson, Microservices Patterns,
2018, section 4.3.
"""

from __future__ import annotations

from uuid import UUID

from domain.errors import Conflict
from domain.saga.progress import ENDED
from domain.saga.saga import Saga


class OrderHeld(Conflict):
    """The order {order_id} is being fulfilled; wait until that has ended, or cancel the order."""

    final = False


def require_free(order_id: UUID, saga: Saga | None) -> None:
    """Raise OrderHeld while its saga holds the order.

    The saga is to be read before the order: it stays locked until the transaction ends, so that what is read of the
    order afterwards is what the saga has left.
    """
    if saga is not None and saga.status not in ENDED:
        raise OrderHeld(order_id=str(order_id))
