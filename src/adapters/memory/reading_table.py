"""The committed readings in memory, and what one transaction adds to them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.telemetry.batch import Reject

HOUR_US: Final = 3_600_000_000

ReadingKey = tuple[UUID, int, int]
"""Tenant, series, time in microseconds."""


@dataclass(frozen=True, slots=True)
class KeptReject:
    """A row of the reject store."""

    tenant_id: UUID
    id: UUID
    reject: Reject
    request_id: str
    created_at: datetime
    replayed_at: datetime | None = None


@dataclass
class AddedReadings:
    """What one transaction adds."""

    values: dict[ReadingKey, float] = field(default_factory=dict)
    rejects: list[KeptReject] = field(default_factory=list)
    replayed: dict[UUID, datetime] = field(default_factory=dict)
    """When each reject was replayed."""

    def clear(self) -> None:
        """Nothing, after all."""
        self.values.clear()
        self.rejects.clear()
        self.replayed.clear()


class ReadingTable:
    """Each method is one step under the database's latch, or reads one entry."""

    def __init__(self) -> None:
        self.values: dict[ReadingKey, float] = {}
        self.marks: list[tuple[UUID, int, int]] = []
        """Tenant, series, first microsecond of the hour."""
        self.latest: dict[tuple[UUID, int], tuple[int, float]] = {}
        self.rejects: dict[UUID, KeptReject] = {}

    def value(self, key: ReadingKey) -> float | None:
        """The committed value."""
        return self.values.get(key)

    def commit(self, added: AddedReadings) -> None:
        """Readings, marks, latest values and rejects at once."""
        self.values |= added.values
        marked = {
            (tenant_id, series_id, time - time % HOUR_US) for tenant_id, series_id, time in added.values
        }
        self.marks.extend(sorted(marked))
        for (tenant_id, series_id, time), value in added.values.items():
            known = self.latest.get((tenant_id, series_id))
            if known is None or known[0] < time:
                self.latest[tenant_id, series_id] = (time, value)
        self.rejects |= {kept.id: kept for kept in added.rejects}
        for reject_id, at in added.replayed.items():
            self.rejects[reject_id] = replace(self.rejects[reject_id], replayed_at=at)

    def drop_rejects(self, before: datetime, limit: int) -> int:
        """Forget up to `limit` of those that were made before then, oldest first; how many."""
        old = sorted((kept.created_at, kept.id) for kept in self.rejects.values() if kept.created_at < before)
        for _, reject_id in old[:limit]:
            del self.rejects[reject_id]
        return len(old[:limit])
