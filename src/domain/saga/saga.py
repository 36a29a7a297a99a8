"""The saga: what was done, what is due next, what follows from each reply. It knows no order and no payment."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from domain.errors import Conflict, RuleViolation
from domain.saga.definition import SagaDefinition, StepKind
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
from domain.saga.outcome import NothingFound, Outcome, StepDone, StepFailed, StepRefused, StepUnclear
from domain.saga.progress import Action, Direction, Directive, SagaStatus, StepState
from domain.saga.saga_state import SagaState
from domain.text import require_text

TEXT_LENGTH_MAX: Final = 500
"""Of reasons and errors; longer ones are cut."""
TOO_LATE: Final = "the time limit has passed"


class PastThePivot(Conflict):
    """It can't be called back any more: {step} has begun."""


class SagaEnded(Conflict):
    """It is being undone already, or has ended: it is {status}."""


class SagaNotWaiting(RuleViolation):
    """A further attempt is possible only while a refused step waits for one; the saga is {status}."""


class StepNotParked(RuleViolation):
    """The step {step} isn't parked; only a parked one can be repaired."""


class StepNotSkippable(RuleViolation):
    """The step {step} can't be skipped: later steps rely on its having been carried out."""


class Saga(SagaState):
    """Decides what is due, and what a reply means."""

    @classmethod
    def start(cls, definition: SagaDefinition, *, id: UUID, subject_id: UUID, at: datetime) -> Saga:
        """Begin; the first step is due at once."""
        saga = cls(id)
        saga._record(
            SagaStarted(
                occurred_at=at,
                definition=definition.name,
                subject_id=subject_id,
                deadline_at=at + definition.time_limit,
            )
        )
        return saga

    def is_local(self, step: str) -> bool:
        """Whether the step needs no call to the outside."""
        return self.definition.steps[self._place(step)].is_local

    def next(self, at: datetime) -> Directive:
        """What is due at that time."""
        if self.due_at is None:
            return Directive(action=Action.REST)
        if self.due_at > at:
            return Directive(action=Action.WAIT, until=self.due_at)
        if self.status is SagaStatus.COMPENSATING:
            step = self.steps[self._undo_place]
            action = Action.ASK if step.state is StepState.CURRENT else Action.UNDO
            return Directive(action=action, step=step.name, attempt=step.attempt, result=step.result)
        if not self.is_past_pivot and at >= self.deadline_at:
            return Directive(action=Action.EXPIRE)
        step = self.steps[self.position]
        return Directive(action=Action.DO, step=step.name, attempt=step.attempt)

    def hear(
        self,
        step: str,
        attempt: int,
        direction: Direction,
        outcome: Outcome,
        *,
        at: datetime,
        jitter: float,
    ) -> bool:
        """Take a reply in; false if it comes too late, or again, and changes nothing (S9).

        `jitter` in [0, 1) shortens the pause before the next try.
        """
        place = self._place(step)
        progress = self.steps[place]
        if attempt != progress.attempt:
            return False
        if direction is Direction.UNDO:
            return self._hear_undo(place, outcome, at, jitter)
        if place == self.position and progress.state in {StepState.CURRENT, StepState.PARKED}:
            ends_the_wait = isinstance(outcome, (StepDone, StepRefused))
            if self.status is SagaStatus.RUNNING or (self.status is SagaStatus.PARKED and ends_the_wait):
                self._hear_in_turn(place, outcome, at, jitter)
                return True
        return self._hear_while_undoing(place, outcome, at)

    def hear_answer(self, step: str, attempt: int, outcome: Outcome, *, at: datetime, jitter: float) -> bool:
        """Take in what ASK has found; false if that is no question any more."""
        place = self._place(step)
        progress = self.steps[place]
        is_open = (
            self.status is SagaStatus.COMPENSATING
            and place == self._undo_place
            and progress.state is StepState.CURRENT
            and progress.attempt == attempt
        )
        if not is_open:
            return False
        match outcome:
            case StepDone() | StepRefused():
                return self._hear_while_undoing(place, outcome, at)
            case NothingFound(settle=settle):
                final_at = (self.doubt_since or at) + settle
                if at >= final_at:
                    self._undone(place, at, had_effect=False)
                else:
                    self._put_off(
                        place, Direction.UNDO, "nothing is found yet", final_at, at, is_unclear=True
                    )
            case StepFailed(error=error) | StepUnclear(error=error):
                self._failed(place, Direction.UNDO, error, at, jitter, is_unclear=True)
        return True

    def hear_late(self, step: str, attempt: int, outcome: Outcome, *, at: datetime) -> bool:
        """A reply of a step forward from somebody who doesn't hold the saga; false if it changes nothing.

        It counts only while or after everything was undone, and only if it ends a doubt.
        """
        place = self._place(step)
        return attempt == self.steps[place].attempt and self._hear_while_undoing(place, outcome, at)

    def expire(self, *, at: datetime) -> None:
        """The time limit has passed before the pivot: undo what was done (S10)."""
        self._compensate(TOO_LATE, at)

    def cancel(self, *, reason: str, at: datetime) -> None:
        """Undo what was done. Raises PastThePivot, SagaEnded (S11)."""
        require_text("reason", reason, length_max=TEXT_LENGTH_MAX)
        if self.reason is not None:
            raise SagaEnded(status=self.status.value)
        if self.is_past_pivot:
            raise PastThePivot(step=self.definition.steps[self.definition.pivot].name)
        self._compensate(reason, at)

    def try_anew(self, *, at: datetime) -> int:
        """Begin a further attempt at the step that was refused; its number. Raises SagaNotWaiting."""
        if self.status is not SagaStatus.WAITING or at >= self.deadline_at:
            raise SagaNotWaiting(status=self.status.value)
        step = self.steps[self.position]
        self._record(SagaAttemptBegan(occurred_at=at, step=step.name, attempt=step.attempt + 1))
        return step.attempt + 1

    def retry(self, step: str, *, operator: str, reason: str, at: datetime) -> None:
        """Let a parked step be tried again at once. Raises StepNotParked (S12)."""
        self._repair(step, "retry", operator, reason, at)

    def skip(self, step: str, *, operator: str, reason: str, at: datetime) -> None:
        """Take a parked step as carried out, or as undone. Raises StepNotParked, StepNotSkippable (S12)."""
        place = self._place(step)
        kind = self.definition.steps[place].kind
        if self.steps[place].state is StepState.PARKED and kind is not StepKind.RETRIABLE:
            raise StepNotSkippable(step=step)
        self._repair(step, "skip", operator, reason, at)
        if self.status is SagaStatus.RUNNING and self.position == len(self.steps):
            self._record(SagaCompleted(occurred_at=at))
        elif self.status is SagaStatus.COMPENSATING:
            self._end_if_undone(at)

    def _hear_in_turn(self, place: int, outcome: Outcome, at: datetime, jitter: float) -> None:
        step, progress = self.definition.steps[place], self.steps[place]
        match outcome:
            case StepDone(result=result):
                self._record(
                    SagaStepSucceeded(occurred_at=at, step=step.name, attempt=progress.attempt, result=result)
                )
                if self.position == len(self.steps):
                    self._record(SagaCompleted(occurred_at=at))
            case StepRefused(reason=reason) if step.kind is not StepKind.RETRIABLE:
                reason = reason[:TEXT_LENGTH_MAX]
                self._record(
                    SagaStepRefused(occurred_at=at, step=step.name, attempt=progress.attempt, reason=reason)
                )
                if self.status is not SagaStatus.WAITING:
                    self._compensate(reason, at)
            case StepRefused(reason=reason):
                self._park(place, Direction.DO, f"refused, which it must not be: {reason}", at)
            case StepFailed(error=error):
                self._failed(place, Direction.DO, error, at, jitter, is_unclear=False)
            case StepUnclear(error=error):
                self._failed(place, Direction.DO, error, at, jitter, is_unclear=True)
            case NothingFound():
                raise TypeError("nothing was asked")

    def _hear_while_undoing(self, place: int, outcome: Outcome, at: datetime) -> bool:
        """A reply of a step forward that nobody waits for any more: its effect, if there is one, is undone."""
        progress = self.steps[place]
        if self.definition.steps[place].undo is None or self.status not in {
            SagaStatus.COMPENSATING,
            SagaStatus.COMPENSATED,
            SagaStatus.PARKED,
        }:
            return False
        if isinstance(outcome, StepDone) and (progress.is_in_doubt or progress.state is StepState.ABSENT):
            self._record(
                SagaEffectFound(
                    occurred_at=at, step=progress.name, attempt=progress.attempt, result=outcome.result
                )
            )
            return True
        if isinstance(outcome, StepRefused) and progress.is_in_doubt:
            self._undone(place, at, had_effect=False)
            return True
        return False

    def _hear_undo(self, place: int, outcome: Outcome, at: datetime, jitter: float) -> bool:
        is_its_turn = self.status is SagaStatus.COMPENSATING and place == self._undo_place
        if not is_its_turn or self.steps[place].state is not StepState.DONE:
            return False
        match outcome:
            case StepDone():
                self._undone(place, at, had_effect=True)
            case StepRefused(reason=reason):
                self._park(place, Direction.UNDO, f"refused: {reason}", at)
            case StepFailed(error=error):
                self._failed(place, Direction.UNDO, error, at, jitter, is_unclear=False)
            case StepUnclear(error=error):
                self._failed(place, Direction.UNDO, error, at, jitter, is_unclear=True)
            case NothingFound():
                raise TypeError("nothing was asked")
        return True

    def _failed(
        self, place: int, direction: Direction, error: str, at: datetime, jitter: float, *, is_unclear: bool
    ) -> None:
        step, tries = self.definition.steps[place], self.steps[place].tries + 1
        policy = step.undo if direction is Direction.UNDO and step.undo is not None else step.retry
        if policy.is_spent(tries):
            self._park(place, direction, error, at)
        else:
            self._put_off(
                place, direction, error, at + policy.pause(tries, jitter), at, is_unclear=is_unclear
            )

    def _put_off(
        self,
        place: int,
        direction: Direction,
        error: str,
        due_at: datetime,
        at: datetime,
        *,
        is_unclear: bool,
    ) -> None:
        progress = self.steps[place]
        self._record(
            SagaStepPutOff(
                occurred_at=at,
                step=progress.name,
                attempt=progress.attempt,
                direction=direction.value,
                error=error[:TEXT_LENGTH_MAX],
                is_unclear=is_unclear,
                due_at=due_at,
            )
        )

    def _park(self, place: int, direction: Direction, error: str, at: datetime) -> None:
        progress = self.steps[place]
        self._record(
            SagaStepParked(
                occurred_at=at,
                step=progress.name,
                attempt=progress.attempt,
                direction=direction.value,
                error=error[:TEXT_LENGTH_MAX],
            )
        )

    def _undone(self, place: int, at: datetime, *, had_effect: bool) -> None:
        progress = self.steps[place]
        self._record(
            SagaStepUndone(
                occurred_at=at, step=progress.name, attempt=progress.attempt, had_effect=had_effect
            )
        )
        self._end_if_undone(at)

    def _compensate(self, reason: str, at: datetime) -> None:
        self._record(SagaCompensationBegan(occurred_at=at, reason=reason))
        self._end_if_undone(at)

    def _end_if_undone(self, at: datetime) -> None:
        if self.status is SagaStatus.COMPENSATING and self._next_undo() is None:
            self._record(SagaCompensated(occurred_at=at))

    def _repair(self, step: str, how: str, operator: str, reason: str, at: datetime) -> None:
        require_text("reason", reason, length_max=TEXT_LENGTH_MAX)
        state = self.progress(step).state
        if state not in {StepState.PARKED, StepState.UNDO_PARKED}:
            raise StepNotParked(step=step)
        direction = Direction.DO if state is StepState.PARKED else Direction.UNDO
        self._record(
            SagaRepaired(
                occurred_at=at,
                step=step,
                direction=direction.value,
                how=how,
                operator=operator,
                reason=reason,
            )
        )

    @property
    def _undo_place(self) -> int:
        place = self._next_undo()
        if place is None:
            raise RuntimeError("a saga that is being undone has something to undo")
        return place
