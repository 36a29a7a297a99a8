"""The contract of SeriesCatalogue."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from adapters.system_clock import new_id
from application.ports.access import AccessAdministration
from application.ports.readings import SeriesCatalogue, SeriesFound
from application.ports.unit_of_work import UnitOfWork
from builders import a_device, after_noon
from domain.retention import Deletion
from domain.telemetry.device import Device
from domain.telemetry.reading import LABEL_LENGTH_MAX, METRIC_LENGTH_MAX, RejectReason, SeriesKey
from unit.contracts.binding import Store, StoreBinding, flushed
from unit.contracts.threads import HeldTransaction, Threads

UNKNOWN = SeriesFound(None, RejectReason.UNKNOWN_DEVICE)
DELETED = SeriesFound(None, RejectReason.DEVICE_DELETED)
NOT_THERE = SeriesFound(None, None)
ADDERS = 8
NewCatalogue = Callable[[], SeriesCatalogue]
"""Makes one as another process has it: over the same store, with nothing remembered."""


def a_deletion() -> Deletion:
    """An act of deletion."""
    return Deletion(new_id(), "alice", "", after_noon(10))


def long_labels() -> tuple[tuple[str, str], ...]:
    """As long as labels may be, of characters that JSON text spells with six."""
    return tuple((f"{n}" + "\x01" * (LABEL_LENGTH_MAX - 1), "\x01" * LABEL_LENGTH_MAX) for n in range(3))


class SeriesCatalogueContract(StoreBinding):
    """What is found, and what becomes of it when devices come and go. Each test has its own tenant."""

    @pytest.fixture
    def new_catalogue(self) -> NewCatalogue:
        """See NewCatalogue."""
        raise NotImplementedError("the binding must override new_catalogue")

    @pytest.fixture
    def catalogue(self, new_catalogue: NewCatalogue) -> SeriesCatalogue:
        """The adapter under test."""
        return new_catalogue()

    @pytest.fixture
    def device(self, store: Store) -> Device:
        """A live one."""
        device = a_device(name="pump-7")
        store.save(device)
        return device

    def test_gives_each_series_an_id_for_good(
        self, catalogue: SeriesCatalogue, new_catalogue: NewCatalogue, tenant_id: UUID, device: Device
    ) -> None:
        keys = [
            SeriesKey.of("pump-7", "temperature"),
            SeriesKey.of("pump-7", "Temperature"),
            SeriesKey.of("pump-7", "temperature", [("room", "a"), ("floor", "1")]),
            SeriesKey.of("pump-7", "temperature", [("room", "b"), ("floor", "1")]),
            SeriesKey.of("pump-7", "\U0001f321" * METRIC_LENGTH_MAX, long_labels()),
        ]
        assert catalogue.find(tenant_id, keys) == [NOT_THERE] * 5
        catalogue.add(tenant_id, keys[:3])
        catalogue.add(tenant_id, keys)
        catalogue.add(tenant_id, [])
        found = catalogue.find(tenant_id, keys)
        assert {each.refusal for each in found} == {None}
        assert len({each.series_id for each in found} - {None}) == 5
        assert catalogue.find(tenant_id, keys[::-1]) == found[::-1]
        assert new_catalogue().find(tenant_id, keys) == found
        assert catalogue.find(tenant_id, []) == []

    def test_tells_why_there_is_no_series(
        self, catalogue: SeriesCatalogue, store: Store, tenant_id: UUID, device: Device
    ) -> None:
        gone = a_device(name="gone")
        gone.delete(a_deletion())
        store.save(gone)
        names = ["pump-7", "nobody", "gone", "pump-7"]
        keys = [SeriesKey.of(name, f"metric {place}") for place, name in enumerate(names)]
        catalogue.add(tenant_id, [keys[0], *keys[1:3]])
        found = catalogue.find(tenant_id, keys)
        assert found[0].series_id is not None
        assert found[1:] == [UNKNOWN, DELETED, NOT_THERE]

    @pytest.mark.promise("A1")
    def test_keeps_tenants_apart(
        self,
        catalogue: SeriesCatalogue,
        store: Store,
        other_store: Store,
        tenant_id: UUID,
        other_tenant_id: UUID,
        device: Device,
    ) -> None:
        key = SeriesKey.of("pump-7", "temperature")
        catalogue.add(tenant_id, [key])
        catalogue.add(other_tenant_id, [key])
        assert catalogue.find(other_tenant_id, [key]) == [UNKNOWN]
        other_store.save(a_device(name="pump-7"))
        catalogue.add(other_tenant_id, [key])
        (ours,), (theirs,) = catalogue.find(tenant_id, [key]), catalogue.find(other_tenant_id, [key])
        assert ours.series_id != theirs.series_id

    @pytest.mark.promise("D1", "D2", "D3")
    def test_finds_nothing_of_a_deleted_device_whoever_has_found_it_before(
        self,
        catalogue: SeriesCatalogue,
        new_catalogue: NewCatalogue,
        store: Store,
        tenant_id: UUID,
        device: Device,
    ) -> None:
        other_process, other = new_catalogue(), a_device(name="other")
        store.save(other)
        keys = [SeriesKey.of("pump-7", "temperature"), SeriesKey.of("other", "temperature")]
        catalogue.add(tenant_id, keys)
        first, stays = catalogue.find(tenant_id, keys)
        for each in (catalogue, other_process):
            assert each.find(tenant_id, keys) == [first, stays]

        device.delete(a_deletion())
        store.save(device)
        for each in (catalogue, other_process):
            assert each.find(tenant_id, keys) == [DELETED, stays]

        device.undelete(at=after_noon(11))
        store.save(device)
        for each in (catalogue, other_process):
            assert each.find(tenant_id, keys) == [first, stays]

        device.delete(a_deletion())
        store.save(device)
        store.save(a_device(name="pump-7"))
        for each in (catalogue, other_process):
            assert each.find(tenant_id, keys) == [NOT_THERE, stays]
        catalogue.add(tenant_id, keys)
        for each in (catalogue, other_process):
            (anew, _) = each.find(tenant_id, keys)
            assert anew.series_id not in {first.series_id, stays.series_id, None}

    @pytest.mark.promise("D1", "W7")
    def test_sees_a_deletion_elsewhere_from_its_commit_on(
        self,
        catalogue: SeriesCatalogue,
        store: Store,
        tenant_id: UUID,
        device: Device,
        hold_open: Callable[..., HeldTransaction],
    ) -> None:
        key = SeriesKey.of("pump-7", "temperature")
        catalogue.add(tenant_id, [key])
        (there,) = catalogue.find(tenant_id, [key])

        def delete(uow: UnitOfWork) -> None:
            doomed = uow.devices.get(device.id)
            doomed.delete(a_deletion())
            flushed(uow, doomed)

        for ends, expected in ((HeldTransaction.roll_back, there), (HeldTransaction.commit, DELETED)):
            elsewhere = hold_open(store.transaction(), delete)
            assert catalogue.find(tenant_id, [key]) == [there]
            ends(elsewhere)
            assert catalogue.find(tenant_id, [key]) == [expected]

    def test_counts_live_devices_and_every_series(
        self, catalogue: SeriesCatalogue, store: Store, tenant_id: UUID, device: Device
    ) -> None:
        assert catalogue.count(new_id()) == (0, 0)
        assert catalogue.count(tenant_id) == (1, 0)
        keys = [SeriesKey.of("pump-7", f"m{n}") for n in range(3)]
        catalogue.add(tenant_id, keys[:2])
        catalogue.add(tenant_id, keys)
        assert catalogue.count(tenant_id) == (1, 3)
        device.delete(a_deletion())
        store.save(device)
        assert catalogue.count(tenant_id) == (0, 3)

    def test_says_whether_devices_register_themselves(
        self,
        catalogue: SeriesCatalogue,
        access_administration: AccessAdministration,
        tenant_id: UUID,
        other_tenant_id: UUID,
    ) -> None:
        assert catalogue.registers_devices(tenant_id)
        for themselves in (False, True, False):
            access_administration.let_devices_register(tenant_id, themselves=themselves)
            assert catalogue.registers_devices(tenant_id) == themselves
        assert catalogue.registers_devices(other_tenant_id)

    def test_makes_one_series_however_many_add_it_at_once(
        self,
        catalogue: SeriesCatalogue,
        new_catalogue: NewCatalogue,
        tenant_id: UUID,
        device: Device,
        threads: Threads,
    ) -> None:
        keys = [SeriesKey.of("pump-7", f"m{n}") for n in range(200)]

        def add(index: int) -> list[SeriesFound]:
            mine = new_catalogue()
            mine.add(tenant_id, keys[:: 1 if index % 2 else -1])
            return mine.find(tenant_id, keys)

        outcomes = threads.race(ADDERS, add)
        assert [outcome.error for outcome in outcomes] == [None] * ADDERS
        found = catalogue.find(tenant_id, keys)
        assert [outcome.result for outcome in outcomes] == [found] * ADDERS
        assert catalogue.count(tenant_id) == (1, 200)
