"""The words of a saga: how far it is, how far each step is, and what it wants next."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID


class SagaStatus(StrEnum):
    """How far a saga has come."""

    RUNNING = "running"
    WAITING = "waiting"
    """A step was refused; a further attempt, or the deadline, goes on."""
    COMPENSATING = "compensating"
    PARKED = "parked"
    """An operator has to decide."""
    COMPLETED = "completed"
    COMPENSATED = "compensated"


_CALL_KEY: Final = re.compile(
    r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):([a-z_]+)\.([1-9][0-9]{0,8}):(do|undo)", re.ASCII
)

ENDED: Final = frozenset({SagaStatus.COMPLETED, SagaStatus.COMPENSATED})


class StepState(StrEnum):
    """What is known of one step."""

    OPEN = "open"
    CURRENT = "current"
    """It is its turn; it may have been carried out already."""
    DONE = "done"
    REFUSED = "refused"
    PARKED = "parked"
    SKIPPED = "skipped"
    UNDONE = "undone"
    ABSENT = "absent"
    """There was nothing to undo."""
    UNDO_PARKED = "undo_parked"


class Direction(StrEnum):
    """Towards the end, or back."""

    DO = "do"
    UNDO = "undo"


class Action(StrEnum):
    """What a saga wants next."""

    DO = "do"
    UNDO = "undo"
    ASK = "ask"
    """Find out by its key whether the step was carried out, before it can be undone (S4)."""
    EXPIRE = "expire"
    WAIT = "wait"
    REST = "rest"
    """Nothing, until a caller or an operator wants something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProgress:
    """One step. `tries`: that failed since it was last its turn, in the present direction."""

    name: str
    state: StepState = StepState.OPEN
    attempt: int = 1
    tries: int = 0
    result: str = ""
    error: str = ""
    has_effect: bool = False
    """Whether it is known to have been carried out, at any time."""

    @property
    def is_in_doubt(self) -> bool:
        """Whether it may have been carried out without our knowing."""
        return not self.has_effect and self.state in {StepState.CURRENT, StepState.UNDO_PARKED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    """What is to be done now; `until` for WAIT alone."""

    action: Action
    step: str = ""
    attempt: int = 0
    result: str = ""
    """Of the step, for UNDO."""
    until: datetime | None = None


def call_key(saga_id: UUID, step: str, attempt: int, direction: Direction) -> str:
    """The key of an outside effect, the same on every try (S3)."""
    return f"{saga_id}:{step}.{attempt}:{direction}"


@dataclass(frozen=True, slots=True)
class CallKey:
    """What a key names."""

    saga_id: UUID
    step: str
    attempt: int
    direction: Direction


def parse_call_key(key: str) -> CallKey | None:
    """What `call_key` made it of; None if it made no such key."""
    found = _CALL_KEY.fullmatch(key)
    return found and CallKey(UUID(found[1]), found[2], int(found[3]), Direction(found[4]))
