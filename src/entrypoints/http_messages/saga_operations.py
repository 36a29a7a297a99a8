"""What can be asked about sagas, and how an operator repairs them."""

from __future__ import annotations

from typing import Final

from application.ports.sagas import LateReply
from application.sagas.repair_saga import CompensateSaga, RetrySagaStep, SkipSagaStep
from domain.access import Scope
from domain.errors import NotFound
from domain.saga.definition import NAME_LENGTH_MAX
from domain.saga.progress import SagaStatus
from domain.saga.saga import PastThePivot, SagaEnded, StepNotParked, StepNotSkippable
from entrypoints.http_messages import query
from entrypoints.http_messages.operation import LIMIT, Operation, body_of
from entrypoints.http_messages.saga_answer import SagaAnswer, SagaJournalAnswer

READ_ORDER_SAGA: Final = Operation(
    id="readOrderSaga", method="GET", path="/v1/orders/{order_id}/saga",
    summary="Read the saga that fulfils an order, with its journal; also of a deleted one",
    scope=Scope.ORDERS_READ, result=SagaJournalAnswer, own_refusals=(NotFound,),
    note="404 also where the order has none: it was placed while nothing was paid through this service. Replies that "
    "came too late are read at `/v1/ops/late-replies`.",
)  # fmt: skip
LIST_SAGAS: Final = Operation(
    id="listSagas", method="GET", path="/v1/ops/sagas", summary="List sagas, oldest first",
    scope=Scope.OPS, result=SagaAnswer, is_list=True, gives_tag=False,
    query=(
        query.one_of("status", "Only sagas with this status.", SagaStatus),
        query.flag(
            "needs_repair",
            "`true`: only those with a parked step, the ones included whose other steps still go on; `false`: only "
            "the others.",
        ),
        query.text("definition", "Only sagas of this definition.", length_max=NAME_LENGTH_MAX),
        LIMIT,
        query.cursor(),
    ),
)  # fmt: skip
READ_SAGA: Final = Operation(
    id="readSaga", method="GET", path="/v1/ops/sagas/{saga_id}", summary="Read a saga with its journal",
    scope=Scope.OPS, result=SagaJournalAnswer, own_refusals=(NotFound,),
)  # fmt: skip
RETRY_SAGA_STEP: Final = Operation(
    id="retrySagaStep", method="POST", path="/v1/ops/sagas/{saga_id}/retry",
    summary="Let a parked step be tried again at once",
    scope=Scope.OPS, result=SagaAnswer, takes_key=True, needs_key=True, needs_version=True,
    body=body_of(RetrySagaStep), own_refusals=(NotFound, StepNotParked),
    note="The journal keeps the token's owner and the reason.",
)  # fmt: skip
SKIP_SAGA_STEP: Final = Operation(
    id="skipSagaStep", method="POST", path="/v1/ops/sagas/{saga_id}/skip",
    summary="Take a parked step as carried out, or as undone",
    scope=Scope.OPS, result=SagaAnswer, takes_key=True, needs_key=True, needs_version=True,
    body=body_of(SkipSagaStep), own_refusals=(NotFound, StepNotParked, StepNotSkippable),
    note="For what was seen to by hand. On the way forward only steps after the pivot can be skipped. The journal "
    "keeps the token's owner and the reason.",
)  # fmt: skip
COMPENSATE_SAGA: Final = Operation(
    id="compensateSaga", method="POST", path="/v1/ops/sagas/{saga_id}/compensate",
    summary="Undo what was done, and cancel the order then",
    scope=Scope.OPS, result=SagaAnswer, takes_key=True, needs_key=True, needs_version=True,
    body=body_of(CompensateSaga), own_refusals=(NotFound, PastThePivot, SagaEnded),
    note="Possible until the pivot (the money being taken) has begun. A saga moves on by itself while it is looked at: "
    "`If-Match: *` undoes it whatever it has done since. The journal keeps the token's owner and the reason.",
)  # fmt: skip
LIST_LATE_REPLIES: Final = Operation(
    id="listLateReplies", method="GET", path="/v1/ops/late-replies",
    summary="List replies from outside that changed nothing, oldest first",
    scope=Scope.OPS, result=LateReply, is_list=True, gives_tag=False,
    query=(query.identifier("saga_id", "Only those to this saga's calls."), LIMIT, query.cursor()),
    note="Late and repeated ones, and those (`saga_id` null) whose key names no saga.",
)  # fmt: skip

SAGA_OPERATIONS: Final = (
    READ_ORDER_SAGA,
    LIST_SAGAS,
    READ_SAGA,
    RETRY_SAGA_STEP,
    SKIP_SAGA_STEP,
    COMPENSATE_SAGA,
    LIST_LATE_REPLIES,
)
