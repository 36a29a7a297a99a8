"""What can happen to a saga: its journal (S12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar
from uuid import UUID

from domain.event import REDACTED, Event, event


@event("saga.started")
@dataclass(frozen=True, slots=True, kw_only=True)
class SagaStarted(Event):
    """Its first step is due. `subject_id`: what it is about, which it holds until it ends (S13)."""

    definition: str
    subject_id: UUID
    deadline_at: datetime


@event("saga.step_succeeded")
@dataclass(frozen=True, slots=True, kw_only=True)
class SagaStepSucceeded(Event):
    """The step is done, and the next one is due at once."""

    step: str
    attempt: int
    result: str


@event("saga.step_refused")
@dataclass(frozen=True, slots=True, kw_only=True)
class SagaStepRefused(Event):
    """This attempt at the step is over."""

    step: str
    attempt: int
    reason: str


@event("saga.step_put_off")
@dataclass(frozen=True, slots=True, kw_only=True)
class SagaStepPutOff(Event):
    """A try failed, or gave no clear answer; the next one is due at `due_at`. `direction`: "do" or "undo".

    `error` may quote what was asked.
    """

    personal: ClassVar = MappingProxyType({"error": REDACTED})

    step: str
    attempt: int
    direction: str
    error: str
    is_unclear: bool
    due_at: datetime


@event("saga.step_parked")
@dataclass(frozen=True, slots=True, kw_only=True)
class SagaStepParked(Event):
    """No further try is made until an operator decides."""

    personal: ClassVar = MappingProxyType({"error": REDACTED})

    step: str
    attempt: int
    direction: str
    error: str


@event("saga.attempt_began")
@dataclass(frozen=True, slots=True, kw_only=True)
class SagaAttemptBegan(Event):
    """After a refusal the step is tried anew, under other keys and perhaps by other means."""

    step: str
    attempt: int


@event("saga.compensation_began")
@dataclass(frozen=True, slots=True, kw_only=True)
class SagaCompensationBegan(Event):
    """What was done, or may have been, is undone in reverse order."""

    personal: ClassVar = MappingProxyType({"reason": REDACTED})

    reason: str


@event("saga.step_undone")
@dataclass(frozen=True, slots=True, kw_only=True)
class SagaStepUndone(Event):
    """Its effect is undone; or it never had one, if `had_effect` is false."""

    step: str
    attempt: int
    had_effect: bool


@event("saga.effect_found")
@dataclass(frozen=True, slots=True, kw_only=True)
class SagaEffectFound(Event):
    """While or after everything was undone, the step turned out to have been carried out: it is undone as well (S9)."""

    step: str
    attempt: int
    result: str


@event("saga.repaired")
@dataclass(frozen=True, slots=True, kw_only=True)
class SagaRepaired(Event):
    """An operator let a parked step be tried again ("retry"), or take it as done or undone ("skip")."""

    personal: ClassVar = MappingProxyType({"reason": REDACTED})

    step: str
    direction: str
    how: str
    operator: str
    reason: str


@event("saga.completed")
@dataclass(frozen=True, slots=True, kw_only=True)
class SagaCompleted(Event):
    """All steps are done."""


@event("saga.compensated")
@dataclass(frozen=True, slots=True, kw_only=True)
class SagaCompensated(Event):
    """Nothing of what it did is left."""
