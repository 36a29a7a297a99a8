"""Devices over HTTP."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from application.ports.read_models import PAGE_DEFAULT, DeviceFilter
from application.telemetry.delete_device import DeleteDevice
from application.telemetry.describe_device import DescribeDevice
from application.telemetry.register_device import RegisterDevice
from application.telemetry.restore_device import RestoreDevice
from domain.telemetry.device import Device
from entrypoints.http_messages.cursors import to_cursor
from entrypoints.http_messages.device_operations import (
    DELETE_DEVICE,
    DESCRIBE_DEVICE,
    LIST_DEVICES,
    READ_DEVICE,
    REGISTER_DEVICE,
    RESTORE_DEVICE,
)
from entrypoints.http_messages.operation import by_method
from entrypoints.rest_api.addresses import known_id
from entrypoints.rest_api.api_view import ApiView
from entrypoints.rest_api.wiring import container


class Devices(ApiView):
    """/v1/devices"""

    operations = by_method(LIST_DEVICES, REGISTER_DEVICE)

    def get(self, request: Request) -> HttpResponse:
        """A page of devices."""
        after, limit = self.query.pop("cursor", None), self.query.pop("limit", PAGE_DEFAULT)
        with container().read_models(self.context.tenant_id) as views:
            page = views.devices(DeviceFilter(**self.query), after=after, limit=limit)
        return self.listed(page.items, page.next and {"cursor": to_cursor(page.next)})

    def post(self, request: Request) -> HttpResponse:
        """Register a device."""
        answer = container().register_device().handle(RegisterDevice(**self.fields), self.context)
        return self.answer(answer, location=f"/v1/devices/{answer.result.id}")


class OneDevice(ApiView):
    """/v1/devices/{device_id}"""

    operations = by_method(READ_DEVICE, DESCRIBE_DEVICE, DELETE_DEVICE)

    def get(self, request: Request, device_id: str) -> HttpResponse:
        """The device as it stands."""
        with container().read_models(self.context.tenant_id) as views:
            return self.shown(views.device(known_device_id(device_id)))

    def patch(self, request: Request, device_id: str) -> HttpResponse:
        """Describe the device."""
        command = DescribeDevice(
            device_id=known_device_id(device_id), expected_version=self.expected_version, **self.fields
        )
        return self.answer(container().describe_device().handle(command, self.context))

    def delete(self, request: Request, device_id: str) -> HttpResponse:
        """Delete the device; answers its tag."""
        command = DeleteDevice(
            device_id=known_device_id(device_id),
            expected_version=self.expected_version,
            actor=self.context.actor,
            **self.query,
        )
        return self.answer(container().delete_device().handle(command, self.context))


class DeviceRestoration(ApiView):
    """/v1/devices/{device_id}/restore"""

    operations = by_method(RESTORE_DEVICE)

    def post(self, request: Request, device_id: str) -> HttpResponse:
        """Bring the device back."""
        command = RestoreDevice(device_id=known_device_id(device_id), expected_version=self.expected_version)
        return self.answer(container().restore_device().handle(command, self.context))


def known_device_id(text: str) -> UUID:
    """The device's id of that address. Raises NotFound for a text that is none."""
    return known_id(Device.kind, text)
