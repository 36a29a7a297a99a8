"""The catalogue of series in memory; nothing is remembered beside the database itself."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from adapters.memory.database import InMemoryDatabase
from application.ports.readings import SeriesFound
from domain.telemetry.device import Device
from domain.telemetry.reading import RejectReason, SeriesKey


class InMemorySeriesCatalogue:
    """See the port."""

    def __init__(self, *, database: InMemoryDatabase) -> None:
        self._database = database

    def find(self, tenant_id: UUID, keys: Sequence[SeriesKey]) -> list[SeriesFound]:
        """See the port."""
        known = {row["name"] for row in self._database.rows_where(Device.kind, tenant_id, lambda row: True)}
        return [self._found(tenant_id, key, known) for key in keys]

    def add(self, tenant_id: UUID, keys: Sequence[SeriesKey]) -> None:
        """See the port."""
        for key in keys:
            device_id = self._live_device(tenant_id, key.device)
            if device_id is not None:
                self._database.add_series(tenant_id, (device_id, key.metric, key.labels))

    def count(self, tenant_id: UUID) -> tuple[int, int]:
        """See the port."""
        live = self._database.rows_where(Device.kind, tenant_id, lambda row: row["deleted_at"] is None)
        return len(live), self._database.series_count(tenant_id)

    def registers_devices(self, tenant_id: UUID) -> bool:
        """See the port."""
        return tenant_id not in self._database.tenants_of_known_devices

    def _found(self, tenant_id: UUID, key: SeriesKey, known: set[str]) -> SeriesFound:
        device_id = self._live_device(tenant_id, key.device)
        if device_id is not None:
            return SeriesFound(self._database.series_id(tenant_id, (device_id, key.metric, key.labels)), None)
        if key.device in known:
            return SeriesFound(None, RejectReason.DEVICE_DELETED)
        return SeriesFound(None, RejectReason.UNKNOWN_DEVICE)

    def _live_device(self, tenant_id: UUID, name: str) -> UUID | None:
        row = self._database.row_by_value((Device.kind, tenant_id, name))
        return None if row is None else row["id"]
