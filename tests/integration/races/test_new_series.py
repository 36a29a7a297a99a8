"""Batches that bring the same new devices at once: one device and one series each, and no error."""

from __future__ import annotations

import random
from uuid import UUID

import pytest
from django.db import connections

from adapters.django_orm.read_models import DjangoReadModels
from adapters.django_orm.series_catalogue import DjangoSeriesCatalogue
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.system_clock import back_off, new_id, now
from application.ports.read_models import DeviceFilter
from application.telemetry import resolve_series
from application.telemetry.resolve_series import Resolved, ResolveSeries
from builders import a_context, after_noon
from domain.retention import Deletion
from domain.telemetry.reading import RejectReason, SeriesKey
from unit.contracts.threads import Threads

BATCHES = 8
DEVICES = 60


@pytest.fixture
def threads() -> Threads:
    return Threads(connections.close_all)


@pytest.fixture(autouse=True)
def many_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that batches meet in the middle of what they make."""
    monkeypatch.setattr(resolve_series, "DEVICES_PER_TRANSACTION", 7)


def resolver() -> ResolveSeries:
    """As another process has it."""
    return ResolveSeries(DjangoSeriesCatalogue(), DjangoUnitOfWork, now, new_id, back_off)


@pytest.mark.promise("W2", "W7", "D2")
def test_batches_at_once_make_each_device_and_series_once(tenant_id: UUID, threads: Threads) -> None:
    keys = [SeriesKey.of(f"device {n % DEVICES}", f"metric {n // DEVICES}") for n in range(2 * DEVICES)]

    def resolve(index: int) -> dict[SeriesKey, int]:
        mine = random.Random(index).sample(keys, len(keys) - index)
        resolved = resolver().resolve(mine, a_context(tenant_id=tenant_id))
        assert resolved.refused == {}
        return dict(zip(mine, resolved.series_ids, strict=True))

    outcomes = threads.race(BATCHES, resolve)
    assert [outcome.error for outcome in outcomes] == [None] * BATCHES
    ids: dict[SeriesKey, int] = {}
    for outcome in outcomes:
        for key, series_id in (outcome.result or {}).items():
            assert ids.setdefault(key, series_id) == series_id > 0
    assert len(set(ids.values())) == len(keys)
    assert DjangoSeriesCatalogue().count(tenant_id) == (DEVICES, len(keys))
    with DjangoReadModels(tenant_id) as views:
        registered = views.devices(DeviceFilter(), limit=2 * DEVICES).items
    assert sorted(view.name for view in registered) == sorted({key.device for key in keys})
    assert {view.version for view in registered} == {1}


@pytest.mark.promise("D6", "W7")
def test_a_device_that_is_deleted_meanwhile_is_not_registered_again(
    tenant_id: UUID, threads: Threads
) -> None:
    context, key = a_context(tenant_id=tenant_id), SeriesKey.of("pump-7", "temperature")
    resolver().resolve([key], context)
    with DjangoReadModels(tenant_id) as views:
        (shown,) = views.devices(DeviceFilter()).items

    def act(index: int) -> Resolved:
        if index:
            return resolver().resolve([key], context)
        with DjangoUnitOfWork(context) as uow:
            device = uow.devices.get(shown.id)
            device.delete(Deletion(new_id(), "alice", "", after_noon(1)))
            uow.devices.save(device)
        return resolver().resolve([key], context)

    outcomes = threads.race(BATCHES, act)
    assert [outcome.error for outcome in outcomes] == [None] * BATCHES
    assert outcomes[0].result is not None
    assert outcomes[0].result.refused[0][0] is RejectReason.DEVICE_DELETED
    assert DjangoSeriesCatalogue().count(tenant_id)[0] == 0
