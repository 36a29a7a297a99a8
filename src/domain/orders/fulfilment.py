"""How a placed order becomes a confirmed one: the definitions of its saga."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from domain.money import Money
from domain.saga.definition import RetryPolicy, SagaDefinition, Step, StepKind

TIME_LIMIT: Final = timedelta(hours=24)
"""For everything before the money is taken; a declined payment waits for a further try no longer than this."""

UNTIL_THE_TIME_LIMIT: Final = RetryPolicy(
    first=timedelta(milliseconds=500), longest=timedelta(minutes=1), tries_max=None
)
UNTIL_SOMEBODY_LOOKS: Final = RetryPolicy(
    first=timedelta(milliseconds=500), longest=timedelta(minutes=5), tries_max=20
)
"""More than an hour of tries; then the step is parked for an operator."""

AUTHORISE: Final = "authorise"
RESERVE: Final = "reserve"
CAPTURE: Final = "capture"
NOTIFY: Final = "notify"

_RESERVE: Final = Step(
    name=RESERVE,
    kind=StepKind.COMPENSATABLE,
    retry=UNTIL_THE_TIME_LIMIT,
    undo=UNTIL_SOMEBODY_LOOKS,
    is_local=True,
)
_NOTIFY: Final = Step(name=NOTIFY, kind=StepKind.RETRIABLE, retry=UNTIL_SOMEBODY_LOOKS, is_local=True)

ORDER_FULFILMENT: Final = SagaDefinition(
    name="order-fulfilment.1",
    time_limit=TIME_LIMIT,
    steps=(
        Step(
            name=AUTHORISE,
            kind=StepKind.COMPENSATABLE,
            retry=UNTIL_THE_TIME_LIMIT,
            undo=UNTIL_SOMEBODY_LOOKS,
            waits_when_refused=True,
        ),
        _RESERVE,
        Step(name=CAPTURE, kind=StepKind.PIVOT, retry=UNTIL_SOMEBODY_LOOKS),
        _NOTIFY,
    ),
)
"""Set the money aside, set the goods aside, take the money (which confirms the order), tell."""

FREE_ORDER_FULFILMENT: Final = SagaDefinition(
    name="free-order-fulfilment.1",
    time_limit=TIME_LIMIT,
    steps=(
        _RESERVE,
        Step(name=CAPTURE, kind=StepKind.PIVOT, retry=UNTIL_SOMEBODY_LOOKS, is_local=True),
        _NOTIFY,
    ),
)
"""An order whose total is zero: nothing is paid."""


def fulfilment_of(total: Money) -> SagaDefinition:
    """The definition for an order of that total."""
    return ORDER_FULFILMENT if total.minor else FREE_ORDER_FULFILMENT
