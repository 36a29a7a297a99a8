"""What the operators of a tenant can ask."""

from __future__ import annotations

from typing import Final

from application.ports.outbox import CONSUMER_LENGTH_MAX, ConsumerLag, DeadLetter
from domain.access import Scope
from domain.errors import NotFound
from entrypoints.http_messages import query
from entrypoints.http_messages.operation import LIMIT, Operation

READ_LAG: Final = Operation(
    id="readLag", method="GET", path="/v1/ops/lag",
    summary="Show what each consumer of messages has before it",
    scope=Scope.OPS, result=ConsumerLag, is_list=True, gives_tag=False,
    note="Names the consumers that have messages, or settled some in the last minute; all of them on one page.",
)  # fmt: skip
LIST_DEAD_LETTERS: Final = Operation(
    id="listDeadLetters", method="GET", path="/v1/ops/dead-letters",
    summary="List messages that no further try is made for, oldest first",
    scope=Scope.OPS, result=DeadLetter, is_list=True, gives_tag=False,
    query=(
        query.text("consumer", "Only those for this consumer.", length_max=CONSUMER_LENGTH_MAX),
        LIMIT,
        query.cursor(),
    ),
)  # fmt: skip
REPLAY_DEAD_LETTER: Final = Operation(
    id="replayDeadLetter", method="POST", path="/v1/ops/dead-letters/{message_id}/replay",
    summary="Let a dead letter be tried again; what waits behind it follows in order",
    scope=Scope.OPS, result=None, status=204, gives_tag=False, own_refusals=(NotFound,),
    note="Needs no `Idempotency-Key`: once it is replayed it is no dead letter, so that a retry is answered 404 and "
    "does nothing.",
)  # fmt: skip

OPS_OPERATIONS: Final = (READ_LAG, LIST_DEAD_LETTERS, REPLAY_DEAD_LETTER)
