"""Delete a device: its readings stay, and new ones are refused."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.conflict_retry import retry_on_conflict
from application.ports.clock import BackOff, Clock, NewId
from application.ports.device_view import DeviceView
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.run_once import run_once
from domain.aggregate import ExpectedVersion
from domain.retention import Deletion


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteDevice:
    """Which device, at which version (None: any), who deletes it, and why."""

    device_id: UUID
    expected_version: ExpectedVersion
    actor: str
    reason: str = ""


@dataclass(frozen=True)
class DeleteDeviceHandler:
    """Hides the device with its series; the repetition of that changes nothing and answers alike (D5)."""

    open_unit_of_work: OpenUnitOfWork
    now: Clock
    new_id: NewId
    back_off: BackOff

    @retry_on_conflict(tries_max=3)
    @run_once(DeviceView)
    def handle(self, command: DeleteDevice, uow: UnitOfWork) -> DeviceView:
        """Raises NotFound, Gone, StaleObjectError, InvalidInput."""
        device = uow.devices.get(command.device_id, with_deleted=True)
        if device.is_deleted:
            if not device.repeats_last_event(command.expected_version):
                raise device.gone()
            return DeviceView.of(device)
        device.require_version(command.expected_version)
        device.delete(Deletion(self.new_id(), command.actor, command.reason, self.now()))
        uow.devices.save(device)
        return DeviceView.of(device)
