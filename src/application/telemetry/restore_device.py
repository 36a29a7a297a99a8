"""Bring a deleted device back, with its series."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.conflict_retry import retry_on_conflict
from application.ports.clock import BackOff, Clock
from application.ports.device_view import DeviceView
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.repeated_restore import repeats_restoration
from application.run_once import run_once
from domain.aggregate import ExpectedVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreDevice:
    """Which device, and the version at which it was deleted (None: any)."""

    device_id: UUID
    expected_version: ExpectedVersion


@dataclass(frozen=True)
class RestoreDeviceHandler:
    """Undoes the deletion: the device is found under its name again, and with it its series (D3)."""

    open_unit_of_work: OpenUnitOfWork
    now: Clock
    back_off: BackOff

    @retry_on_conflict(tries_max=3)
    @run_once(DeviceView)
    def handle(self, command: RestoreDevice, uow: UnitOfWork) -> DeviceView:
        """Raises NotFound, StaleObjectError, NotDeleted, and DeviceNameTaken if a live device has the name."""
        device = uow.devices.get(command.device_id, with_deleted=True)
        if not device.is_deleted and repeats_restoration(uow, device, command.expected_version):
            return DeviceView.of(device)
        device.require_version(command.expected_version)
        device.undelete(at=self.now())
        uow.devices.save(device)
        return DeviceView.of(device)
