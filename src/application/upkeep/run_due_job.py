"""Run the job that is due, if this process gets its turn."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from application.ports.schedules import JOB_ERROR_LENGTH_MAX, Plan, Schedules

TRY_AGAIN_AFTER: Final = timedelta(minutes=1)
"""A run that failed is repeated after this, or after the job's own interval if that is shorter."""

_log: Final = logging.getLogger("holdwater.scheduler")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work that may be stopped at any time and run again; `run` returns true if it left something for another run."""

    plan: Plan
    run: Callable[[], bool]


@dataclass(frozen=True)
class RunDueJobHandler:
    """One job a call. A scheduler that dies leaves its turn to run out; then another goes on."""

    schedules: Schedules
    jobs: Mapping[str, Job]

    def plan(self) -> None:
        """Take the jobs up. Raises StoreUnavailable."""
        self.schedules.plan({name: job.plan for name, job in self.jobs.items()})

    def handle(self) -> bool:
        """Whether a job was due and was run, well or not. Raises StoreUnavailable."""
        turn = self.schedules.take(tuple(self.jobs))
        if turn is None:
            return False
        job, error, has_more = self.jobs[turn.job], "", False
        try:
            has_more = job.run()
        except Exception as failure:  # noqa: BLE001 - one job's failure stops no other
            _log.exception("the job %s failed", turn.job)
            error = f"{type(failure).__name__}: {failure}"[:JOB_ERROR_LENGTH_MAX]
        next_in = min(TRY_AGAIN_AFTER, job.plan.every) if error else job.plan.every
        if not self.schedules.end(turn, next_in=timedelta(0) if has_more else next_in, error=error):
            _log.warning("the job %s took longer than its lease; another scheduler has it", turn.job)
        return True
