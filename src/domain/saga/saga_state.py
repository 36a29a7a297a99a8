"""A saga as the fold of its events: state alone, no decision."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from domain.aggregate import Aggregate
from domain.event import Event
from domain.saga.definition import SagaDefinition, definition_called
from domain.saga.events import (
    SagaAttemptBegan,
    SagaCompensated,
    SagaCompensationBegan,
    SagaCompleted,
    SagaEffectFound,
    SagaRepaired,
    SagaStarted,
    SagaStepParked,
    SagaStepPutOff,
    SagaStepRefused,
    SagaStepSucceeded,
    SagaStepUndone,
)
from domain.saga.progress import Direction, SagaStatus, StepProgress, StepState


class SagaState(Aggregate):
    """One run of a definition for one subject."""

    kind = "saga"

    definition: SagaDefinition
    subject_id: UUID
    status: SagaStatus
    deadline_at: datetime
    created_at: datetime
    due_at: datetime | None
    """When there is something to do again, the deadline included; None while it rests."""
    position: int
    reason: str | None
    """Why it is undone."""
    steps: tuple[StepProgress, ...]
    doubt_since: datetime | None
    """Since when no new call of a step forward is made."""

    @property
    def is_past_pivot(self) -> bool:
        """Whether the pivot, or a step after it, has had its turn."""
        return self.status is SagaStatus.COMPLETED or self.position >= self.definition.pivot

    @property
    def is_due_at_once(self) -> bool:
        """Whether its last event left something to do without a pause."""
        return self.due_at is not None and self.due_at <= self.updated_at

    @property
    def needs_repair(self) -> bool:
        """Whether an operator has to decide on a step, though others may go on (S5)."""
        return any(step.state in {StepState.PARKED, StepState.UNDO_PARKED} for step in self.steps)

    def progress(self, step: str) -> StepProgress:
        """What is known of a step. Raises KeyError."""
        return self.steps[self._place(step)]

    def _apply(self, event: Event) -> None:
        at = event.occurred_at
        match event:
            case SagaStarted():
                self.definition, self.subject_id = definition_called(event.definition), event.subject_id
                self.status, self.created_at, self.deadline_at = SagaStatus.RUNNING, at, event.deadline_at
                self.steps = tuple(StepProgress(name=step.name) for step in self.definition.steps)
                self.position, self.reason, self.doubt_since = 0, None, None
                self._take_turn(at)
            case SagaStepSucceeded():
                self._change(event.step, state=StepState.DONE, result=event.result, error="", has_effect=True)
                self._pass_turn_on(at)
            case SagaStepRefused():
                self._change(event.step, state=StepState.REFUSED, error=event.reason)
                if self.definition.steps[self.position].waits_when_refused and at < self.deadline_at:
                    self.status, self.due_at = SagaStatus.WAITING, self.deadline_at
            case SagaStepPutOff():
                self._note_failure(event.step, event.error)
                self.due_at = event.due_at if self._is_bound_to_go_on else min(event.due_at, self.deadline_at)
            case SagaStepParked(direction=Direction.DO):
                self._note_failure(event.step, event.error)
                self._change(event.step, state=StepState.PARKED)
                self.status, self.due_at = SagaStatus.PARKED, None
            case SagaStepParked():
                self._note_failure(event.step, event.error)
                self._end_undo(event.step, StepState.UNDO_PARKED, at)
            case SagaAttemptBegan():
                self._change(event.step, attempt=event.attempt, error="")
                self.status = SagaStatus.RUNNING
                self._take_turn(at)
            case SagaCompensationBegan():
                self._turn_back(event.reason, at)
            case SagaStepUndone():
                self._end_undo(event.step, StepState.UNDONE if event.had_effect else StepState.ABSENT, at)
            case SagaEffectFound():
                self._change(event.step, state=StepState.DONE, result=event.result, tries=0, has_effect=True)
                self.status, self.due_at = SagaStatus.COMPENSATING, at
            case SagaRepaired():
                self._apply_repair(event)
            case SagaCompleted():
                self.status, self.due_at = SagaStatus.COMPLETED, None
            case SagaCompensated():
                self.status, self.due_at = SagaStatus.COMPENSATED, None
            case _:
                super()._apply(event)

    def _apply_repair(self, event: SagaRepaired) -> None:
        match event.direction, event.how:
            case Direction.DO, "retry":
                self.status = SagaStatus.RUNNING
                self._take_turn(event.occurred_at)
            case Direction.DO, _:
                self._change(event.step, state=StepState.SKIPPED)
                self._pass_turn_on(event.occurred_at)
            case _, "retry":
                state = StepState.DONE if self.progress(event.step).has_effect else StepState.CURRENT
                self._change(event.step, state=state, tries=0)
                self.status, self.due_at = SagaStatus.COMPENSATING, event.occurred_at
            case _:
                self._end_undo(event.step, StepState.UNDONE, event.occurred_at)

    def _turn_back(self, reason: str, at: datetime) -> None:
        self.status, self.reason, self.due_at, self.doubt_since = SagaStatus.COMPENSATING, reason, at, at
        for step, progress in zip(self.definition.steps, self.steps, strict=True):
            was_never_called = progress.state is StepState.CURRENT and (step.is_local or step.undo is None)
            self._change(step.name, tries=0, **({"state": StepState.OPEN} if was_never_called else {}))

    def _end_undo(self, step: str, state: StepState, at: datetime) -> None:
        """One step is undone, or given up; the saga rests when all are, and an operator has to look at some."""
        self._change(step, state=state)
        is_parked = any(each.state is StepState.UNDO_PARKED for each in self.steps)
        if is_parked and self._next_undo() is None:
            self.status, self.due_at = SagaStatus.PARKED, None
        else:
            self.status, self.due_at = SagaStatus.COMPENSATING, at

    @property
    def _is_bound_to_go_on(self) -> bool:
        """Whether the time limit doesn't matter any more."""
        return self.is_past_pivot or self.status is SagaStatus.COMPENSATING

    def _note_failure(self, step: str, error: str) -> None:
        self._change(step, tries=self.progress(step).tries + 1, error=error)

    def _pass_turn_on(self, at: datetime) -> None:
        self.status = SagaStatus.RUNNING
        self.position += 1
        self._take_turn(at)

    def _change(self, step: str, **changes: object) -> None:
        place = self._place(step)
        changed = replace(self.steps[place], **changes)  # type: ignore[arg-type]
        self.steps = (*self.steps[:place], changed, *self.steps[place + 1 :])

    def _take_turn(self, at: datetime) -> None:
        """The step at the position is due now, unless that was the last."""
        if self.position < len(self.steps):
            self._change(self.steps[self.position].name, state=StepState.CURRENT, tries=0)
        self.due_at = at

    def _next_undo(self) -> int | None:
        """The last step whose effect stands, or may stand."""
        for place in reversed(range(len(self.steps))):
            has_undo = self.definition.steps[place].undo is not None
            if has_undo and self.steps[place].state in {StepState.CURRENT, StepState.DONE}:
                return place
        return None

    def _place(self, step: str) -> int:
        for place, known in enumerate(self.steps):
            if known.name == step:
                return place
        raise KeyError(f"{self.definition.name} has no step {step}")
