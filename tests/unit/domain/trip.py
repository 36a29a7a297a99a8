"""A saga without meaning, and somebody who drives it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from adapters.system_clock import new_id
from builders import NOON
from domain.saga.definition import RetryPolicy, SagaDefinition, Step, StepKind
from domain.saga.outcome import Outcome, StepDone
from domain.saga.progress import Action, Direction, Directive
from domain.saga.saga import Saga

LIMIT: Final = timedelta(hours=1)
SETTLE: Final = timedelta(seconds=30)
PATIENT = RetryPolicy(first=timedelta(seconds=1), longest=timedelta(minutes=5), tries_max=None)
BOUNDED = RetryPolicy(first=timedelta(seconds=1), longest=timedelta(minutes=5), tries_max=3)

TRIP = SagaDefinition(
    name="trip.1",
    time_limit=LIMIT,
    steps=(
        Step(
            name="hotel",
            kind=StepKind.COMPENSATABLE,
            retry=PATIENT,
            undo=BOUNDED,
            waits_when_refused=True,
        ),
        Step(name="flight", kind=StepKind.COMPENSATABLE, retry=PATIENT, undo=BOUNDED),
        Step(name="seat", kind=StepKind.COMPENSATABLE, retry=PATIENT, undo=BOUNDED, is_local=True),
        Step(name="pay", kind=StepKind.PIVOT, retry=BOUNDED),
        Step(name="tell", kind=StepKind.RETRIABLE, retry=BOUNDED),
    ),
)
NAMES = tuple(step.name for step in TRIP.steps)


class Traveller:
    """Drives one saga on a clock of its own, and answers as told."""

    def __init__(self) -> None:
        self.at = NOON
        self.saga = Saga.start(TRIP, id=new_id(), subject_id=new_id(), at=NOON)

    @property
    def next(self) -> Directive:
        return self.saga.next(self.at)

    @property
    def status(self) -> str:
        return self.saga.status.value

    def answer(self, outcome: Outcome, *, jitter: float = 0.0) -> bool:
        """To what is due now."""
        due = self.next
        if due.action is Action.ASK:
            return self.saga.hear_answer(due.step, due.attempt, outcome, at=self.at, jitter=jitter)
        direction = Direction.DO if due.action is Action.DO else Direction.UNDO
        return self.hear(due.step, outcome, direction=direction, attempt=due.attempt, jitter=jitter)

    def hear(
        self,
        step: str,
        outcome: Outcome,
        *,
        direction: Direction = Direction.DO,
        attempt: int = 1,
        jitter: float = 0.0,
    ) -> bool:
        return self.saga.hear(step, attempt, direction, outcome, at=self.at, jitter=jitter)

    def done_up_to(self, step: str) -> Traveller:
        """Every step before it succeeds, with its name in capitals as the result."""
        while self.next.step != step:
            self.answer(StepDone(self.next.step.upper()))
        return self

    def states(self) -> dict[str, str]:
        return {step.name: step.state.value for step in self.saga.steps}

    def wait(self) -> None:
        """Until something is due."""
        due = self.next
        assert due.until is not None
        self.at = due.until
