"""What must work for the service to be ready."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class NotFit(Exception):
    """Something that the service stands on is not as it must be; the message says what to do."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check: `problem` is None when it passed; `required` says whether requests fail without it."""

    name: str
    required: bool
    problem: str | None


class ReadinessCheck(Protocol):
    """Looks at one dependency, within a bound of a few seconds, and never raises."""

    def __call__(self) -> CheckResult: ...
