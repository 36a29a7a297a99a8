"""A device as readers see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.telemetry.device import Device


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView:
    """A device at one version."""

    id: UUID
    version: int
    name: str
    description: str
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None

    @classmethod
    def of(cls, device: Device) -> DeviceView:
        """The view of the aggregate as it stands."""
        return cls(
            id=device.id,
            version=device.version,
            name=device.name,
            description=device.description,
            created_at=device.created_at,
            updated_at=device.updated_at,
            deleted_at=device.deletion.at if device.deletion else None,
        )
