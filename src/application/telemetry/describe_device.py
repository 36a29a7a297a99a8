"""Give a device another description."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.conflict_retry import retry_on_conflict
from application.ports.clock import BackOff, Clock
from application.ports.device_view import DeviceView
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.run_once import run_once
from domain.aggregate import ExpectedVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeDevice:
    """Which device, at which version (None: any), and its description from now on; None leaves it as it is."""

    device_id: UUID
    expected_version: ExpectedVersion
    description: str | None = None


@dataclass(frozen=True)
class DescribeDeviceHandler:
    """Describes the device."""

    open_unit_of_work: OpenUnitOfWork
    now: Clock
    back_off: BackOff

    @retry_on_conflict(tries_max=3)
    @run_once(DeviceView)
    def handle(self, command: DescribeDevice, uow: UnitOfWork) -> DeviceView:
        """Raises NotFound, Gone, StaleObjectError, InvalidInput."""
        device = uow.devices.get(command.device_id)
        device.require_version(command.expected_version)
        if command.description is not None:
            device.describe(command.description, at=self.now())
        uow.devices.save(device)
        return DeviceView.of(device)
