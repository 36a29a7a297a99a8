"""What can happen to a device."""

from __future__ import annotations

from dataclasses import dataclass

from domain.event import Event, event
from domain.soft_deletion import Deleted, Restored


@event("device.registered")
@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRegistered(Event):
    """Readings of the device are taken from now on; `automatic`: its first reading has registered it."""

    name: str
    description: str
    automatic: bool


@event("device.described")
@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceDescribed(Event):
    """The device has another description; its name never changes."""

    description: str


@event("device.deleted")
@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceDeleted(Deleted):
    """The device is hidden with its series, its readings are refused, and its name is free again."""


@event("device.restored")
@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRestored(Restored):
    """The device is shown again, under its name."""
