"""The catalogue of series on PostgreSQL, with a memory of what was found that no deletion outlives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from adapters.django_orm.remembered_series import RememberedSeries
from adapters.django_orm.tenant_session import query_once
from adapters.row_mapping.devices import labels_to_text
from application.ports.readings import SeriesFound
from domain.telemetry.reading import RejectReason, SeriesKey

SERIES_REMEMBERED_MAX: Final = 200_000
"""Of all tenants together, in one process."""

_DELETIONS: Final = "coalesce((SELECT t.deletions FROM telemetry_setting t WHERE t.tenant_id = %s), 0)"
_KEYS: Final = (
    "unnest(%s::text[], %s::text[], %s::text[]) WITH ORDINALITY AS k (device, metric, labels, place)"
)
# LIMIT keeps each look-up a walk down an index, one for each key. Without it the planner, whose statistics may know
# nothing yet of a tenant's new devices, reads all that the tenant has.
_LIVE_DEVICE: Final = (
    "LATERAL (SELECT d.id FROM device d"
    " WHERE d.tenant_id = %s AND d.name = k.device AND d.deleted_at IS NULL LIMIT 1) live"
)
_SERIES: Final = (
    "LATERAL (SELECT s.id FROM series s WHERE s.tenant_id = %s AND s.device_id = live.id AND s.metric = k.metric"
    " AND s.labels_digest = sha256(convert_to(k.labels, 'UTF8')) LIMIT 1) there"
)
_FIND_DELETIONS: Final = f"SELECT {_DELETIONS}"
_FIND: Final = f"""
SELECT {_DELETIONS}, there.id, live.id IS NOT NULL, gone.id IS NOT NULL
FROM {_KEYS}
LEFT JOIN {_LIVE_DEVICE} ON true
LEFT JOIN {_SERIES} ON true
LEFT JOIN LATERAL (
    SELECT d.id FROM device d WHERE live.id IS NULL AND d.tenant_id = %s AND d.name = k.device LIMIT 1
) gone ON true
ORDER BY k.place
"""  # noqa: S608 - constants of this file
# Every batch adds in the order of the unique key: whoever meets another's new series waits for it, never in a circle.
_ADD: Final = f"""
INSERT INTO series (tenant_id, id, device_id, metric, labels, labels_digest, created_at)
SELECT %s, nextval('series_id'), n.device_id, n.metric, n.labels, n.digest, clock_timestamp()
FROM (
    SELECT live.id AS device_id, k.metric, k.labels, sha256(convert_to(k.labels, 'UTF8')) AS digest
    FROM {_KEYS}
    JOIN {_LIVE_DEVICE} ON true
    LEFT JOIN {_SERIES} ON true
    WHERE there.id IS NULL
) n
ORDER BY n.device_id, n.metric, n.digest
ON CONFLICT (tenant_id, device_id, metric, labels_digest) DO NOTHING
"""  # noqa: S608 - constants of this file
_COUNT: Final = """
SELECT (SELECT count(*) FROM device WHERE tenant_id = %s AND deleted_at IS NULL),
    coalesce((SELECT t.series_count FROM telemetry_setting t WHERE t.tenant_id = %s), 0)
"""
_REGISTERS: Final = (
    "SELECT coalesce((SELECT t.registers_devices FROM telemetry_setting t WHERE t.tenant_id = %s), true)"
)


class DjangoSeriesCatalogue:
    """SeriesCatalogue; one for a process, used outside of units of work.

    What was found is remembered with the tenant's count of deletions. Each `find` reads that count together with what
    is not remembered, in one statement and so in one snapshot; another count voids what is remembered. A deletion alone
    can void it: a live device that was found stays the only one of its name until it is deleted.
    """

    def __init__(self, *, remembered_max: int = SERIES_REMEMBERED_MAX) -> None:
        self._remembered = RememberedSeries(remembered_max)

    def find(self, tenant_id: UUID, keys: Sequence[SeriesKey]) -> list[SeriesFound]:
        """See the port. One statement; a second one after a deletion."""
        ids, deletions_then = self._remembered.recall(tenant_id, keys)
        unknown = [place for place, series_id in enumerate(ids) if series_id is None]
        found = [SeriesFound(series_id, None) for series_id in ids]
        deletions = self._look_up(tenant_id, keys, unknown, found)
        if len(unknown) < len(keys) and deletions != deletions_then:
            self._look_up(tenant_id, keys, range(len(keys)), found)
        return found

    def add(self, tenant_id: UUID, keys: Sequence[SeriesKey]) -> None:
        """See the port. One statement."""
        if keys:
            query_once(tenant_id, f"{_ADD} RETURNING 1", (tenant_id, *_columns(keys), tenant_id, tenant_id))

    def count(self, tenant_id: UUID) -> tuple[int, int]:
        """See the port. Series are counted as they are added."""
        ((devices, series),) = query_once(tenant_id, _COUNT, (tenant_id, tenant_id))
        return devices, series

    def registers_devices(self, tenant_id: UUID) -> bool:
        """See the port."""
        ((registers,),) = query_once(tenant_id, _REGISTERS, (tenant_id,))
        return bool(registers)

    def _look_up(
        self, tenant_id: UUID, keys: Sequence[SeriesKey], places: Sequence[int], found: list[SeriesFound]
    ) -> int:
        """Put what the database says into these places of `found`; the tenant's count of deletions."""
        if not places:
            ((deletions,),) = query_once(tenant_id, _FIND_DELETIONS, (tenant_id,))
            return int(deletions)
        wanted = [keys[place] for place in places]
        params = (tenant_id, *_columns(wanted), tenant_id, tenant_id, tenant_id)
        rows = query_once(tenant_id, _FIND, params)
        for place, (_, series_id, is_live, was_deleted) in zip(places, rows, strict=True):
            refusal = None
            if not is_live:
                refusal = RejectReason.DEVICE_DELETED if was_deleted else RejectReason.UNKNOWN_DEVICE
            found[place] = SeriesFound(series_id, refusal)
        deletions = int(rows[0][0])
        ids = ((key, row[1]) for key, row in zip(wanted, rows, strict=True) if row[1] is not None)
        self._remembered.keep(tenant_id, deletions, ids)
        return deletions


def _columns(keys: Sequence[SeriesKey]) -> tuple[list[str], list[str], list[str]]:
    return (
        [key.device for key in keys],
        [key.metric for key in keys],
        [labels_to_text(key.labels) if key.labels else "{}" for key in keys],
    )
