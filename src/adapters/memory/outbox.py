"""Messages in memory."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from adapters.memory.database import InMemoryDatabase
from adapters.memory.message_lag import lag_of
from adapters.memory.messages import Row, postpone
from adapters.memory.transaction import Transaction, recorded_event
from application.ports.event_store import RecordedEvent
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


class InMemoryInbox:
    """Inbox, in the transaction of a unit of work."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def settle(self, message: Message) -> None:
        """See the port. The claim is looked at once more when the transaction commits."""
        database = self._transaction.database
        is_own = message.wake.tenant_id == self._transaction.context.tenant_id
        with database.latch:
            if not is_own or database.messages.held(message.wake, message.version, message.fence) is None:
                raise ClaimLost(id=str(message.id))
        self._transaction.changes.settled.append(message)


class InMemoryMessageClaims:
    """MessageClaims, each method one step under the latch."""

    def __init__(self, database: InMemoryDatabase) -> None:
        self._database = database

    def claim(self, wake: Wake) -> Message | None:
        """See the port."""
        with self._database.latch:
            at, row = self._database.now(), self._database.messages.head(wake)
            if row is None or row["due_at"] is None or row["due_at"] > at:
                return None
            row["fence"] += 1
            row["tries"] += 1
            postpone(row, at, timedelta(seconds=CLAIM_LEASE_S))
            return Message(
                id=row["id"],
                wake=wake,
                version=row["version"],
                fence=row["fence"],
                tries=row["tries"],
                failures=row["failures"],
                read_event=functools.partial(self._read_event, wake, row["version"]),
            )

    def put_off(self, message: Message, *, delay: timedelta, error: str) -> None:
        """See the port."""
        with self._database.latch:
            row = self._database.messages.held(message.wake, message.version, message.fence)
            if row is not None:
                postpone(row, self._database.now(), delay)
                row["failures"] += 1
                row["error"] = error[:ERROR_LENGTH_MAX]

    def park(self, message: Message, *, error: str) -> None:
        """See the port."""
        with self._database.latch:
            row = self._database.messages.held(message.wake, message.version, message.fence)
            if row is not None:
                row.update(
                    due_at=None, wake_at=None, parked_at=self._database.now(), error=error[:ERROR_LENGTH_MAX]
                )

    def _read_event(self, wake: Wake, version: int) -> RecordedEvent:
        return recorded_event(self._database.stream(wake.tenant_id, wake.key)[version - 1])


class InMemoryBacklog:
    """Backlog over all tenants of the database."""

    def __init__(self, database: InMemoryDatabase) -> None:
        self._database = database

    def due(self, limit: int) -> Sequence[Wake]:
        """See the port."""
        with self._database.latch:
            at = self._database.now()
            rows = self._database.messages.due_heads(at, limit)
            for row in rows:
                row["wake_at"] = at + timedelta(seconds=WAKE_AGAIN_AFTER_S)
            return [row["wake"] for row in rows]

    def lag(self) -> Sequence[ConsumerLag]:
        """See the port."""
        return lag_of(self._database, lambda row: True)


class InMemoryDeadLetters:
    """DeadLetters over the database."""

    def __init__(self, database: InMemoryDatabase) -> None:
        self._database = database

    def list(
        self, tenant_id: UUID, *, consumer: str | None = None, after: UUID | None, limit: int
    ) -> Sequence[DeadLetter]:
        """See the port."""
        with self._database.latch:
            rows = sorted(
                (
                    dict(row)
                    for row in self._database.messages.where(
                        lambda row: row["parked_at"] is not None and row["wake"].tenant_id == tenant_id
                    )
                    if (after is None or row["id"] > after) and consumer in (None, row["wake"].consumer)
                ),
                key=lambda row: row["id"],
            )[:limit]
        return [self._dead_letter(row) for row in rows]

    def replay(self, tenant_id: UUID, message_id: UUID) -> None:
        """See the port."""
        with self._database.latch:
            row = self._database.messages.by_id(tenant_id, message_id)
            if row is None or row["parked_at"] is None:
                raise NotFound(kind=DeadLetter.kind, id=str(message_id))
            row.update(parked_at=None, tries=0, failures=0, error="")
            postpone(row, self._database.now(), timedelta(0))

    def _dead_letter(self, row: Row) -> DeadLetter:
        wake = row["wake"]
        event = self._database.stream(wake.tenant_id, wake.key)[row["version"] - 1]
        return DeadLetter(
            id=row["id"],
            consumer=wake.consumer,
            stream_kind=event["stream_kind"],
            stream_id=wake.key,
            version=row["version"],
            event_type=event["type"],
            error=row["error"],
            tries=row["tries"],
            created_at=row["created_at"],
            parked_at=row["parked_at"],
        )
