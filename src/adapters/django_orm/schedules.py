"""Schedules on PostgreSQL; one statement each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Final

from adapters.django_orm.tenant_session import SYSTEM_ALIAS, query_of_nobody
from application.ports.schedules import JOB_ERROR_LENGTH_MAX, Plan, ScheduleState, Turn

_PLAN: Final = """
INSERT INTO schedule AS s (name, every, lease)
SELECT * FROM unnest(%s, %s::interval[], %s::interval[]) AS planned (name, every, lease) ORDER BY name
ON CONFLICT (name) DO UPDATE SET every = excluded.every, lease = excluded.lease,
    due_at = least(s.due_at, clock_timestamp() + excluded.every)
WHERE (s.every, s.lease) IS DISTINCT FROM (excluded.every, excluded.lease)
RETURNING 1
"""
_TAKE: Final = """
UPDATE schedule SET fence = fence + 1, leased_until = clock_timestamp() + lease
WHERE name = (
    SELECT name FROM schedule
    WHERE name = ANY(%s) AND due_at <= clock_timestamp()
        AND (leased_until IS NULL OR leased_until <= clock_timestamp())
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING name, fence
"""
_END: Final = """
UPDATE schedule SET due_at = clock_timestamp() + %s, leased_until = NULL, ended_at = clock_timestamp(), error = %s
WHERE name = %s AND fence = %s RETURNING 1
"""
_STATES: Final = """
SELECT name, extract(epoch FROM due_at - clock_timestamp())::float, coalesce(leased_until > clock_timestamp(), false),
    extract(epoch FROM clock_timestamp() - ended_at)::float, error
FROM schedule ORDER BY name
"""


class DjangoSchedules:
    """Schedules, as the system's role."""

    def plan(self, plans: Mapping[str, Plan]) -> None:
        """See the port."""
        columns = (
            list(plans),
            [plan.every for plan in plans.values()],
            [plan.lease for plan in plans.values()],
        )
        query_of_nobody(_PLAN, columns, SYSTEM_ALIAS)

    def take(self, jobs: Collection[str]) -> Turn | None:
        """See the port."""
        rows = query_of_nobody(_TAKE, (list(jobs),), SYSTEM_ALIAS)
        return Turn(*rows[0]) if rows else None

    def end(self, turn: Turn, *, next_in: timedelta, error: str) -> bool:
        """See the port."""
        params = (next_in, error[:JOB_ERROR_LENGTH_MAX], turn.job, turn.fence)
        return bool(query_of_nobody(_END, params, SYSTEM_ALIAS))

    def states(self) -> Sequence[ScheduleState]:
        """See the port."""
        return [
            ScheduleState(job=job, due_in_s=due_in, is_running=is_running, ended_ago_s=ended_ago, error=error)
            for job, due_in, is_running, ended_ago, error in query_of_nobody(_STATES, alias=SYSTEM_ALIAS)
        ]
