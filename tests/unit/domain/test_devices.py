"""Devices: a name for good, and a description."""

from __future__ import annotations

import pytest

from adapters.system_clock import new_id
from builders import NOON, a_device, after_noon
from domain.errors import InvalidInput
from domain.telemetry.device import DESCRIPTION_LENGTH_MAX, Device
from domain.telemetry.events import DeviceRegistered
from domain.telemetry.reading import DEVICE_NAME_LENGTH_MAX


class TestANewDevice:
    @pytest.mark.parametrize("name", ["p", "pump 7 – Ü/☕", "x" * DEVICE_NAME_LENGTH_MAX])
    def test_has_any_name_that_is_text(self, name: str) -> None:
        device = a_device(name=name)
        assert (device.name, device.description, device.version, device.created_at) == (name, "", 1, NOON)

    @pytest.mark.parametrize("name", ["", "x" * (DEVICE_NAME_LENGTH_MAX + 1), "a\x00", "\ud800"])
    def test_has_no_other_name(self, name: str) -> None:
        with pytest.raises(InvalidInput) as refusal:
            Device.register(id=new_id(), name=name, at=NOON)
        assert refusal.value.data["field"] == "name"

    def test_says_whether_a_person_has_registered_it(self) -> None:
        by_itself = Device.register(id=new_id(), name="pump-7", at=NOON, automatic=True)
        for device, automatic in ((a_device(name="pump-7"), False), (by_itself, True)):
            assert device.pending_events == (
                DeviceRegistered(occurred_at=NOON, name="pump-7", description="", automatic=automatic),
            )


class TestDescribingADevice:
    def test_moves_its_version(self) -> None:
        device = a_device(description="in the cellar")
        device.describe("", at=after_noon(1))
        assert (device.description, device.version, device.updated_at) == ("", 2, after_noon(1))

    @pytest.mark.promise("L4")
    def test_alike_moves_nothing(self) -> None:
        device = a_device(description="in the cellar")
        device.describe("in the cellar", at=after_noon(1))
        assert (device.version, device.updated_at) == (1, NOON)

    @pytest.mark.parametrize("description", ["x" * (DESCRIPTION_LENGTH_MAX + 1), "a\x00"])
    def test_has_bounds(self, description: str) -> None:
        device = a_device()
        with pytest.raises(InvalidInput) as refusal:
            device.describe(description, at=after_noon(1))
        assert (refusal.value.data["field"], device.version) == ("description", 1)
