"""What can come of carrying a step out, of undoing it, or of asking what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class StepDone:
    """Carried out. `result`: what later steps, or the compensation, must know of it, such as a payment's number."""

    result: str = ""


@dataclass(frozen=True, slots=True)
class StepRefused:
    """It will not be carried out, however often it is tried."""

    reason: str


@dataclass(frozen=True, slots=True)
class StepFailed:
    """This try had no lasting effect, or can be repeated under its key as if it had none."""

    error: str


@dataclass(frozen=True, slots=True)
class StepUnclear:
    """It may have been carried out or not (S4)."""

    error: str


@dataclass(frozen=True, slots=True)
class NothingFound:
    """Asked, and nobody knows of it. `settle`: how long after a call its effect may still appear."""

    settle: timedelta


Outcome = StepDone | StepRefused | StepFailed | StepUnclear | NothingFound
