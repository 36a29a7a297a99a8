"""What can be asked about devices."""

from __future__ import annotations

from typing import Final

from application.ports.device_view import DeviceView
from application.telemetry.describe_device import DescribeDevice
from application.telemetry.register_device import RegisterDevice
from domain.access import Scope
from domain.errors import Gone, NotFound
from domain.soft_deletion import NotDeleted
from domain.telemetry.device import DeviceNameTaken
from domain.telemetry.reading import DEVICE_NAME_LENGTH_MAX
from entrypoints.http_messages import query
from entrypoints.http_messages.operation import DELETED, LIMIT, REASON, Operation, body_of

LIST_DEVICES: Final = Operation(
    id="listDevices", method="GET", path="/v1/devices", summary="List devices, newest first",
    scope=Scope.READINGS_READ, result=DeviceView, is_list=True, gives_tag=False,
    query=(
        query.text("name", "Only the device with this name.", length_max=DEVICE_NAME_LENGTH_MAX),
        DELETED,
        LIMIT,
        query.cursor(),
    ),
)  # fmt: skip
REGISTER_DEVICE: Final = Operation(
    id="registerDevice", method="POST", path="/v1/devices", summary="Register a device",
    scope=Scope.READINGS_WRITE, result=DeviceView, status=201, gives_location=True, takes_key=True,
    needs_key=True, body=body_of(RegisterDevice), own_refusals=(DeviceNameTaken,),
    note="Unless the tenant has turned that off, a device is also registered by its first reading.",
)  # fmt: skip
READ_DEVICE: Final = Operation(
    id="readDevice", method="GET", path="/v1/devices/{device_id}", summary="Read a device",
    scope=Scope.READINGS_READ, result=DeviceView, own_refusals=(NotFound, Gone),
)  # fmt: skip
DESCRIBE_DEVICE: Final = Operation(
    id="describeDevice", method="PATCH", path="/v1/devices/{device_id}",
    summary="Give a device another description; its name never changes",
    scope=Scope.READINGS_WRITE, result=DeviceView, takes_key=True, needs_version=True,
    body=body_of(DescribeDevice), own_refusals=(NotFound, Gone),
)  # fmt: skip
DELETE_DEVICE: Final = Operation(
    id="deleteDevice", method="DELETE", path="/v1/devices/{device_id}",
    summary="Delete a device; its name is free again",
    scope=Scope.READINGS_WRITE, result=None, status=204, takes_key=True, needs_version=True,
    query=(REASON,), own_refusals=(NotFound, Gone),
    note="Its readings stay. New ones are refused until it is restored, or its name is registered anew: it does not "
    "come back by itself.",
)  # fmt: skip
RESTORE_DEVICE: Final = Operation(
    id="restoreDevice", method="POST", path="/v1/devices/{device_id}/restore",
    summary="Bring back a deleted device, with its series",
    scope=Scope.READINGS_WRITE, result=DeviceView, takes_key=True, needs_version=True,
    own_refusals=(NotFound, NotDeleted, DeviceNameTaken),
)  # fmt: skip

DEVICE_OPERATIONS: Final = (
    LIST_DEVICES,
    REGISTER_DEVICE,
    READ_DEVICE,
    DESCRIBE_DEVICE,
    DELETE_DEVICE,
    RESTORE_DEVICE,
)
