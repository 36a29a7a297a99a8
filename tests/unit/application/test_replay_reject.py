"""A reading that was refused is sent again: once, with all that holds for a batch."""

from __future__ import annotations

import functools
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.memory.database import InMemoryDatabase
from adapters.memory.reject_views import InMemoryRejectViews
from adapters.memory.unit_of_work import InMemoryUnitOfWork
from adapters.reading_formats.decoder import BodyDecoder
from adapters.system_clock import new_id
from application.ports.reject_views import RejectFilter, RejectView
from application.run_once import Answer
from application.telemetry.replay_reject import ReplayReject, ReplayRejectHandler
from builders import NOON, a_context, a_device, a_key
from domain.errors import NotFound
from domain.telemetry.batch import BatchResult, Reject
from domain.telemetry.reading import RejectReason, SeriesKey, microseconds
from domain.telemetry.refusals import as_sent
from domain.telemetry.rejects import RejectReplayed, RejectUnreadable
from unit.application.ingesting import ingest_handler

AN_HOUR_AGO = microseconds(NOON - timedelta(hours=1))


class House:
    """A tenant in memory whose devices don't register themselves, with a reject of one that is unknown."""

    def __init__(self) -> None:
        self.context = a_context()
        self.database = InMemoryDatabase(now=lambda: NOON, new_id=new_id)
        self.database.tenants_of_known_devices.add(self.context.tenant_id)
        self.open = functools.partial(InMemoryUnitOfWork, database=self.database)
        self.views = InMemoryRejectViews(self.database)
        ingest = ingest_handler(self.database, self.open, lambda: NOON)
        self.handler = ReplayRejectHandler(rejects=self.views, decoder=BodyDecoder(), ingest=ingest)
        self.reject_id = self.refuse(as_sent(SeriesKey("pump-7", "t"), AN_HOUR_AGO, 21.5))

    def refuse(self, sent: str) -> UUID:
        with self.open(self.context) as uow:
            uow.rejects.keep([Reject(4, RejectReason.UNKNOWN_DEVICE, "nobody has registered it", sent)])
        return self.rejects()[0].id

    def rejects(self, request_id: str | None = None) -> tuple[RejectView, ...]:
        return self.views.list(self.context.tenant_id, RejectFilter(request_id=request_id)).items

    def register(self) -> None:
        with self.open(self.context) as uow:
            uow.devices.save(a_device(name="pump-7"))

    def replay(self, key: str, request_id: str = "replay") -> Answer[BatchResult]:
        context = replace(self.context, request_key=a_key(key), correlation_id=request_id)
        return self.handler.handle(ReplayReject(reject_id=self.reject_id), context)

    @property
    def values(self) -> list[float]:
        return list(self.database.readings.values.values())


@pytest.fixture
def house() -> House:
    return House()


class TestAReject:
    @pytest.mark.promise("W3", "W1")
    def test_whose_reason_is_gone_is_stored_once(self, house: House) -> None:
        house.register()
        answer = house.replay("k")
        assert (answer.result.accepted, answer.replayed, house.values) == (1, False, [21.5])
        assert house.rejects()[0].replayed_at == NOON
        again = house.replay("k")
        assert (again.result, again.replayed) == (answer.result, True)
        for _ in range(2):
            with pytest.raises(RejectReplayed):
                house.replay("another")
        assert len(house.rejects()) == 1

    @pytest.mark.promise("W3")
    def test_that_is_refused_again_is_done_with_and_a_new_one_waits(self, house: House) -> None:
        answer = house.replay("k")
        assert (answer.result.rejected, answer.result.faults[0].reason) == (1, "unknown-device")
        (fresh,) = house.rejects("replay")
        assert (fresh.reason, fresh.replayed_at) == (RejectReason.UNKNOWN_DEVICE, None)
        assert [old.replayed_at for old in house.rejects() if old.id != fresh.id] == [NOON]
        house.register()
        house.reject_id = fresh.id
        assert house.replay("l").result.accepted == 1
        assert house.values == [21.5]

    @pytest.mark.promise("W8")
    def test_that_is_in_conflict_stays_so(self, house: House) -> None:
        house.register()
        house.replay("k")
        house.reject_id = house.refuse(as_sent(SeriesKey("pump-7", "t"), AN_HOUR_AGO, 3.0))
        result = house.replay("l", "second").result
        assert (result.accepted, result.duplicate, result.conflict, result.rejected) == (0, 1, 1, 0)
        assert house.values == [21.5]
        assert [kept.reason for kept in house.rejects("second")] == [RejectReason.CONFLICT]

    @pytest.mark.promise("W3")
    def test_that_was_cut_or_is_unknown_changes_nothing(self, house: House) -> None:
        house.reject_id = house.refuse('{"device": "pump-7", "metr')
        before = house.rejects()
        with pytest.raises(RejectUnreadable):
            house.replay("k")
        house.reject_id = new_id()
        with pytest.raises(NotFound):
            house.replay("k")
        assert house.rejects() == before
