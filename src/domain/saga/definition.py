"""What a saga's steps are and how they may fail; a definition that can't be kept is refused when it is made (S6).

Steps before the pivot can be undone, steps after it are repeated until they succeed, and the pivot decides between
the two (H. Garcia-Molina, K. Salem, "Sagas", 1987; C. Richardson, "Microservices Patterns", 2018, chapter 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

STEPS_MAX: Final = 20
DOUBLINGS_MAX: Final = 30
NAME_LENGTH_MAX: Final = 100
"""Of a definition, and of a step."""

_definitions: dict[str, SagaDefinition] = {}


class InvalidDefinition(ValueError):
    """The steps can't be carried out as promised; the message says which rule is broken."""


class StepKind(StrEnum):
    """How a step may end."""

    COMPENSATABLE = "compensatable"
    """It may be refused; once done it can be undone."""
    PIVOT = "pivot"
    """It may be refused; once done there is no way back."""
    RETRIABLE = "retriable"
    """It is repeated until it is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Pauses that double from `first` to `longest`, each shortened at random by up to a half.

    After `tries_max` tries the step is parked for an operator; None: it is tried for as long as the saga may run.
    """

    first: timedelta
    longest: timedelta
    tries_max: int | None

    def __post_init__(self) -> None:
        if not timedelta(0) < self.first <= self.longest or (
            self.tries_max is not None and self.tries_max < 1
        ):
            raise InvalidDefinition(
                "a retry policy needs 0 < first <= longest, and at least one try if there is a limit"
            )

    def pause(self, tries: int, jitter: float) -> timedelta:
        """Before the next try after `tries` that failed (from 1); `jitter` lies in [0, 1)."""
        doublings = min(tries - 1, DOUBLINGS_MAX)
        longest = min(self.first * int(2**doublings), self.longest)
        return longest * (1 - jitter / 2)

    def is_spent(self, tries: int) -> bool:
        """Whether that many failed tries are enough."""
        return self.tries_max is not None and tries >= self.tries_max


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. A local one is carried out inside the transaction that records it, so it is never in doubt."""

    name: str
    kind: StepKind
    retry: RetryPolicy
    undo: RetryPolicy | None = None
    """How its compensation is repeated; None: it has none."""
    is_local: bool = False
    waits_when_refused: bool = False
    """A refusal waits for a further attempt until the saga's deadline, instead of undoing what was done before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaDefinition:
    """Steps in their order. `time_limit`: for everything before the pivot; then what was done is undone (S10)."""

    name: str
    steps: tuple[Step, ...]
    time_limit: timedelta

    def __post_init__(self) -> None:
        if not 1 <= len(self.steps) <= STEPS_MAX:
            raise InvalidDefinition(f"{self.name}: a saga has 1 to {STEPS_MAX} steps")
        if not all(
            1 <= len(name) <= NAME_LENGTH_MAX for name in (self.name, *(step.name for step in self.steps))
        ):
            raise InvalidDefinition(f"{self.name}: names have 1 to {NAME_LENGTH_MAX} characters")
        if len({step.name for step in self.steps}) < len(self.steps):
            raise InvalidDefinition(f"{self.name}: two steps have the same name")
        if self.time_limit <= timedelta(0):
            raise InvalidDefinition(f"{self.name}: the time limit must be above 0")
        self._require_order()
        for step in self.steps:
            self._require_sound(step)

        known = _definitions.setdefault(self.name, self)
        if known != self:
            raise InvalidDefinition(
                f"two sagas are called {self.name}; a changed one needs a name of its own"
            )

    @property
    def pivot(self) -> int:
        """The place of the pivot, or of the first retriable step if there is no pivot; else the number of steps."""
        for place, step in enumerate(self.steps):
            if step.kind is not StepKind.COMPENSATABLE:
                return place
        return len(self.steps)

    def _require_order(self) -> None:
        kinds = [step.kind for step in self.steps]
        if kinds.count(StepKind.PIVOT) > 1:
            raise InvalidDefinition(f"{self.name}: a saga has one pivot at most")
        order = list(StepKind)
        if kinds != sorted(kinds, key=order.index):
            raise InvalidDefinition(
                f"{self.name}: first come the steps that can be undone, then the pivot, then those that can't be "
                "refused; nothing after the pivot may be refused"
            )

    def _require_sound(self, step: Step) -> None:
        if (step.kind is StepKind.COMPENSATABLE) != (step.undo is not None):
            raise InvalidDefinition(
                f"{self.name}: {step.name} is {step.kind.value}; a compensation belongs to each compensatable step, "
                "and to no other"
            )
        if step.waits_when_refused and step.kind is not StepKind.COMPENSATABLE:
            raise InvalidDefinition(f"{self.name}: {step.name} can't wait for a further attempt")
        if step.kind is StepKind.COMPENSATABLE and step.retry.tries_max is not None:
            raise InvalidDefinition(
                f"{self.name}: {step.name} is tried until the time limit, which undoes what was done; it is not parked"
            )


def definition_called(name: str) -> SagaDefinition:
    """The definition that a stored saga follows. Raises LookupError if this code has none of that name."""
    try:
        return _definitions[name]
    except KeyError:
        raise LookupError(f"no saga is called {name} here") from None
