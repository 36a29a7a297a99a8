"""Readings on PostgreSQL as they are asked for.

The key of a reading is its series and time, so each series is a walk down an index, which begins where the page before
ended and leaves out the partitions before that. Of several series each gives its share of the page; they are merged up
to where the first of them may have more (docs/decisions/0031-reading-readings.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from adapters.django_orm.missing import refusal_of
from adapters.django_orm.tenant_session import Row, query_once
from adapters.row_mapping.devices import labels_from_text, labels_to_text
from application.ports.read_models import PAGE_DEFAULT, Page, PageKey
from application.ports.reading_views import (
    READINGS_PAGE_MAX,
    SERIES_LOOKED_AT_MAX,
    SERIES_PER_QUESTION_MAX,
    ReadingView,
    SeriesFilter,
    TimeRange,
    too_many_series,
    too_many_to_look_at,
)
from domain.telemetry.device import Device

_SERIES_ID_MAX: Final = 2**63 - 1
_MICROSECOND: Final = timedelta(microseconds=1)

# The live device of the name, else the one that was deleted last, with what is wanted of a live one's series.
_OF_DEVICE: Final = """
SELECT d.id, d.version, d.deleted_at IS NULL, w.*
FROM (
    SELECT id, version, deleted_at FROM device WHERE tenant_id = %s AND name = %s
    ORDER BY deleted_at DESC NULLS FIRST, id DESC LIMIT 1
) d
LEFT JOIN LATERAL (
    SELECT s.place, {columns} FROM (
        SELECT s.*, {place} AS place FROM series s
        WHERE s.tenant_id = %s AND s.device_id = d.id AND d.deleted_at IS NULL {conditions}
        {at_most}
    ) s {join}
    WHERE {matches}
    ORDER BY s.metric, s.labels_digest LIMIT %s
) w ON true
"""
_WITH_LATEST: Final = (
    "LEFT JOIN LATERAL (SELECT l.ts, l.value FROM latest_reading l"
    " WHERE l.tenant_id = s.tenant_id AND l.series_id = s.id LIMIT 1) l ON true"
)
# No index finds labels, so series are counted as they are looked at; one more than may be says that there are more.
_COUNTED: Final = "row_number() OVER (ORDER BY s.metric, s.labels_digest)"
_AT_MOST: Final = "ORDER BY s.metric, s.labels_digest LIMIT %s"
# Neither of them ever changes in a series, so a page may begin behind one.
_BEHIND: Final = (
    "AND (s.metric, s.labels_digest) > ((SELECT metric FROM series WHERE tenant_id = %s AND id = %s),"
    " (SELECT labels_digest FROM series WHERE tenant_id = %s AND id = %s))"
)
# The bounds of the whole stand beside that of each series: they leave out partitions before anything is run.
_READINGS: Final = """
SELECT r.ts, w.place - 1, r.value
FROM unnest(%s::bigint[], %s::timestamptz[]) WITH ORDINALITY AS w (series_id, begins, place)
CROSS JOIN LATERAL (
    SELECT s.ts, s.value FROM sensor_reading s
    WHERE s.series_id = w.series_id AND s.ts >= w.begins {bounds}
    ORDER BY s.ts LIMIT %s
) r
ORDER BY r.ts, w.series_id
"""


class _Series(NamedTuple):
    id: int
    metric: str
    labels: dict[str, str]


class DjangoReadingViews:
    """ReadingViews, as the application's role."""

    def list(
        self,
        tenant_id: UUID,
        wanted: SeriesFilter,
        within: TimeRange,
        *,
        after: PageKey | None = None,
        limit: int = PAGE_DEFAULT,
    ) -> Page[ReadingView]:
        """See the port. Two statements: which series, and their readings."""
        size = _bounded(limit)
        found = _of_device(tenant_id, wanted, "s.id, s.metric, s.labels", limit=SERIES_PER_QUESTION_MAX + 1)
        if len(found) > SERIES_PER_QUESTION_MAX:
            raise too_many_series()
        series = [_Series(id_, metric, dict(labels_from_text(labels))) for id_, metric, labels in found]
        if not series or size == 0:
            return Page((), None)
        share = -(-size // len(series)) + 1
        rows = query_once(tenant_id, *_readings(series, within, after, share))
        shown = rows[: min(size, _complete(rows, share))]
        items = tuple(
            ReadingView(
                device=wanted.device,
                metric=series[n].metric,
                labels=series[n].labels,
                ts=ts,
                value=value,
            )
            for ts, n, value in shown
        )
        key = None
        if len(shown) < len(rows):
            ts, n, _ = shown[-1]
            key = PageKey(ts, UUID(int=series[n].id))
        return Page(items, key)

    def latest(
        self,
        tenant_id: UUID,
        wanted: SeriesFilter,
        *,
        after: PageKey | None = None,
        limit: int = PAGE_DEFAULT,
    ) -> Page[ReadingView]:
        """See the port. One statement."""
        size = _bounded(limit)
        rows = _of_device(
            tenant_id,
            wanted,
            "s.id, s.metric, s.labels, l.ts, l.value",
            limit=size + 1,
            behind=None if after is None else after.id,
            with_latest=True,
        )
        items = tuple(
            ReadingView(
                device=wanted.device, metric=metric, labels=dict(labels_from_text(labels)), ts=ts, value=value
            )
            for _, metric, labels, ts, value in rows[:size]
        )
        has_more = len(rows) > size > 0
        return Page(items, PageKey(rows[size - 1][3], UUID(int=rows[size - 1][0])) if has_more else None)


def _of_device(
    tenant_id: UUID,
    wanted: SeriesFilter,
    columns: str,
    *,
    limit: int,
    behind: UUID | None = None,
    with_latest: bool = False,
) -> list[Row]:
    """Rows of the wanted series by their key, beyond the one of that number. Raises NotFound, Gone, InvalidInput."""
    conditions, params = [], [tenant_id, wanted.device, tenant_id]
    matches = "l.ts IS NOT NULL" if with_latest else "true"
    place, at_most = "0", ""
    if wanted.metric is not None:
        conditions.append("AND s.metric = %s")
        params.append(wanted.metric)
    if behind is not None:
        conditions.append(_BEHIND)
        params += [tenant_id, _series_id(behind)] * 2
    if wanted.labels:
        # Each label's own text is looked for first: it is there in all that match, and costs a tenth of parsing JSON.
        texts = [labels_to_text([label])[1:-1] for label in wanted.labels]
        contains = " AND ".join("strpos(s.labels, %s) > 0" for _ in texts)
        has_labels = f"CASE WHEN {contains} THEN s.labels::jsonb @> %s::jsonb ELSE false END"
        matches = f"(s.place > %s OR ({matches} AND {has_labels}))"
        place, at_most = _COUNTED, _AT_MOST
        params += [SERIES_LOOKED_AT_MAX + 1, SERIES_LOOKED_AT_MAX, *texts, labels_to_text(wanted.labels)]
    sql = _OF_DEVICE.format(
        columns=columns,
        place=place,
        conditions=" ".join(conditions),
        at_most=at_most,
        join=_WITH_LATEST if with_latest else "",
        matches=matches,
    )
    rows = query_once(tenant_id, sql, (*params, limit))
    if not rows or not rows[0][2]:
        raise refusal_of([(*rows[0][:2], None)] if rows else [], Device.kind, wanted.device)
    found = [row[3:] for row in rows if row[3] is not None]
    if any(row[0] > SERIES_LOOKED_AT_MAX for row in found):
        raise too_many_to_look_at()
    return [row[1:] for row in found]


def _readings(
    series: Sequence[_Series], within: TimeRange, after: PageKey | None, share: int
) -> tuple[str, tuple[Any, ...]]:
    begins: list[datetime | str | None]
    bounds, params, first = [], [], within.begins
    if after is not None and (first is None or first <= after.created_at):
        first, last_read = after.created_at, _series_id(after.id)
        # Of the reading's own time, those of the series behind it are still to come.
        begins = [first if one.id > last_read else _next_moment(first) for one in series]
    else:
        begins = [first] * len(series)
    if first is not None:
        bounds.append("AND s.ts >= %s")
        params.append(first)
    if within.ends is not None:
        bounds.append("AND s.ts < %s")
        params.append(within.ends)
    own = [at or "-infinity" for at in begins]
    sql = _READINGS.format(bounds=" ".join(bounds))
    return sql, ([one.id for one in series], own, *params, share)


def _next_moment(at: datetime) -> datetime | str:
    try:
        return at + _MICROSECOND
    except OverflowError:
        return "infinity"


def _complete(rows: Sequence[Row], share: int) -> int:
    """How many of the rows nothing can lie between: up to the first series whose share is used up, which may have more.

    The row that uses it up is left for the next page, so that there is one.
    """
    seen: Counter[int] = Counter()
    for number, (_, n, _) in enumerate(rows):
        seen[n] += 1
        if seen[n] == share:
            return number
    return len(rows)


def _series_id(named: UUID) -> int:
    """A cursor that somebody made up may name what no series can have."""
    return min(named.int, _SERIES_ID_MAX)


def _bounded(limit: int) -> int:
    return max(0, min(limit, READINGS_PAGE_MAX))
