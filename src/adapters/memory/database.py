"""The committed state of the in-memory adapters, and the protocol by which transactions commit.

Rows are the dicts of `row_mapping`. A published row is never changed, only replaced, so readers may keep
what they were given. A transaction (transaction.py) collects its writes; nobody else sees them until it
commits.

1. Write. Before a transaction buffers writes it takes the locks of their streams and of their unique
   values, in sorted order; then it compares versions and values with what is committed. It holds the locks
   to its end, so what was true at the comparison is true at the commit. Two who write different rows never
   meet.
2. Draw positions. In one step under the latch, the first draw of a transaction notes the last drawn
   position as its ticket; then it draws. Every position that it ever draws lies above its ticket.
3. Commit. In one step under the latch, rows, events and the request's outcome become visible, and ticket
   and claimed key vanish. Only then are the locks released, so the next writer of a row sees it.
4. Roll back. The buffer is dropped, ticket and claim vanish, the locks are released; drawn positions stay
   gaps.
5. Read the log. In one step under the latch, up to the lowest open ticket: a position that isn't visible
   yet lies above the ticket of its transaction, so no reader passes it. Closed tickets hold nobody back.

The latch is a mutex around each of these steps (a latch in the databases' sense of the word). No
transaction holds it while it decides or waits, so it hides no race: every window between a read, a decision
and a write is open. Isolation is READ COMMITTED, as on PostgreSQL: each read sees what was committed when
it began.
"""

from __future__ import annotations

import bisect
import itertools
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from adapters.memory.locks import LOCK_WAIT_S_MAX, LockTable
from adapters.memory.messages import MessageTable
from adapters.memory.reading_table import AddedReadings, ReadingTable
from adapters.memory.saga_leases import SagaLease, SagaLeases
from adapters.row_mapping.json_codec import redacted_data
from adapters.row_mapping.sagas import saga_from_row
from application.ports.clock import Clock, NewId
from application.ports.outbox import SETTLED_KEPT_FOR, ClaimLost, Message
from application.ports.payment_callbacks import StrayReply
from application.ports.sagas import LateReply
from application.ports.unit_of_work import TransactionConflict
from domain.event import REDACTED
from domain.idempotency import RETRY_AFTER_S, RequestInProgress
from domain.saga.progress import ENDED
from domain.saga.saga import Saga

Row = dict[str, Any]
RowKey = tuple[str, UUID, UUID]
"""Kind of aggregate, tenant, id."""
UniqueKey = tuple[str, UUID, str]
"""Kind of aggregate, tenant, value."""
SeriesName = tuple[UUID, str, tuple[tuple[str, str], ...]]
"""Device, metric, labels."""
RequestName = tuple[UUID, str, str]
"""Tenant, actor, key."""

ATTEMPT_S_MAX: Final = 10.0
"""The lease of a transaction: one that is open for longer can't commit (H10)."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(eq=False)
class Changes:
    """What one open transaction has written so far; compared by identity."""

    started_at: datetime
    rows: dict[RowKey, Row] = field(default_factory=dict)
    unique_ids: dict[UniqueKey, UUID | None] = field(default_factory=dict)
    """None: the value is free again."""
    events: list[Row] = field(default_factory=list)
    messages: list[Row] = field(default_factory=list)
    settled: list[Message] = field(default_factory=list)
    saga_leases: dict[UUID, SagaLease] = field(default_factory=dict)
    redacted: list[UUID] = field(default_factory=list)
    """Streams of the events' tenant whose committed events are to be redacted."""
    readings: AddedReadings = field(default_factory=AddedReadings)
    intake_bodies: dict[tuple[UUID, UUID], bytes | None] = field(default_factory=dict)
    """By tenant and intake; None: it is dropped."""
    claimed: RequestName | None = None
    outcome: Row | None = None

    @property
    def has_work(self) -> bool:
        """Whether anything is for a worker to take up: messages, or a saga that is due and that none holds."""
        return bool(self.messages) or any(
            saga_from_row(row).is_due_at_once and row["id"] not in self.saga_leases
            for (kind, _, _), row in self.rows.items()
            if kind == Saga.kind
        )

    def discard_writes(self) -> None:
        """Forget rows, events and messages; the claimed key and what is settled stay."""
        self.rows.clear()
        self.unique_ids.clear()
        self.events.clear()
        self.messages.clear()
        self.readings.clear()


