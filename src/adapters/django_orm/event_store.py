"""The log of events on PostgreSQL, in an order that no interleaving of commits can break.

docs/decisions/0001-event-order.md says why a reader that goes on from its last position misses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS

from adapters.django_orm.event_rows import COLUMNS, recorded_event
from adapters.django_orm.pending_writes import PendingWrites
from adapters.django_orm.tenant_session import TenantSession, query_of_nobody
from application.ports.event_store import EVENTS_READ_MAX, HeldBack, RecordedEvent
from domain.event import Event

_STREAM = (
    f"SELECT {COLUMNS} FROM event"  # noqa: S608 - constants
    " WHERE tenant_id = %s AND stream_id = %s AND version > %s ORDER BY version LIMIT %s"
)
_LOG = (
    f"SELECT {COLUMNS} FROM event"  # noqa: S608 - constants
    " WHERE tenant_id = %s AND position > %s AND position <= %s ORDER BY position LIMIT %s"
)


class DjangoEventStore:
    """EventStore; reads in statements of their own, in an order that matters."""

    def __init__(self, session: TenantSession, tenant_id: UUID, writes: PendingWrites) -> None:
        self._session, self._tenant_id, self._writes = session, tenant_id, writes

    def append(self, kind: str, stream_id: UUID, expected_version: int, events: Sequence[Event]) -> None:
        """See the port."""
        self._writes.append(kind, stream_id, expected_version, events)

    def stream(
        self, stream_id: UUID, *, after_version: int = 0, limit: int = EVENTS_READ_MAX
    ) -> Sequence[RecordedEvent]:
        """See the port."""
        rows = self._session.query(_STREAM, (self._tenant_id, stream_id, after_version, _bounded(limit)))
        return [recorded_event(row) for row in rows]

    def read(self, after_position: int, limit: int = EVENTS_READ_MAX) -> Sequence[RecordedEvent]:
        """See the port.

        `safe_event_position` reads the last position drawn, then the lowest ticket, as two statements; the
        events come after both, with a snapshot of their own. In one statement the snapshot would be older
        than the bound, and events below it could be missed.
        """
        ((safe_position,),) = self._session.query("SELECT safe_event_position()")
        if safe_position <= after_position:
            return []
        rows = self._session.query(_LOG, (self._tenant_id, after_position, safe_position, _bounded(limit)))
        return [recorded_event(row) for row in rows]


def reader_held_back_by() -> HeldBack | None:
    """The transaction that holds readers back; None if nothing does. Raises StoreUnavailable (E4)."""
    return next(iter(held_back_by()), None)


def held_back_by(alias: str = DEFAULT_DB_ALIAS) -> tuple[HeldBack, ...]:
    """The open appending transactions of the whole database, the one that holds readers back first (E4)."""
    rows = query_of_nobody(
        "SELECT t.pid, coalesce(a.usename, ''), t.ticket,"
        " extract(epoch FROM clock_timestamp() - a.xact_start)::float"
        " FROM event_tickets() t LEFT JOIN pg_stat_activity a ON a.pid = t.pid ORDER BY t.ticket, t.pid",
        alias=alias,
    )
    return tuple(HeldBack(*row) for row in rows)


def _bounded(limit: int) -> int:
    return max(0, min(limit, EVENTS_READ_MAX))
