"""Messages on PostgreSQL: claimed, settled, put off, parked and replayed by one statement each.

docs/decisions/0011-outbox.md says why one row is outbox and inbox, and why no order can be lost.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from adapters.django_orm.event_rows import COLUMNS, recorded_event
from adapters.django_orm.message_lag import lag_of_all_tenants
from adapters.django_orm.tenant_session import SYSTEM_ALIAS, TenantSession, query_of_nobody, query_once
from application.ports.outbox import (
    CLAIM_LEASE_S,
    ERROR_LENGTH_MAX,
    WAKE_AGAIN_AFTER_S,
    ClaimLost,
    ConsumerLag,
    DeadLetter,
    Message,
    Wake,
)
from domain.errors import NotFound

_KEY: Final = "tenant_id = %s AND consumer = %s AND stream_id = %s"
# Only the first message that isn't settled may be taken. SKIP LOCKED stands around that one row, not around the
# search: a search that skipped a locked row would find the message behind it.
_CLAIM: Final = f"""
WITH claimed AS (
    UPDATE message SET fence = fence + 1, tries = tries + 1,
        due_at = clock_timestamp() + %s, wake_at = clock_timestamp() + %s
    WHERE {_KEY} AND settled_at IS NULL AND due_at <= clock_timestamp() AND version = (
        SELECT head.version FROM message head
        WHERE {_KEY} AND head.version = (
            SELECT min(version) FROM message WHERE {_KEY} AND settled_at IS NULL
        )
        FOR UPDATE SKIP LOCKED
    )
    RETURNING tenant_id, stream_id, version, id AS message_id, fence, tries, failures
)
SELECT claimed.message_id, claimed.fence, claimed.tries, claimed.failures, {COLUMNS}
FROM claimed JOIN event USING (tenant_id, stream_id, version)
"""  # noqa: S608 - constants
_HELD: Final = f"{_KEY} AND version = %s AND fence = %s AND settled_at IS NULL"
_SETTLE: Final = f"UPDATE message SET settled_at = clock_timestamp() WHERE {_HELD} RETURNING 1"  # noqa: S608
_PUT_OFF: Final = f"""
UPDATE message SET due_at = clock_timestamp() + %s, wake_at = clock_timestamp() + %s,
    failures = failures + 1, error = %s
WHERE {_HELD}
"""  # noqa: S608
_PARK: Final = f"""
UPDATE message SET due_at = NULL, wake_at = NULL, parked_at = clock_timestamp(), error = %s WHERE {_HELD}
"""  # noqa: S608
# statement_timestamp is stable, so the index bounds the search.
_DUE: Final = """
WITH due AS (
    SELECT tenant_id, consumer, stream_id, version FROM message m
    WHERE settled_at IS NULL AND wake_at <= statement_timestamp() AND NOT EXISTS (
        SELECT 1 FROM message earlier
        WHERE earlier.tenant_id = m.tenant_id AND earlier.consumer = m.consumer
            AND earlier.stream_id = m.stream_id AND earlier.version < m.version AND earlier.settled_at IS NULL
    )
    ORDER BY wake_at LIMIT %s FOR UPDATE OF m SKIP LOCKED
)
UPDATE message SET wake_at = clock_timestamp() + %s
FROM due WHERE message.tenant_id = due.tenant_id AND message.consumer = due.consumer
    AND message.stream_id = due.stream_id AND message.version = due.version
RETURNING message.tenant_id, message.consumer, message.stream_id
"""
_PARKED: Final = """
SELECT m.id, m.consumer, e.stream_kind, m.stream_id, m.version, e.type, m.error, m.tries, m.created_at, m.parked_at
FROM message m JOIN event e USING (tenant_id, stream_id, version)
WHERE m.tenant_id = %s AND m.parked_at IS NOT NULL AND (%s IS NULL OR m.consumer = %s) AND (%s IS NULL OR m.id > %s)
ORDER BY m.id LIMIT %s
"""
_REPLAY: Final = """
UPDATE message SET parked_at = NULL, due_at = clock_timestamp(), wake_at = clock_timestamp(),
    tries = 0, failures = 0, error = ''
WHERE tenant_id = %s AND id = %s AND parked_at IS NOT NULL RETURNING 1
"""


class DjangoInbox:
    """Inbox, in the transaction of a unit of work."""

    def __init__(self, session: TenantSession) -> None:
        self._session = session

    def settle(self, message: Message) -> None:
        """See the port."""
        if not self._session.query(_SETTLE, _held(message)):
            raise ClaimLost(id=str(message.id))


class DjangoMessageClaims:
    """MessageClaims, as the application's role, which sees the rows of the wake's tenant alone."""

    def claim(self, wake: Wake) -> Message | None:
        """See the port."""
        lease, key = timedelta(seconds=CLAIM_LEASE_S), (wake.tenant_id, wake.consumer, wake.key)
        rows = query_once(wake.tenant_id, _CLAIM, (lease, lease, *key, *key, *key))
        if not rows:
            return None
        ((message_id, fence, tries, failures, *event),) = rows
        return Message(
            id=message_id,
            wake=wake,
            version=event[5],
            fence=fence,
            tries=tries,
            failures=failures,
            read_event=functools.partial(recorded_event, event),
        )

    def put_off(self, message: Message, *, delay: timedelta, error: str) -> None:
        """See the port."""
        params = (delay, delay, error[:ERROR_LENGTH_MAX], *_held(message))
        query_once(message.wake.tenant_id, _PUT_OFF, params)

    def park(self, message: Message, *, error: str) -> None:
        """See the port."""
        query_once(message.wake.tenant_id, _PARK, (error[:ERROR_LENGTH_MAX], *_held(message)))


class DjangoBacklog:
    """Backlog, as the role that sees all tenants."""

    def due(self, limit: int) -> Sequence[Wake]:
        """See the port."""
        rows = query_of_nobody(_DUE, (limit, timedelta(seconds=WAKE_AGAIN_AFTER_S)), SYSTEM_ALIAS)
        return [Wake(*row) for row in rows]

    def lag(self) -> Sequence[ConsumerLag]:
        """See the port."""
        return lag_of_all_tenants()


class DjangoDeadLetters:
    """DeadLetters, as the application's role."""

    def list(
        self, tenant_id: UUID, *, consumer: str | None = None, after: UUID | None, limit: int
    ) -> Sequence[DeadLetter]:
        """See the port."""
        return [
            DeadLetter(
                id=id_,
                consumer=consumer,
                stream_kind=kind,
                stream_id=stream_id,
                version=version,
                event_type=type_,
                error=error,
                tries=tries,
                created_at=created_at,
                parked_at=parked_at,
            )
            for id_, consumer, kind, stream_id, version, type_, error, tries, created_at, parked_at in query_once(
                tenant_id, _PARKED, (tenant_id, consumer, consumer, after, after, limit)
            )
        ]

    def replay(self, tenant_id: UUID, message_id: UUID) -> None:
        """See the port."""
        if not query_once(tenant_id, _REPLAY, (tenant_id, message_id)):
            raise NotFound(kind=DeadLetter.kind, id=str(message_id))


def _held(message: Message) -> tuple[object, ...]:
    wake = message.wake
    return (wake.tenant_id, wake.consumer, wake.key, message.version, message.fence)
