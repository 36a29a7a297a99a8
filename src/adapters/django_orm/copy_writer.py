"""The bulk writer of readings on PostgreSQL: COPY for what is new, a merge for what may be there already.

Rows newer than the latest of their series can't be duplicates, so they go straight into their partitions by COPY.
What is older goes through a temporary table and `ON CONFLICT DO NOTHING`, which costs twice as much. The
latest values are read without a lock; a writer of the same series who was quicker makes the COPY fail, which is undone
to a savepoint, and all rows are merged. docs/decisions/0026-copy-writer.md has the figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

import django.db
import numpy as np
from numpy.typing import NDArray

from adapters.django_orm.copy_format import reading_rows, staged_rows
from adapters.django_orm.error_translation import UNIQUE_VIOLATION, sqlstate
from adapters.django_orm.partitions import KNOWN_MONTHS
from adapters.django_orm.reading_leaves import Leaf, LeafDirectory
from adapters.django_orm.tenant_session import Row, TenantSession
from application.ports.readings import ReadingColumns, Written
from application.ports.unit_of_work import TransactionConflict
from domain.telemetry.batch import Reject
from domain.telemetry.conflicts import conflict_between
from domain.telemetry.reading import SeriesKey, microseconds

HOUR_US: Final = 3_600_000_000
FEW_ROWS_MAX: Final = 2_000
"""So many are merged without a temporary table."""

_UNDEFINED_TABLE: Final = "42P01"
_NOT_OF_THE_PARTITION: Final = "23514"
_LEAVES: Final = LeafDirectory()

_STAGE: Final = """
CREATE TEMPORARY TABLE IF NOT EXISTS staged_reading (
    tenant_id uuid, series_id bigint, ts timestamptz, value double precision, n integer
) ON COMMIT DELETE ROWS
"""
# Rows lie in the order of `n`, which is that of every other writer: whoever waits for whom, nobody waits in a ring.
_MERGE: Final = """
WITH added AS (
    INSERT INTO sensor_reading (tenant_id, series_id, ts, value)
    SELECT tenant_id, series_id, ts, value FROM staged_reading ORDER BY n
    ON CONFLICT DO NOTHING RETURNING series_id, ts
), marked AS (
    INSERT INTO dirty_mark (tenant_id, series_id, hour)
    SELECT DISTINCT %s::uuid, series_id, date_trunc('hour', ts, 'UTC') FROM added
)
SELECT count(*) FROM added
"""
# A few rows go as arrays in one statement, without the temporary table, whose fixed cost is that of a thousand rows. It
# sees what was there before it; rows that it neither found nor added are looked for once more.
_SENT: Final = """
WITH sent AS MATERIALIZED (
    SELECT series_id, timestamptz 'epoch' + us * interval '1 microsecond' AS ts, value, n
    FROM unnest(%s::bigint[], %s::bigint[], %s::float8[]) WITH ORDINALITY AS s (series_id, us, value, n)
), there AS MATERIALIZED (
    SELECT s.n, s.value AS sent, r.value FROM sent s CROSS JOIN LATERAL (
        SELECT value FROM sensor_reading WHERE series_id = s.series_id AND ts = s.ts LIMIT 1
    ) r
)"""
_MERGE_FEW: Final = f"""{_SENT}, added AS (
    INSERT INTO sensor_reading (tenant_id, series_id, ts, value)
    SELECT %s::uuid, series_id, ts, value FROM sent s
    WHERE NOT EXISTS (SELECT FROM there WHERE there.n = s.n) ORDER BY n
    ON CONFLICT DO NOTHING RETURNING series_id, ts
), marked AS (
    INSERT INTO dirty_mark (tenant_id, series_id, hour)
    SELECT DISTINCT %s::uuid, series_id, date_trunc('hour', ts, 'UTC') FROM added
)
SELECT (SELECT count(*) FROM added), (SELECT count(*) FROM there), t.n - 1, t.value
FROM (SELECT) once LEFT JOIN there t ON t.value <> t.sent
"""  # noqa: S608 - constants of this file
_OTHER_VALUES_OF_FEW: Final = f"{_SENT} SELECT n - 1, value FROM there WHERE value <> sent"  # noqa: S608 - the same
# A look-up for each row: joined, an unanalysed temporary table would be matched with whole partitions.
_OTHER_VALUES: Final = """
SELECT s.n, r.value FROM staged_reading s CROSS JOIN LATERAL (
    SELECT value FROM sensor_reading WHERE series_id = s.series_id AND ts = s.ts LIMIT 1
) r WHERE r.value <> s.value
"""
_LATEST: Final = """
SAVEPOINT copying;
SELECT series_id, ts FROM latest_reading WHERE tenant_id = %s AND series_id = ANY(%s::bigint[])
"""
# Sent with the statement that follows, as the savepoint is with the one before: a message less for each.
_COPIED: Final = "RELEASE SAVEPOINT copying; "
_NOT_COPIED: Final = "ROLLBACK TO SAVEPOINT copying; RELEASE SAVEPOINT copying; "
_MARK: Final = """
INSERT INTO dirty_mark (tenant_id, series_id, hour)
SELECT %s, series_id, to_timestamp(hour) FROM unnest(%s::bigint[], %s::bigint[]) AS m (series_id, hour)
"""
_KEEP_LATEST: Final = """
INSERT INTO latest_reading AS l (tenant_id, series_id, ts, value)
SELECT %s, series_id, timestamptz 'epoch' + us * interval '1 microsecond', value
FROM unnest(%s::bigint[], %s::bigint[], %s::float8[]) AS n (series_id, us, value) ORDER BY series_id
ON CONFLICT (tenant_id, series_id) DO UPDATE SET ts = excluded.ts, value = excluded.value WHERE l.ts < excluded.ts
"""


Statement = tuple[str, tuple[str, ...]]
"""SQL and its parameters."""


class Rows(NamedTuple):
    """Rows in the order in which everybody writes: by partition, series, time."""

    series: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    rows: NDArray[np.int32]

    def where(self, wanted: NDArray[np.bool_] | NDArray[np.intp]) -> Rows:
        """Some of them, in the same order."""
        return Rows(self.series[wanted], self.times[wanted], self.values[wanted], self.rows[wanted])

    def conflict(self, place: int, keys: Mapping[int, SeriesKey], stored: float) -> Reject:
        """The row at that place, which has another value than the one that is stored."""
        key, row = keys[int(self.series[place])], int(self.rows[place])
        return conflict_between(row, key, int(self.times[place]), float(self.values[place]), stored)


@dataclass(frozen=True, slots=True)
class DjangoReadingWriter:
    """ReadingWriter in the unit of work's session."""

    session: TenantSession
    tenant_id: UUID

    def write(self, columns: ReadingColumns, series_ids: Sequence[int]) -> Written:
        """See the port."""
        if not len(columns):
            return Written(0, 0, ())
        rows, leaves = self._ordered(columns, series_ids)
        keys = dict(zip(series_ids, columns.keys, strict=True))
        repeats = _repeats(rows)
        latest = self._latest(rows.series)
        is_new = rows.times > latest
        fresh, conflicts = rows.where(is_new & ~repeats), _in_batch_conflicts(rows, is_new & repeats, keys)
        # What may be there is merged first: who waits there for another writer holds nothing yet that is new.
        accepted = self._merge("", rows.where(~is_new), keys, conflicts)
        before = _COPIED
        if self._copy(fresh, leaves):
            accepted += len(fresh.times)
        else:
            fresh, conflicts, before = rows.where(np.zeros(len(repeats), np.bool_)), [], ""
            accepted = self._merge(_NOT_COPIED, rows, keys, conflicts)
        self._close(before, fresh, rows.where(~repeats), latest[~repeats])
        return Written(accepted, len(columns) - accepted, tuple(sorted(conflicts)))

    def _ordered(self, columns: ReadingColumns, series_ids: Sequence[int]) -> tuple[Rows, tuple[Leaf, ...]]:
        """By partition, series and time; of equal ones the first stays first. And the partitions."""
        ids = np.fromiter(series_ids, np.int64, len(series_ids))
        times = np.asarray(columns.times)
        series = ids[np.asarray(columns.key_of)]
        leaves = _LEAVES.between(self.session, int(times.min()), int(times.max()))
        by: tuple[NDArray[np.int64], ...] = (times, series)
        if len(leaves) > 1:
            by += (np.searchsorted(np.array([leaf.starts for leaf in leaves]), times, "right"),)
        rows = Rows(series, times, np.asarray(columns.values), np.asarray(columns.rows))
        return rows.where(np.lexsort(by)), leaves

    def _latest(self, series: NDArray[np.int64]) -> NDArray[np.int64]:
        """Of each row's series, the latest time that is stored; the smallest number where there is none."""
        distinct, place = np.unique(series, return_inverse=True)
        found = self.session.query(_LATEST, (str(self.tenant_id), _array(distinct)))
        times = np.full(len(distinct), np.iinfo(np.int64).min)
        if found:
            ids = np.fromiter((series_id for series_id, _ in found), np.int64, len(found))
            times[np.searchsorted(distinct, ids)] = [microseconds(at) for _, at in found]
        return times[place]

    def _copy(self, rows: Rows, leaves: tuple[Leaf, ...]) -> bool:
        """Into their partitions; False if one of them is there already or has no partition.

        The savepoint stands either way; after a failure nothing can be said before it is rolled back to.
        """
        begin, count = 0, len(rows.times)
        try:
            for leaf in leaves:
                end = begin + int(
                    np.count_nonzero((rows.times[begin:] >= leaf.starts) & (rows.times[begin:] < leaf.ends))
                )
                if end > begin:
                    part = rows.where(np.arange(begin, end))
                    self.session.copy(
                        f"COPY {leaf.name} (tenant_id, series_id, ts, value) FROM STDIN (FORMAT binary)",
                        reading_rows(self.tenant_id, part.series, part.times, part.values),
                    )
                begin = end
        except django.db.Error as error:
            if sqlstate(error) not in {UNIQUE_VIOLATION, _UNDEFINED_TABLE, _NOT_OF_THE_PARTITION}:
                raise
            if sqlstate(error) != UNIQUE_VIOLATION:
                _LEAVES.forget()
            return False
        return begin == count

    def _merge(self, before: str, rows: Rows, keys: Mapping[int, SeriesKey], conflicts: list[Reject]) -> int:
        """How many were not there; those that were with another value become conflicts."""
        if not len(rows.times):
            return 0
        merge = self._merge_few if len(rows.times) <= FEW_ROWS_MAX else self._merge_many
        added, other_values = merge(before, rows)
        conflicts += [rows.conflict(place, keys, stored) for place, stored in other_values]
        return added

    def _merge_many(self, before: str, rows: Rows) -> tuple[int, list[Row]]:
        """How many were not there; and the places of those that were with another value, and that value."""
        self.session.query(before + _STAGE)
        self.session.copy(
            "COPY staged_reading (tenant_id, series_id, ts, value, n) FROM STDIN (FORMAT binary)",
            staged_rows(self.tenant_id, rows.series, rows.times, rows.values),
        )
        ((added,),) = self._add(_MERGE, (str(self.tenant_id),))
        return int(added), self.session.query(_OTHER_VALUES) if added < len(rows.times) else []

    def _merge_few(self, before: str, rows: Rows) -> tuple[int, list[Row]]:
        """The same for few rows."""
        tenant, sent = str(self.tenant_id), (_array(rows.series), _array(rows.times), _array(rows.values))
        found = self._add(before + _MERGE_FEW, (*sent, tenant, tenant))
        added, there = found[0][:2]
        if added + there < len(rows.times):
            # Twice in the batch, or added by somebody else meanwhile.
            return int(added), self.session.query(_OTHER_VALUES_OF_FEW, sent)
        return int(added), [(place, stored) for _, _, place, stored in found if place is not None]

    def _add(self, sql: str, params: Sequence[str]) -> list[Row]:
        try:
            return self.session.query(sql, params)
        except django.db.IntegrityError as error:
            if sqlstate(error) != _NOT_OF_THE_PARTITION:
                raise
            # A partition went after this process had asked for it; the next try makes it again.
            _LEAVES.forget()
            KNOWN_MONTHS.forget()
            raise TransactionConflict from error

    def _close(self, before: str, copied: Rows, rows: Rows, latest: NDArray[np.int64]) -> None:
        """Mark the hours of what was copied, and keep the latest values of `rows`: one message."""
        statements = [part for part in (self._marks(copied), self._new_latest(rows, latest)) if part]
        if before or statements:
            sql = before + ";".join(sql for sql, _ in statements)
            self.session.query(sql, [param for _, params in statements for param in params])

    def _marks(self, rows: Rows) -> Statement | None:
        if not len(rows.times):
            return None
        hours = rows.times // HOUR_US
        is_first = np.ones(len(hours), np.bool_)
        is_first[1:] = (rows.series[1:] != rows.series[:-1]) | (hours[1:] != hours[:-1])
        return _MARK, (
            str(self.tenant_id),
            _array(rows.series[is_first]),
            _array(hours[is_first] * 3_600),
        )

    def _new_latest(self, rows: Rows, latest: NDArray[np.int64]) -> Statement | None:
        order = np.lexsort((rows.times, rows.series))
        series, times = rows.series[order], rows.times[order]
        is_last = np.ones(len(order), np.bool_)
        is_last[:-1] = series[1:] != series[:-1]
        is_newer = is_last & (times > latest[order])
        if not is_newer.any():
            return None
        values = rows.values[order][is_newer]
        return _KEEP_LATEST, (
            str(self.tenant_id),
            _array(series[is_newer]),
            _array(times[is_newer]),
            _array(values),
        )


def _repeats(rows: Rows) -> NDArray[np.bool_]:
    """Which have the series and time of the one before."""
    repeats = np.zeros(len(rows.times), np.bool_)
    repeats[1:] = (rows.series[1:] == rows.series[:-1]) & (rows.times[1:] == rows.times[:-1])
    return repeats


def _in_batch_conflicts(
    rows: Rows, repeats: NDArray[np.bool_], keys: Mapping[int, SeriesKey]
) -> list[Reject]:
    """Of these repeats, the ones with another value than the row that they repeat."""
    if not repeats.any():
        return []
    firsts = np.maximum.accumulate(np.where(repeats, 0, np.arange(len(repeats))))
    differ = np.flatnonzero(repeats & (rows.values != rows.values[firsts]))
    return [rows.conflict(place, keys, float(rows.values[firsts[place]])) for place in differ.tolist()]


def _array(numbers: NDArray[np.int64] | NDArray[np.float64]) -> str:
    """As PostgreSQL reads an array; floats in their shortest form."""
    return "{" + ",".join(map(repr, numbers.tolist())) + "}"
