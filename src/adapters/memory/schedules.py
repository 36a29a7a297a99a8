"""Schedules in memory."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from application.ports.clock import Clock
from application.ports.schedules import JOB_ERROR_LENGTH_MAX, Plan, ScheduleState, Turn


@dataclass
class _Row:
    plan: Plan
    due_at: datetime
    leased_until: datetime | None = None
    fence: int = 0
    ended_at: datetime | None = None
    error: str = ""

    def is_running(self, at: datetime) -> bool:
        return self.leased_until is not None and self.leased_until > at


class InMemorySchedules:
    """Schedules of one process. Safe to share between threads."""

    def __init__(self, *, now: Clock) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._rows: dict[str, _Row] = {}

    def plan(self, plans: Mapping[str, Plan]) -> None:
        """See the port."""
        with self._lock:
            at = self._now()
            for job, plan in plans.items():
                row = self._rows.setdefault(job, _Row(plan, at))
                if row.plan != plan:
                    row.plan, row.due_at = plan, min(row.due_at, at + plan.every)

    def take(self, jobs: Collection[str]) -> Turn | None:
        """See the port."""
        with self._lock:
            at = self._now()
            free = [
                (row.due_at, job)
                for job, row in self._rows.items()
                if job in jobs and row.due_at <= at and not row.is_running(at)
            ]
            if not free:
                return None
            job = min(free)[1]
            row = self._rows[job]
            row.fence += 1
            row.leased_until = at + row.plan.lease
            return Turn(job, row.fence)

    def end(self, turn: Turn, *, next_in: timedelta, error: str) -> bool:
        """See the port."""
        with self._lock:
            row, at = self._rows[turn.job], self._now()
            if row.fence != turn.fence:
                return False
            row.due_at, row.leased_until, row.ended_at = at + next_in, None, at
            row.error = error[:JOB_ERROR_LENGTH_MAX]
            return True

    def states(self) -> Sequence[ScheduleState]:
        """See the port."""
        with self._lock:
            at = self._now()
            return [
                ScheduleState(
                    job=job,
                    due_in_s=(row.due_at - at).total_seconds(),
                    is_running=row.is_running(at),
                    ended_ago_s=None if row.ended_at is None else (at - row.ended_at).total_seconds(),
                    error=row.error,
                )
                for job, row in sorted(self._rows.items())
            ]
