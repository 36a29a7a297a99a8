"""Devices in and out of PostgreSQL, and the queries that find them."""

from __future__ import annotations

import functools
from typing import Any, Final
from uuid import UUID

from django.db.models import DateTimeField, QuerySet, Value

from adapters.django_orm.compiled_queries import CompiledQuery, compile_query, slot
from adapters.django_orm.missing import Query, refusal_of
from adapters.django_orm.models import Device as DeviceModel
from adapters.django_orm.pending_writes import PendingWrites
from adapters.django_orm.table_writes import device_writes
from adapters.django_orm.tenant_session import Row, TenantSession, compiled
from adapters.row_mapping.deletions import DELETION_COLUMNS
from adapters.row_mapping.devices import device_from_row
from domain.errors import DomainError
from domain.telemetry.device import Device

_COLUMNS: Final = (
    "id", "version", "name", "description", "created_at", "updated_at", *DELETION_COLUMNS,
)  # fmt: skip


class DjangoDeviceRepository:
    """DeviceRepository."""

    def __init__(self, session: TenantSession, tenant_id: UUID, writes: PendingWrites) -> None:
        self._session, self._tenant_id, self._writes = session, tenant_id, writes

    def get(self, device_id: UUID, *, with_deleted: bool = False) -> Device:
        """See the port."""
        saved: Device | None = self._writes.saved(Device.kind, device_id)
        if saved is not None and (with_deleted or not saved.is_deleted):
            return saved
        statement = device_by_id(with_deleted=with_deleted)
        rows = self._session.query(*statement.bound({"tenant_id": self._tenant_id, "id": device_id}))
        if not rows:
            raise missing_device(self._session.query, self._tenant_id, device_id)
        return self._writes.loaded(device_of(rows[0]))

    def save(self, device: Device) -> None:
        """See the port."""
        self._writes.save(device, lambda saved, version, events: device_writes(saved, version))


def device_rows(devices: QuerySet[DeviceModel]) -> QuerySet[Any, Any]:
    """The rows of those devices for `device_of`."""
    return devices.values_list(*_COLUMNS)


def device_of(row: Row) -> Device:
    """The device of a row of `device_rows`."""
    return device_from_row(dict(zip(_COLUMNS, row, strict=True)))


@functools.cache
def device_by_id(*, with_deleted: bool = False) -> CompiledQuery:
    """The live device of `id`, or the deleted one too, of `tenant_id`; its rows are for `device_of`."""
    devices = DeviceModel.objects.all_with_deleted() if with_deleted else DeviceModel.objects.all()
    return compile_query(device_rows(devices.filter(tenant_id=slot("tenant_id"), id=slot("id"))))


def missing_device(query: Query, tenant_id: UUID, device_id: UUID) -> DomainError:
    """NotFound, or Gone with the version at which the device was deleted."""
    deleted = DeviceModel.objects.only_deleted().filter(tenant_id=tenant_id, id=device_id)
    never = Value(None, output_field=DateTimeField())
    rows = query(*compiled(deleted.values_list("id", "version", never)))
    return refusal_of(rows, Device.kind, str(device_id))
