"""Series that come new with a batch: what is made for them, and what is refused."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from uuid import UUID

import pytest

from adapters.memory.access import InMemoryAccessAdministration
from adapters.memory.database import InMemoryDatabase
from adapters.memory.series_catalogue import InMemorySeriesCatalogue
from adapters.memory.unit_of_work import InMemoryUnitOfWork
from adapters.system_clock import new_id
from application.conflict_retry import Overloaded
from application.ports.readings import SeriesFound
from application.telemetry import resolve_series
from application.telemetry.resolve_series import ResolveSeries
from builders import NOON, a_context, a_device, a_key, after_noon
from domain.retention import Deletion
from domain.telemetry.batch import DETAIL_LENGTH_MAX
from domain.telemetry.events import DeviceRegistered
from domain.telemetry.reading import DEVICE_NAME_LENGTH_MAX, RejectReason, SeriesKey

pytestmark = pytest.mark.promise("W7")


class House:
    """A tenant in memory, where devices register themselves."""

    def __init__(self) -> None:
        self.context = a_context(key=a_key())
        self.database = InMemoryDatabase()
        self.catalogue = InMemorySeriesCatalogue(database=self.database)
        self.open = functools.partial(InMemoryUnitOfWork, database=self.database)
        self.pauses: list[int] = []
        self.series = ResolveSeries(self.catalogue, self.open, lambda: NOON, new_id, self.pauses.append)

    def resolve(self, *names: str) -> resolve_series.Resolved:
        """The series `temperature` of these devices."""
        return self.series.resolve([SeriesKey.of(name, "temperature") for name in names], self.context)

    def save(self, *devices: object) -> None:
        with self.open(self.context) as uow:
            for device in devices:
                uow.devices.save(device)  # type: ignore[arg-type]

    def registered(self) -> list[DeviceRegistered]:
        with self.open(self.context) as uow:
            return [each.event for each in uow.events.read(0) if isinstance(each.event, DeviceRegistered)]


@pytest.fixture
def house() -> House:
    return House()


class TestAnUnknownDevice:
    def test_is_registered_by_its_first_reading_through_its_aggregate(self, house: House) -> None:
        first = house.resolve("b", "a", "b")
        assert first.refused == {}
        assert first.series_ids[0] == first.series_ids[2] != first.series_ids[1]
        assert house.registered() == [
            DeviceRegistered(occurred_at=NOON, name=name, description="", automatic=True) for name in "ab"
        ]
        assert house.resolve("a", "b").series_ids == first.series_ids[1:]
        assert len(house.registered()) == 2

    def test_is_refused_where_only_registered_ones_may_send(self, house: House) -> None:
        InMemoryAccessAdministration(database=house.database).let_devices_register(
            house.context.tenant_id, themselves=False
        )
        house.save(a_device(name="known"))
        resolved = house.resolve("known", "stranger" + "\U000e0001" * (DEVICE_NAME_LENGTH_MAX - 8))
        assert resolved.series_ids[0] > 0
        ((place, (reason, detail)),) = resolved.refused.items()
        assert (place, resolved.series_ids[1], reason) == (1, 0, RejectReason.UNKNOWN_DEVICE)
        assert detail.startswith("nobody has registered the device 'stranger")
        assert len(detail) <= DETAIL_LENGTH_MAX
        assert [event.name for event in house.registered()] == ["known"]

    def test_comes_in_as_far_as_there_is_room(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(resolve_series, "DEVICES_PER_TENANT_MAX", 2)
        house.save(a_device(name="known"))
        resolved = house.resolve("a", "b", "a", "known")
        assert [event.name for event in house.registered()] == ["known", "a"]
        assert resolved.refused.keys() == {1}
        assert resolved.refused[1][0] is RejectReason.TOO_MANY_SERIES
        assert "delete some that send no more" in resolved.refused[1][1]


class TestADeletedDevice:
    @pytest.mark.promise("D6")
    def test_does_not_come_back_by_itself(self, house: House) -> None:
        device = a_device(name="pump-7")
        house.save(device)
        house.resolve("pump-7")
        device.delete(Deletion(new_id(), "alice", "", after_noon(1)))
        house.save(device)
        resolved = house.resolve("pump-7", "pump-8")
        assert resolved.refused == {
            0: (
                RejectReason.DEVICE_DELETED,
                "the device 'pump-7' was deleted; restore it, or register its name anew",
            )
        }
        house.save(a_device(name="pump-7"))
        assert house.resolve("pump-7").refused == {}


class TestNewSeries:
    @pytest.mark.parametrize(
        ("limit", "words"),
        [
            ("SERIES_PER_TENANT_MAX", "with fewer different labels"),
            ("SERIES_NEW_PER_BATCH_MAX", "in another batch"),
        ],
    )
    def test_come_in_as_far_as_there_is_room(
        self, house: House, monkeypatch: pytest.MonkeyPatch, limit: str, words: str
    ) -> None:
        monkeypatch.setattr(resolve_series, limit, 2)
        resolved = house.resolve("a", "b", "c")
        assert resolved.refused.keys() == {2}
        assert resolved.refused[2][0] is RejectReason.TOO_MANY_SERIES
        assert words in resolved.refused[2][1]
        assert [event.name for event in house.registered()] == ["a", "b"]
        assert house.resolve("b", "a").refused == {}

    def test_take_a_transaction_for_each_few_devices(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(resolve_series, "DEVICES_PER_TRANSACTION", 2)
        assert house.resolve(*"edcba").refused == {}
        assert [event.name for event in house.registered()] == list("abcde")


class Forgetful:
    """A catalogue that knows a device only from its n-th answer on: what a batch sees that races with another."""

    def __init__(self, house: House, blind_answers: int) -> None:
        self._catalogue, self._blind_answers = house.catalogue, blind_answers
        self.add, self.count = house.catalogue.add, house.catalogue.count
        self.registers_devices = house.catalogue.registers_devices

    def find(self, tenant_id: UUID, keys: Sequence[SeriesKey]) -> list[SeriesFound]:
        self._blind_answers -= 1
        if self._blind_answers >= 0:
            return [SeriesFound(None, RejectReason.UNKNOWN_DEVICE)] * len(keys)
        return self._catalogue.find(tenant_id, keys)


class TestABatchThatRaces:
    def racing(self, house: House, blind_answers: int) -> ResolveSeries:
        house.save(a_device(name="a"))
        return ResolveSeries(
            Forgetful(house, blind_answers), house.open, lambda: NOON, new_id, house.pauses.append
        )

    def test_looks_again_for_what_another_has_registered(self, house: House) -> None:
        key = SeriesKey.of("a", "temperature")
        resolved = self.racing(house, 3).resolve([key], house.context)
        assert resolved.series_ids[0] > 0
        assert len(house.registered()) == 1
        assert house.pauses == [2, 3, 4]

    def test_gives_up_after_a_while(self, house: House) -> None:
        series = self.racing(house, 2 * resolve_series.TRIES_MAX)
        with pytest.raises(Overloaded):
            series.resolve([SeriesKey.of("a", "temperature")], house.context)
        assert len(house.pauses) == resolve_series.TRIES_MAX - 1
