"""The repository of devices in memory."""

from __future__ import annotations

from uuid import UUID

from adapters.memory.missing import missing
from adapters.memory.transaction import Transaction
from adapters.memory.write_list import RowWrite, UniqueValue, WriteList
from adapters.row_mapping.devices import device_from_row, device_to_row
from domain.telemetry.device import Device, DeviceNameTaken


class InMemoryDeviceRepository:
    """Devices."""

    def __init__(self, transaction: Transaction, writes: WriteList) -> None:
        self._transaction, self._writes = transaction, writes

    def get(self, device_id: UUID, *, with_deleted: bool = False) -> Device:
        """See the port."""
        saved: Device | None = self._writes.saved(Device.kind, device_id)
        if saved is not None and (with_deleted or not saved.is_deleted):
            return saved
        row = self._transaction.row(Device.kind, device_id)
        if row is None or (row["deleted_at"] is not None and not with_deleted):
            raise missing(Device.kind, str(device_id), row)
        device = device_from_row(row)
        self._writes.loaded(device)
        return device

    def save(self, device: Device) -> None:
        """See the port."""
        self._writes.save(RowWrite(device, lambda: device_to_row(device), lambda: [_name(device)]))


def _name(device: Device) -> UniqueValue:
    return UniqueValue(device.name, lambda: DeviceNameTaken(name=device.name), not device.is_deleted)
