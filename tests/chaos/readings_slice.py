"""Readings under chaos: load and checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from chaos.load_client import ClientsSlice
from chaos.readings_checks import lost_or_doubled_readings, unmarked_hours, wrong_latest
from chaos.readings_load import DEVICES, ReadingClient
from chaos.tables import read

CLIENTS: Final = 4
PAUSE_S: Final = 0.25
"""Mean pause of a client between two batches."""

_SERIES: Final = """
FROM {table} x JOIN series s ON s.tenant_id = x.tenant_id AND s.id = x.series_id
JOIN device d ON d.tenant_id = s.tenant_id AND d.id = s.device_id WHERE d.name = ANY(%s)
"""
_READINGS: Final = "SELECT d.name, s.metric, x.ts, x.value " + _SERIES.format(table="sensor_reading")
_MARKS: Final = "SELECT DISTINCT d.name, s.metric, x.hour " + _SERIES.format(table="dirty_mark")
_LATEST: Final = "SELECT d.name, s.metric, x.ts, x.value " + _SERIES.format(table="latest_reading")
_CONFLICTS: Final = "SELECT count(*) FROM rejected_reading WHERE reason = 'conflict'"
_NOT_LOADED: Final = "SELECT status, count(*) FROM intake WHERE status <> 'loaded' GROUP BY status"
_BODIES_LEFT: Final = "SELECT count(DISTINCT intake_id) FROM intake_body"
_TWICE: Final = "SELECT name FROM device WHERE name = ANY(%s) GROUP BY tenant_id, name HAVING count(*) > 1"


class ReadingsSlice(ClientsSlice[ReadingClient]):
    """Slice of readings; its devices register themselves."""

    name = "readings"
    client_class = ReadingClient
    clients_count = CLIENTS
    pause_s = PAUSE_S

    def unsettled(self) -> int:
        """See Slice."""
        return 0

    def differences(self) -> Sequence[str]:
        """See Slice."""
        names = (list(DEVICES),)
        acknowledged = set().union(*(client.acknowledged for client in self._clients))
        rows = [
            (device, metric, at, value) for device, metric, at, value in read(self._target, _READINGS, names)
        ]
        marks = [(device, metric, hour) for device, metric, hour in read(self._target, _MARKS, names)]
        latest = {
            (device, metric): (at, value) for device, metric, at, value in read(self._target, _LATEST, names)
        }
        ((conflicts,),) = read(self._target, _CONFLICTS)
        ((bodies,),) = read(self._target, _BODIES_LEFT)
        contradicted = sum(client.contradicted for client in self._clients)
        return [
            *self.client_faults(),
            *lost_or_doubled_readings(acknowledged, rows),
            *unmarked_hours(rows, marks),
            *wrong_latest(rows, latest),
            *(f"{count} batches are {status}" for status, count in read(self._target, _NOT_LOADED)),
            *([f"{bodies} batches that were loaded are still kept"] if bodies else []),
            *(f"device {name} was registered twice" for (name,) in read(self._target, _TWICE, names)),
            # A batch that was stored without our hearing of it is sent again, and contradicts once more.
            *([f"{contradicted} contradictions, {conflicts} kept"] if conflicts < contradicted else []),
        ]

    def counts(self) -> Mapping[str, int]:
        """See Slice."""
        total = self.client_counts()
        total["contradictions"] = sum(client.contradicted for client in self._clients)
        return total
