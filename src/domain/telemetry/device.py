"""The device: where readings come from, under a name that never changes."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from domain.errors import Conflict
from domain.event import Event
from domain.soft_deletion import SoftDeletable
from domain.telemetry.events import DeviceDeleted, DeviceDescribed, DeviceRegistered, DeviceRestored
from domain.telemetry.reading import DEVICE_NAME_LENGTH_MAX
from domain.text import require_text

DESCRIPTION_LENGTH_MAX: Final = 500

DEVICES_PER_TENANT_MAX: Final = 100_000
"""Live devices; beyond them none registers itself."""


class DeviceNameTaken(Conflict):
    """The name {name!r} belongs to another device; every live device has its own."""


class Device(SoftDeletable):
    """Something that sends readings."""

    kind = "device"
    deleted_event = DeviceDeleted
    restored_event = DeviceRestored

    name: str
    description: str
    created_at: datetime

    @classmethod
    def register(
        cls, *, id: UUID, name: str, at: datetime, description: str = "", automatic: bool = False
    ) -> Device:
        """Make a new device; `automatic`: by its first reading. Raises InvalidInput that names the field."""
        require_text("name", name, length_max=DEVICE_NAME_LENGTH_MAX)
        _require_description(description)
        device = cls(id)
        device._record(
            DeviceRegistered(occurred_at=at, name=name, description=description, automatic=automatic)
        )
        return device

    def describe(self, description: str, *, at: datetime) -> None:
        """Give the device another description; the same one changes nothing."""
        _require_description(description)
        self.require_live()
        if description != self.description:
            self._record(DeviceDescribed(occurred_at=at, description=description))

    def _apply(self, event: Event) -> None:
        match event:
            case DeviceRegistered():
                self.name, self.description, self.created_at = (
                    event.name,
                    event.description,
                    event.occurred_at,
                )
            case DeviceDescribed():
                self.description = event.description
            case _:
                super()._apply(event)


def _require_description(description: str) -> None:
    require_text("description", description, length_max=DESCRIPTION_LENGTH_MAX, length_min=0)
