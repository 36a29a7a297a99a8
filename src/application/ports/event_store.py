"""The log of everything that happened: streams by aggregate, and one global order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from domain.event import Event

EVENTS_READ_MAX: Final = 1_000
"""The most events that one read returns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """An event as it is stored, with where it stands and who caused it (E7)."""

    position: int
    """The place in the global order; unique, rising, with gaps."""
    event_id: UUID
    tenant_id: UUID
    stream_kind: str
    stream_id: UUID
    version: int
    """The place in the stream: 1, 2, 3, …"""
    actor: str
    correlation_id: str
    causation_id: str
    traceparent: str | None
    event: Event


class EventStore(Protocol):
    """Events of the unit of work's tenant. Stored events are never changed or removed (E8)."""

    def append(self, kind: str, stream_id: UUID, expected_version: int, events: Sequence[Event]) -> None:
        """Enlist events to follow `expected_version` in their stream; written by the unit of work's `flush`.

        Repositories do this for the aggregates that they save. `flush` raises StaleObjectError, and nothing is
        written, if the stream stands at another version (E2).
        """
        ...

    def stream(
        self, stream_id: UUID, *, after_version: int = 0, limit: int = EVENTS_READ_MAX
    ) -> Sequence[RecordedEvent]:
        """Up to `limit` events of one stream above `after_version`, in version order; empty if there are none."""
        ...

    def read(self, after_position: int, limit: int = EVENTS_READ_MAX) -> Sequence[RecordedEvent]:
        """Up to `limit` of the tenant's events above `after_position`, in position order.

        Never returns an event while a lower position may still commit, so a reader that goes on from the last
        position it got misses nothing, for any interleaving of commits and rollbacks (E3). No appender waits for
        a reader or for another appender. An appender that stays open holds readers back, and only as long as it
        stays open (E4).
        """
        ...


@dataclass(frozen=True, slots=True)
class HeldBack:
    """An open transaction that readers wait for: none of them passes `position` before it ends."""

    pid: int
    """Its server process, for pg_terminate_backend."""
    role: str
    position: int
    age_s: float | None
    """Since its transaction began; None where this role may not know, that is for another role's sessions."""
