"""What can be asked about sagas, and how an operator repairs them."""

from __future__ import annotations

from typing import Final

from domain.access import Scope
from domain.errors import NotFound
from entrypoints.http_messages.operation import Operation
from entrypoints.http_messages.saga_answer import SagaJournalAnswer

READ_ORDER_SAGA: Final = Operation(
    id="readOrderSaga", method="GET", path="/v1/orders/{order_id}/saga",
    summary="Read the saga that fulfils an order, with its journal; also of a deleted one",
    scope=Scope.ORDERS_READ, result=SagaJournalAnswer, own_refusals=(NotFound,),
    note="404 also where the order has none: it was placed while nothing was paid through this service. Replies that "
    "came too late are read at `/v1/ops/late-replies`.",
)  # fmt: skip
