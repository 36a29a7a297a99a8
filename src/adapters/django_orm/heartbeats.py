"""Heartbeats on PostgreSQL; one statement each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from adapters.django_orm.tenant_session import query_of_nobody
from application.ports.heartbeats import RoleProcess, Sighting

_BEAT: Final = """
INSERT INTO role_process (id, role, host, pid, started_at, seen_at) VALUES (%s, %s, %s, %s, %s, clock_timestamp())
ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp() RETURNING 1
"""
_LEAVE: Final = "DELETE FROM role_process WHERE id = %s RETURNING 1"
_SIGHTINGS: Final = """
SELECT id, role, host, pid, started_at, extract(epoch FROM clock_timestamp() - seen_at)::float
FROM role_process ORDER BY role, started_at, id
"""
_FORGET: Final = "DELETE FROM role_process WHERE seen_at < clock_timestamp() - %s RETURNING 1"


class DjangoHeartbeats:
    """Heartbeats, as the application's role."""

    def beat(self, process: RoleProcess) -> None:
        """See the port."""
        params = (process.id, process.role, process.host, process.pid, process.started_at)
        query_of_nobody(_BEAT, params)

    def leave(self, process: RoleProcess) -> None:
        """See the port."""
        query_of_nobody(_LEAVE, (process.id,))

    def sightings(self) -> Sequence[Sighting]:
        """See the port."""
        return [
            Sighting(
                process=RoleProcess(id=id_, role=role, host=host, pid=pid, started_at=started_at),
                seen_ago_s=seen_ago,
            )
            for id_, role, host, pid, started_at, seen_ago in query_of_nobody(_SIGHTINGS)
        ]

    def forget(self, unseen_for: timedelta) -> int:
        """See the port."""
        return len(query_of_nobody(_FORGET, (unseen_for,)))
