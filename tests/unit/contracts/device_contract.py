"""The contract of DeviceRepository, and of what read models say of devices."""

from __future__ import annotations

from uuid import UUID

import pytest

from adapters.system_clock import new_id
from application.ports.device_view import DeviceView
from application.ports.read_models import DeletedItems, DeviceFilter, OpenReadModels, Page, PageKey
from builders import a_device, after_noon
from domain.errors import Gone, NotFound, StaleObjectError
from domain.retention import Deletion
from domain.telemetry.device import Device, DeviceNameTaken
from unit.contracts.binding import Store, StoreBinding, state_of
from unit.contracts.threads import Threads

WRITERS = 20


def a_deletion(minutes: int = 10) -> Deletion:
    """An act of deletion."""
    return Deletion(new_id(), "alice", "no longer there – ☕", after_noon(minutes))


class DeviceContract(StoreBinding):
    """Round trips, the optimistic lock, the unique name, deletion, and the list."""

    @pytest.mark.promise("D1", "D3", "E9")
    def test_gives_every_state_back(self, store: Store) -> None:
        device = a_device(name="pump 7 – Ü/☕\n", description="d" * 500)
        store.save(device)
        assert state_of(store.device(device.id)) == state_of(device)
        for step in (
            lambda: device.describe("", at=after_noon(1)),
            lambda: device.delete(a_deletion(2)),
            lambda: device.undelete(at=after_noon(3)),
            lambda: device.delete(a_deletion(4)),
        ):
            step()
            store.save(device)
            with store.transaction() as uow:
                found = uow.devices.get(device.id, with_deleted=True)
            folded = Device.from_events(device.id, [entry.event for entry in store.stream(device.id)])
            assert state_of(found) == state_of(folded) == state_of(device)
        with pytest.raises(Gone) as refusal:
            store.device(device.id)
        assert refusal.value.data == {
            "kind": "device", "id": str(device.id), "aggregate_id": str(device.id), "current_version": 5,
        }  # fmt: skip

    def test_has_no_device_of_an_unknown_id(self, store: Store, open_read_models: OpenReadModels) -> None:
        device_id = new_id()
        with pytest.raises(NotFound) as refusal:
            store.device(device_id)
        assert refusal.value.data == {"kind": "device", "id": str(device_id)}
        with open_read_models(store.context.tenant_id) as views, pytest.raises(NotFound):
            views.device(device_id)

    @pytest.mark.promise("L1")
    def test_writes_nothing_of_a_stale_device(self, store: Store) -> None:
        device = a_device()
        store.save(device)
        stale = store.device(device.id)
        device.describe("first", at=after_noon(1))
        store.save(device)
        stale.describe("second", at=after_noon(2))
        with pytest.raises(StaleObjectError):
            store.save(stale)
        assert state_of(store.device(device.id)) == state_of(device)
        assert len(store.stream(device.id)) == 2

    def test_gives_what_was_saved_before_within_a_transaction(self, store: Store) -> None:
        device = a_device()
        with store.transaction() as uow:
            uow.devices.save(device)
            assert uow.devices.get(device.id) is device

    @pytest.mark.promise("D2", "A1")
    def test_frees_a_name_with_its_device(self, store: Store, other_store: Store) -> None:
        first, second = a_device(name="pump-7"), a_device(name="pump-7")
        store.save(first)
        other_store.save(a_device(name="pump-7"))
        with pytest.raises(DeviceNameTaken) as refusal:
            store.save(second)
        assert refusal.value.data == {"name": "pump-7"}
        assert store.stream(second.id) == []
        first.delete(a_deletion())
        store.save(first)
        second = a_device(name="pump-7")
        store.save(second)
        first.undelete(at=after_noon(11))
        with pytest.raises(DeviceNameTaken):
            store.save(first)

    def test_lets_one_of_twenty_racing_creators_have_the_name(self, store: Store, threads: Threads) -> None:
        devices = [a_device(name="pump-7") for _ in range(WRITERS)]
        outcomes = threads.race(WRITERS, lambda index: store.save(devices[index]))
        (winner,) = [index for index, outcome in enumerate(outcomes) if outcome.error is None]
        assert [type(o.error) for o in outcomes if o.error] == [DeviceNameTaken] * (WRITERS - 1)
        assert [entry.stream_id for entry in store.log()] == [devices[winner].id]

    @pytest.mark.promise("D1", "A3")
    def test_are_listed_newest_first_by_name_and_by_deletion(
        self, store: Store, open_read_models: OpenReadModels
    ) -> None:
        old, other, new = (a_device(name=name, at=after_noon(n)) for n, name in enumerate("pqp"))
        old.delete(a_deletion())
        store.save(old, other, new)

        def listed(
            wanted: DeviceFilter, *, after: PageKey | None = None, limit: int = 50
        ) -> Page[DeviceView]:
            with open_read_models(store.context.tenant_id) as views:
                return views.devices(wanted, after=after, limit=limit)

        expected: dict[DeviceFilter, list[UUID]] = {
            DeviceFilter(): [new.id, other.id],
            DeviceFilter(deleted=DeletedItems.WITH): [new.id, other.id, old.id],
            DeviceFilter(deleted=DeletedItems.ONLY): [old.id],
            DeviceFilter(name="p"): [new.id],
            DeviceFilter(name="p", deleted=DeletedItems.WITH): [new.id, old.id],
            DeviceFilter(name="p", deleted=DeletedItems.ONLY): [old.id],
            DeviceFilter(name="r"): [],
        }
        for wanted, ids in expected.items():
            assert [view.id for view in listed(wanted).items] == ids, wanted
        assert listed(DeviceFilter(deleted=DeletedItems.ONLY)).items == (DeviceView.of(old),)
        page = listed(DeviceFilter(name="p", deleted=DeletedItems.WITH), limit=1)
        assert [view.id for view in page.items] == [new.id]
        rest = listed(DeviceFilter(name="p", deleted=DeletedItems.WITH), after=page.next, limit=1)
        assert ([view.id for view in rest.items], rest.next) == ([old.id], None)
        with open_read_models(store.context.tenant_id) as views:
            assert views.device(new.id) == DeviceView.of(new)
            with pytest.raises(Gone):
                views.device(old.id)