class InMemoryDatabase:
    """Everything that is committed. Safe to share between threads."""

    def __init__(
        self,
        *,
        now: Clock = _utc_now,
        new_id: NewId = uuid.uuid4,
        lock_wait_s_max: float = LOCK_WAIT_S_MAX,
        attempt_s_max: float = ATTEMPT_S_MAX,
    ) -> None:
        self.now, self.new_id = now, new_id
        self.locks = LockTable(lock_wait_s_max)
        self.latch = threading.Lock()
        self.tenants: dict[UUID, str] = {}
        self.tokens: dict[UUID, Row] = {}
        self.messages = MessageTable()
        self.saga_leases = SagaLeases()
        self.readings = ReadingTable()
        self.intake_bodies: dict[tuple[UUID, UUID], bytes] = {}
        self.late_replies: dict[tuple[UUID, UUID], LateReply] = {}
        self.stray_replies: dict[UUID, StrayReply] = {}
        self.tenants_of_known_devices: set[UUID] = set()
        """Whose devices don't register themselves."""
        self._series: defaultdict[UUID, dict[SeriesName, int]] = defaultdict(dict)
        self._series_ids = itertools.count(1)
        self._attempt_max = timedelta(seconds=attempt_s_max)
        self._rows: dict[RowKey, Row] = {}
        self._unique_ids: dict[UniqueKey, UUID | None] = {}
        self._by_age: defaultdict[tuple[str, UUID], list[tuple[datetime, UUID]]] = defaultdict(list)
        self._streams: defaultdict[tuple[UUID, UUID], list[Row]] = defaultdict(list)
        self._logs: defaultdict[UUID, list[Row]] = defaultdict(list)
        self._outcomes: dict[RequestName, Row] = {}
        self._claims: dict[RequestName, Changes] = {}
        self._last_position = 0
        self._tickets: dict[Changes, int] = {}

    def row(self, key: RowKey) -> Row | None:
        """The committed row; not to be changed."""
        with self.latch:
            return self._rows.get(key)

    def row_by_value(self, unique: UniqueKey) -> Row | None:
        """The committed row that has the unique value."""
        with self.latch:
            row_id = self._unique_ids.get(unique)
            return None if row_id is None else self._rows[unique[0], unique[1], row_id]

    def rows_by_age(
        self,
        kind: str,
        tenant_id: UUID,
        *,
        before: tuple[datetime, UUID] | None,
        wanted: Callable[[Row], bool],
        limit: int,
    ) -> list[Row]:
        """Up to `limit` of the wanted rows below (created_at, id), newest first."""
        found: list[Row] = []
        with self.latch:
            ages = self._by_age.get((kind, tenant_id), [])
            end = len(ages) if before is None else bisect.bisect_left(ages, before)
            for index in range(end - 1, -1, -1):
                row = self._rows[kind, tenant_id, ages[index][1]]
                if wanted(row):
                    found.append(row)
                    if len(found) == limit:
                        break
        return found

    def rows_where(self, kind: str, tenant_id: UUID, wanted: Callable[[Row], bool]) -> list[Row]:
        """Every committed row of that kind that is wanted, in no order; looks at each of them."""
        with self.latch:
            ages = self._by_age.get((kind, tenant_id), [])
            rows = [self._rows[kind, tenant_id, row_id] for _, row_id in ages]
        return [row for row in rows if wanted(row)]

    def rows_of_all_tenants(self, kind: str) -> list[tuple[UUID, Row]]:
        """Every committed row of that kind with its tenant, in no order."""
        with self.latch:
            return [(key[1], row) for key, row in self._rows.items() if key[0] == kind]

    def series_id(self, tenant_id: UUID, name: SeriesName) -> int | None:
        """The id of that series, if it is there."""
        with self.latch:
            return self._series[tenant_id].get(name)

    def add_series(self, tenant_id: UUID, name: SeriesName) -> None:
        """Make the series if it is not there."""
        with self.latch:
            if name not in self._series[tenant_id]:
                self._series[tenant_id][name] = next(self._series_ids)

    def all_series(self, tenant_id: UUID) -> tuple[tuple[SeriesName, int], ...]:
        """Every series of the tenant with its id."""
        with self.latch:
            return tuple(self._series[tenant_id].items())

    def series_count(self, tenant_id: UUID) -> int:
        """How many the tenant has."""
        with self.latch:
            return len(self._series[tenant_id])

    def drop_outcomes(self, limit: int) -> int:
        """Forget up to `limit` expired outcomes; how many."""
        with self.latch:
            at = self.now()
            expired = [name for name, row in self._outcomes.items() if self._has_expired(row, at)]
            for name in expired[:limit]:
                del self._outcomes[name]
            return len(expired[:limit])

    def unsettled_streams(self) -> set[UUID]:
        """The streams that a message on its way, or a parked one, refers to."""
        with self.latch:
            return {row["wake"].key for row in self.messages.where(lambda row: row["settled_at"] is None)}

    def drop_settled_messages(self, limit: int) -> int:
        """Forget up to `limit` messages that were settled long ago; how many."""
        with self.latch:
            until = self.now() - SETTLED_KEPT_FOR
            return self.messages.drop(
                lambda row: row["settled_at"] is not None and row["settled_at"] < until, limit
            )

    def stream(self, tenant_id: UUID, stream_id: UUID) -> Sequence[Row]:
        """The committed events of one stream, in version order."""
        with self.latch:
            return tuple(self._streams.get((tenant_id, stream_id), ()))

    def stream_version(self, tenant_id: UUID, stream_id: UUID) -> int:
        """How many events the stream has."""
        with self.latch:
            return len(self._streams.get((tenant_id, stream_id), ()))

    def log(self, tenant_id: UUID, after_position: int, limit: int) -> Sequence[Row]:
        """Up to `limit` of the tenant's events that nothing lower can come before any more (step 5)."""
        with self.latch:
            safe = min(self._tickets.values(), default=self._last_position)
            log = self._logs.get(tenant_id, [])
            start = bisect.bisect_right(log, after_position, key=_position)
            end = bisect.bisect_right(log, safe, key=_position)
            return tuple(log[start : min(end, start + limit)])

    def draw_positions(self, changes: Changes, count: int) -> range:
        """The next `count` positions for that transaction (step 2)."""
        with self.latch:
            self._tickets.setdefault(changes, self._last_position)
            first = self._last_position + 1
            self._last_position += count
            return range(first, first + count)

    def claim(self, changes: Changes, name: RequestName) -> Row | None:
        """The outcome that is stored under the name; None if the transaction holds the name from now on.

        Raises RequestInProgress while another transaction holds it that may still commit.
        """
        with self.latch:
            at = self.now()
            outcome = self._outcomes.get(name)
            if outcome is not None and not self._has_expired(outcome, at):
                return outcome
            holder = self._claims.get(name)
            if holder is not None and not self._is_overdue(holder, at):
                raise RequestInProgress(retry_after_s=RETRY_AFTER_S)
            self._claims[name], changes.claimed = changes, name
            return None

    def commit(self, changes: Changes) -> None:
        """Make it all visible at once (step 3), or nothing.

        Raises TransactionConflict past the lease, ClaimLost if a settled message was taken meanwhile.
        """
        with self.latch:
            at = self.now()
            if self._is_overdue(changes, at) or not self._holds_its_claim(changes):
                raise TransactionConflict()
            self._settle(changes.settled, at)
            self.messages.insert(changes.messages, at)
            if changes.claimed is not None and changes.outcome is not None:
                self._outcomes[changes.claimed] = {**changes.outcome, "saga": self._started_saga(changes)}
            for key, row in changes.rows.items():
                if key not in self._rows:
                    bisect.insort(self._by_age[key[:2]], (row["created_at"], row["id"]))
                self._rows[key] = row
            self._unique_ids.update(changes.unique_ids)
            self.saga_leases.replace(changes.saga_leases)
            self.readings.commit(changes.readings)
            self._keep_bodies(changes)
            for stream_id in changes.redacted:
                self._redact(changes.events[0]["tenant_id"], stream_id)
                self._redact_replies(changes.events[0]["tenant_id"], stream_id)
            for event in changes.events:
                self._streams[event["tenant_id"], event["stream_id"]].append(event)
                bisect.insort(self._logs[event["tenant_id"]], event, key=_position)
            self._close(changes)

    def _started_saga(self, changes: Changes) -> RowKey | None:
        return next((key for key in changes.rows if key[0] == Saga.kind and key not in self._rows), None)

    def _has_expired(self, outcome: Row, at: datetime) -> bool:
        """Whether the key is new again: never while a saga that began with it lives (H11)."""
        saga = self._rows.get(outcome["saga"])
        is_live = saga is not None and saga["status"] not in ENDED
        return outcome["expires_at"] <= at and not is_live

    def _keep_bodies(self, changes: Changes) -> None:
        for key, body in changes.intake_bodies.items():
            self.intake_bodies.pop(key, None)
            if body is not None:
                self.intake_bodies[key] = body

    def _settle(self, settled: Sequence[Message], at: datetime) -> None:
        rows = []
        for message in settled:
            row = self.messages.held(message.wake, message.version, message.fence)
            if row is None:
                raise ClaimLost(id=str(message.id))
            rows.append(row)
        for row in rows:
            row["settled_at"] = at

    def _redact(self, tenant_id: UUID, stream_id: UUID) -> None:
        stream, log = self._streams[tenant_id, stream_id], self._logs[tenant_id]
        for index, event in enumerate(stream):
            data = redacted_data(event["type"], event["schema_version"], event["data"])
            place = bisect.bisect_left(log, event["position"], key=_position)
            stream[index] = log[place] = {**event, "data": data}

    def _redact_replies(self, tenant_id: UUID, saga_id: UUID) -> None:
        for key, reply in self.late_replies.items():
            if key[0] == tenant_id and reply.saga_id == saga_id:
                self.late_replies[key] = replace(reply, reply=REDACTED)

    def close(self, changes: Changes) -> None:
        """Take back ticket and claim of a transaction that is rolled back (step 4)."""
        with self.latch:
            self._close(changes)

    def return_ticket(self, changes: Changes) -> None:
        """The positions that the transaction has drawn stay gaps; it will draw others."""
        with self.latch:
            self._tickets.pop(changes, None)

    def _close(self, changes: Changes) -> None:
        self._tickets.pop(changes, None)
        if changes.claimed is not None and self._claims.get(changes.claimed) is changes:
            del self._claims[changes.claimed]

    def _is_overdue(self, changes: Changes, at: datetime) -> bool:
        return at - changes.started_at >= self._attempt_max

    def _holds_its_claim(self, changes: Changes) -> bool:
        return changes.claimed is None or self._claims.get(changes.claimed) is changes


def _position(event: Row) -> int:
    position: int = event["position"]
    return position
