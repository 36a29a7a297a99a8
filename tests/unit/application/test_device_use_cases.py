"""Registering, describing, deleting and restoring a device."""

from __future__ import annotations

import functools

import pytest

from adapters.memory.database import InMemoryDatabase
from adapters.memory.read_models import InMemoryReadModels
from adapters.memory.unit_of_work import InMemoryUnitOfWork
from adapters.system_clock import new_id
from application.ports.device_view import DeviceView
from application.ports.unit_of_work import CommandContext
from application.telemetry.delete_device import DeleteDevice, DeleteDeviceHandler
from application.telemetry.describe_device import DescribeDevice, DescribeDeviceHandler
from application.telemetry.register_device import RegisterDevice, RegisterDeviceHandler
from application.telemetry.restore_device import RestoreDevice, RestoreDeviceHandler
from builders import NOON, a_context, a_key
from domain.errors import Gone, StaleObjectError
from domain.soft_deletion import NotDeleted
from domain.telemetry.device import DeviceNameTaken


class Fleet:
    """One tenant's devices in memory."""

    def __init__(self) -> None:
        self.context = a_context()
        self.database = InMemoryDatabase()
        store = functools.partial(InMemoryUnitOfWork, database=self.database)
        with_ids = (store, lambda: NOON, new_id, lambda number: None)
        self.register_device, self.delete_device = (
            RegisterDeviceHandler(*with_ids),
            DeleteDeviceHandler(*with_ids),
        )
        without_ids = (store, lambda: NOON, lambda number: None)
        self.describe_device, self.restore_device = (
            DescribeDeviceHandler(*without_ids),
            RestoreDeviceHandler(*without_ids),
        )

    def register(self, name: str, context: CommandContext | None = None) -> DeviceView:
        command = RegisterDevice(name=name, description="in the cellar")
        return self.register_device.handle(command, context or self.context).result

    def describe(self, device: DeviceView, description: str | None, version: int | None) -> DeviceView:
        command = DescribeDevice(device_id=device.id, expected_version=version, description=description)
        return self.describe_device.handle(command, self.context).result

    def delete(self, device: DeviceView, version: int | None = None) -> DeviceView:
        command = DeleteDevice(device_id=device.id, expected_version=version, actor="alice", reason="old")
        return self.delete_device.handle(command, self.context).result

    def restore(self, device: DeviceView, version: int | None = None) -> DeviceView:
        command = RestoreDevice(device_id=device.id, expected_version=version)
        return self.restore_device.handle(command, self.context).result

    def stored(self, device: DeviceView) -> DeviceView:
        return InMemoryReadModels(self.context.tenant_id, database=self.database).device(device.id)


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.mark.promise("H2", "D2")
def test_a_device_is_registered_once_under_its_key_and_its_name(fleet: Fleet) -> None:
    keyed = a_context(tenant_id=fleet.context.tenant_id, key=a_key())
    first = fleet.register("pump-7", keyed)
    assert fleet.register("pump-7", keyed) == first == fleet.stored(first)
    with pytest.raises(DeviceNameTaken):
        fleet.register("pump-7")


@pytest.mark.promise("L1", "L4")
def test_a_description_is_changed_at_the_version_that_was_read(fleet: Fleet) -> None:
    device = fleet.register("pump-7")
    assert fleet.describe(device, None, 1) == device
    described = fleet.describe(device, "in the attic", 1)
    assert (described.version, described.description, fleet.stored(device)) == (2, "in the attic", described)
    with pytest.raises(StaleObjectError):
        fleet.describe(device, "anywhere", 1)


@pytest.mark.promise("D3", "D5")
def test_a_deletion_and_its_restoration_may_each_be_repeated(fleet: Fleet) -> None:
    device = fleet.register("pump-7")
    gone = fleet.delete(device, 1)
    assert fleet.delete(device, 1) == fleet.delete(device, 2) == fleet.delete(device) == gone
    with pytest.raises(Gone):
        fleet.delete(device, 7)
    back = fleet.restore(device, 2)
    assert fleet.restore(device, 2) == fleet.restore(device, 3) == back == fleet.stored(device)
    assert (back.version, back.deleted_at) == (3, None)
    with pytest.raises(StaleObjectError):
        fleet.restore(device, 1)


@pytest.mark.promise("D2", "D4")
def test_a_device_does_not_come_back_where_it_never_went_or_its_name_is_taken(fleet: Fleet) -> None:
    device = fleet.register("pump-7")
    with pytest.raises(NotDeleted):
        fleet.restore(device)
    fleet.delete(device)
    fleet.register("pump-7")
    with pytest.raises(DeviceNameTaken):
        fleet.restore(device)
