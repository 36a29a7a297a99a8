"""Register a device."""

from __future__ import annotations

from dataclasses import dataclass

from application.conflict_retry import retry_on_conflict
from application.ports.clock import BackOff, Clock, NewId
from application.ports.device_view import DeviceView
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.run_once import run_once
from domain.telemetry.device import Device


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterDevice:
    """A name, for good, and a description."""

    name: str
    description: str = ""


@dataclass(frozen=True)
class RegisterDeviceHandler:
    """Registers the device; one that was deleted may have had the name, and keeps its own series."""

    open_unit_of_work: OpenUnitOfWork
    now: Clock
    new_id: NewId
    back_off: BackOff

    @retry_on_conflict(tries_max=3)
    @run_once(DeviceView)
    def handle(self, command: RegisterDevice, uow: UnitOfWork) -> DeviceView:
        """Raises InvalidInput, DeviceNameTaken."""
        device = Device.register(
            id=self.new_id(), name=command.name, description=command.description, at=self.now()
        )
        uow.devices.save(device)
        return DeviceView.of(device)
