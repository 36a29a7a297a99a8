"""Heartbeats in memory."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from application.ports.clock import Clock
from application.ports.heartbeats import RoleProcess, Sighting


class InMemoryHeartbeats:
    """Heartbeats of one process. Safe to share between threads."""

    def __init__(self, *, now: Clock) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._seen: dict[UUID, tuple[RoleProcess, datetime]] = {}

    def beat(self, process: RoleProcess) -> None:
        """See the port."""
        with self._lock:
            self._seen[process.id] = process, self._now()

    def leave(self, process: RoleProcess) -> None:
        """See the port."""
        with self._lock:
            self._seen.pop(process.id, None)

    def sightings(self) -> Sequence[Sighting]:
        """See the port."""
        with self._lock:
            at = self._now()
            ordered = sorted(
                self._seen.values(), key=lambda seen: (seen[0].role, seen[0].started_at, seen[0].id)
            )
            return [
                Sighting(process=process, seen_ago_s=(at - seen_at).total_seconds())
                for process, seen_at in ordered
            ]

    def forget(self, unseen_for: timedelta) -> int:
        """See the port."""
        with self._lock:
            at = self._now()
            lost = [id_ for id_, (_, seen_at) in self._seen.items() if at - seen_at > unseen_for]
            for id_ in lost:
                del self._seen[id_]
            return len(lost)
