"""Readings in memory: whoever writes to a series holds its lock to the end of the transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from adapters.memory.reading_table import KeptReject
from adapters.memory.transaction import Transaction
from application.ports.readings import ReadingColumns, Written
from application.ports.reject_views import RejectView
from domain.errors import NotFound
from domain.telemetry.batch import Reject
from domain.telemetry.conflicts import conflict_between
from domain.telemetry.rejects import RejectReplayed


@dataclass(frozen=True, slots=True)
class InMemoryReadingWriter:
    """ReadingWriter of one transaction."""

    transaction: Transaction

    def write(self, columns: ReadingColumns, series_ids: Sequence[int]) -> Written:
        """See the port."""
        transaction = self.transaction
        tenant_id = transaction.context.tenant_id
        used = {series_ids[place] for place in columns.key_of}
        transaction.lock([("series", tenant_id, f"{series_id:020}") for series_id in used])
        added, committed = transaction.changes.readings, transaction.database.readings
        duplicate, conflicts = 0, []
        for place, time, value, row in zip(
            columns.key_of, columns.times, columns.values, columns.rows, strict=True
        ):
            at = (tenant_id, series_ids[place], time)
            stored = added.values.get(at)
            if stored is None:
                stored = committed.value(at)
            if stored is None:
                added.values[at] = value
                continue
            duplicate += 1
            if stored != value:
                conflicts.append(conflict_between(row, columns.keys[place], time, value, stored))
        return Written(len(columns) - duplicate, duplicate, tuple(sorted(conflicts)))


@dataclass(frozen=True, slots=True)
class InMemoryRejectWriter:
    """RejectWriter of one transaction."""

    transaction: Transaction

    def keep(self, rejects: Sequence[Reject]) -> None:
        """See the port."""
        database, context = self.transaction.database, self.transaction.context
        at = database.now()
        self.transaction.changes.readings.rejects.extend(
            KeptReject(context.tenant_id, database.new_id(), reject, context.correlation_id, at)
            for reject in rejects
        )

    def mark_replayed(self, reject_id: UUID) -> None:
        """See the port."""
        database, tenant_id = self.transaction.database, self.transaction.context.tenant_id
        self.transaction.lock([("reject", tenant_id, reject_id)])
        kept = database.readings.rejects.get(reject_id)
        if kept is None or kept.tenant_id != tenant_id:
            raise NotFound(kind=RejectView.kind, id=str(reject_id))
        replayed = self.transaction.changes.readings.replayed
        replayed_at = kept.replayed_at or replayed.get(reject_id)
        if replayed_at is not None:
            raise RejectReplayed(id=str(reject_id), replayed_at=replayed_at.isoformat())
        replayed[reject_id] = database.now()
