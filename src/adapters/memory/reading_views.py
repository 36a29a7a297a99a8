"""Readings in memory as they are asked for; every answer looks at all of the tenant's."""

from __future__ import annotations

from uuid import UUID

from adapters.memory.database import InMemoryDatabase
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
from domain.errors import Gone, NotFound
from domain.telemetry.device import Device
from domain.telemetry.reading import microseconds, moment

_Series = dict[int, tuple[str, tuple[tuple[str, str], ...]]]
"""Metric and labels by id."""


class InMemoryReadingViews:
    """ReadingViews."""

    def __init__(self, database: InMemoryDatabase) -> None:
        self._database = database

    def list(
        self,
        tenant_id: UUID,
        wanted: SeriesFilter,
        within: TimeRange,
        *,
        after: PageKey | None = None,
        limit: int = PAGE_DEFAULT,
    ) -> Page[ReadingView]:
        """See the port."""
        series = self._series(tenant_id, wanted)
        if len(series) > SERIES_PER_QUESTION_MAX:
            raise too_many_series()
        first = None if within.begins is None else microseconds(within.begins)
        end = None if within.ends is None else microseconds(within.ends)
        behind = None if after is None else (microseconds(after.created_at), after.id.int)
        with self._database.latch:
            values = tuple(self._database.readings.values.items())
        found = sorted(
            (time, series_id, value)
            for (of, series_id, time), value in values
            if of == tenant_id
            and series_id in series
            and (first is None or first <= time)
            and (end is None or time < end)
            and (behind is None or (time, series_id) > behind)
        )
        return _page(wanted.device, series, found, limit)

    def latest(
        self,
        tenant_id: UUID,
        wanted: SeriesFilter,
        *,
        after: PageKey | None = None,
        limit: int = PAGE_DEFAULT,
    ) -> Page[ReadingView]:
        """See the port."""
        series = self._series(tenant_id, wanted)
        in_order = sorted(series, key=lambda series_id: series[series_id])
        if after is not None:
            # Series are never removed: the one that the page before ended with is there, if a page named it.
            place = in_order.index(after.id.int) + 1 if after.id.int in series else len(in_order)
            in_order = in_order[place:]
        with self._database.latch:
            latest = self._database.readings.latest
            found = [
                (*latest[tenant_id, series_id], series_id)
                for series_id in in_order
                if (tenant_id, series_id) in latest
            ]
        return _page(
            wanted.device, series, [(time, series_id, value) for time, value, series_id in found], limit
        )

    def _series(self, tenant_id: UUID, wanted: SeriesFilter) -> _Series:
        live = self._database.row_by_value((Device.kind, tenant_id, wanted.device))
        if live is None:
            raise self._missing(tenant_id, wanted.device)
        looked_at = {
            series_id: (metric, labels)
            for (device_id, metric, labels), series_id in self._database.all_series(tenant_id)
            if device_id == live["id"] and wanted.metric in (None, metric)
        }
        if wanted.labels and len(looked_at) > SERIES_LOOKED_AT_MAX:
            raise too_many_to_look_at()
        return {
            series_id: (metric, labels)
            for series_id, (metric, labels) in looked_at.items()
            if set(wanted.labels) <= set(labels)
        }

    def _missing(self, tenant_id: UUID, name: str) -> NotFound | Gone:
        rows = self._database.rows_where(Device.kind, tenant_id, lambda row: row["name"] == name)
        if not rows:
            return NotFound(kind=Device.kind, id=name)
        last = max(rows, key=lambda row: (row["deleted_at"], row["id"]))
        return Gone(kind=Device.kind, id=name, aggregate_id=str(last["id"]), current_version=last["version"])


def _page(device: str, series: _Series, found: list[tuple[int, int, float]], limit: int) -> Page[ReadingView]:
    size = max(0, min(limit, READINGS_PAGE_MAX))
    items = tuple(
        ReadingView(
            device=device,
            metric=series[series_id][0],
            labels=dict(series[series_id][1]),
            ts=moment(time),
            value=value,
        )
        for time, series_id, value in found[:size]
    )
    has_more = len(found) > size > 0
    return Page(items, PageKey(items[-1].ts, UUID(int=found[size - 1][1])) if has_more else None)
