"""When work that comes from no caller is due, and which process does it.

Each schedule is one row with a lease: any number of schedulers may run, and one of them has a schedule at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

JOB_ERROR_LENGTH_MAX: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How often a job runs, counted from the end of one run to the start of the next, and how long a run may take.

    A scheduler that has run a job for longer than `lease` counts as dead: another takes the job over.
    """

    every: timedelta
    lease: timedelta


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to run a job now; `fence` rises with each turn, and who bears an older one has lost it."""

    job: str
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleState:
    """What is known of a job."""

    job: str
    due_in_s: float
    """Seconds until it is due; negative: overdue, or running."""
    is_running: bool
    ended_ago_s: float | None
    """Seconds since the last run ended; None before the first."""
    error: str
    """Why the last run failed; empty if it didn't."""


class Schedules(Protocol):
    """Each method is a transaction of its own; times are the store's. Raises StoreUnavailable."""

    def plan(self, plans: Mapping[str, Plan]) -> None:
        """Take these jobs up. A new one is due at once; a known one at its time, or sooner by its new interval."""
        ...

    def take(self, jobs: Collection[str]) -> Turn | None:
        """The turn of the one of these jobs that has been due the longest, for its lease; None if none is free."""
        ...

    def end(self, turn: Turn, *, next_in: timedelta, error: str) -> bool:
        """Give the turn back; false, and nothing is changed, if another scheduler has taken it over."""
        ...

    def states(self) -> Sequence[ScheduleState]:
        """Every job, by name."""
        ...
