"""Devices, to rows and back, and the labels of their series as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from adapters.row_mapping.deletions import deletion_from_row, deletion_to_columns
from domain.telemetry.device import Device


def device_to_row(device: Device) -> dict[str, Any]:
    """The device's row."""
    return {
        "id": device.id,
        "version": device.version,
        "name": device.name,
        "description": device.description,
        "created_at": device.created_at,
        "updated_at": device.updated_at,
        **deletion_to_columns(device.deletion),
    }


def device_from_row(row: Mapping[str, Any]) -> Device:
    """The device of a row."""
    return Device.restore(
        row["id"],
        version=row["version"],
        updated_at=row["updated_at"],
        name=row["name"],
        description=row["description"],
        created_at=row["created_at"],
        deletion=deletion_from_row(row),
    )


def labels_to_text(labels: Iterable[tuple[str, str]]) -> str:
    """The one JSON text of labels that are sorted by name; `{}` for none."""
    return msgspec.json.encode(dict(labels)).decode()


def labels_from_text(text: str) -> tuple[tuple[str, str], ...]:
    """The labels of that text, sorted by name."""
    return tuple(sorted(msgspec.json.decode(text, type=dict[str, str]).items()))
