"""Batches that are taken in and loaded later, in memory: each once, whatever ends in between."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from adapters.memory.database import InMemoryDatabase
from adapters.memory.outbox import InMemoryBacklog, InMemoryDeadLetters, InMemoryMessageClaims
from adapters.memory.read_models import InMemoryReadModels
from adapters.memory.unit_of_work import InMemoryUnitOfWork
from adapters.reading_formats.decoder import BodyDecoder
from adapters.system_clock import new_id
from application.conflict_retry import Overloaded
from application.delivery.drain_key import DrainKeyHandler
from application.ports.intakes import LOAD_INTAKE, IntakeView
from application.ports.outbox import CLAIM_LEASE_S
from application.ports.unit_of_work import TransactionConflict
from application.run_once import Answer
from application.subscriptions import reactions_of
from application.telemetry.ingest_readings import IngestReadings
from application.telemetry.load_intake import TRY_AGAIN_AFTER, LoadIntake
from application.telemetry.receive_readings import ReceiveReadings, ReceiveReadingsHandler
from builders import NOON, a_context, a_key, a_sent_batch
from domain.telemetry import intake as intake_rules
from domain.telemetry.batch import BatchResult, Mode
from domain.telemetry.intake import TooManyIntakes
from unit.application.ingesting import ingest_handler

BODY = b"pump-7 t=1,p=2 1767268800000000000\npump-8 t=3\n"
"""Three readings; the last has the time at which it came: noon."""
BAD = b"pump-7 t=1 1767268800000000000\npump-8 t=NaN\npump-9 t=1 9999999999999999999\n"


class Killed(BaseException):
    """The worker dies."""


class House:
    """One tenant's readings under a clock that the test sets."""

    def __init__(self) -> None:
        self.time = NOON
        self.database = InMemoryDatabase(now=self.now)
        self.context = a_context(key=a_key())
        self.open = functools.partial(
            InMemoryUnitOfWork, database=self.database, subscriptions=reactions_of([LOAD_INTAKE])
        )
        self.receiver = ReceiveReadingsHandler(self.open, self.now, new_id, lambda _: None)
        self.ingest: Any = ingest_handler(self.database, self.open, self.now)
        self.claims: Any = InMemoryMessageClaims(self.database)

    def now(self) -> datetime:
        return self.time

    def receive(self, body: bytes, **batch: Any) -> Answer[IntakeView]:
        return self.receiver.handle(ReceiveReadings.of(a_sent_batch(**batch), body), self.context)

    def loader(self) -> LoadIntake:
        return LoadIntake(BodyDecoder(), self.ingest, self.open, self.now, lambda _: None)

    def work(self) -> int:
        """What a worker does about everything that is due."""
        drain = DrainKeyHandler(self.claims, {LOAD_INTAKE: self.loader()}, self.open)
        return sum(drain.handle(wake) for wake in InMemoryBacklog(self.database).due(100))

    def shown(self, intake_id: UUID) -> IntakeView:
        with InMemoryReadModels(self.context.tenant_id, database=self.database) as views:
            return views.intake(intake_id)

    def readings(self) -> list[float]:
        return sorted(self.database.readings.values.values())

    def has_body(self, intake_id: UUID) -> bool:
        with self.open(self.context) as uow:
            return uow.intakes.body(intake_id) is not None

    def letters(self) -> Sequence[str]:
        listed = InMemoryDeadLetters(self.database).list(self.context.tenant_id, after=None, limit=10)
        return [letter.error for letter in listed]


@pytest.fixture
def house() -> House:
    return House()


class TestABatch:
    @pytest.mark.promise("W1", "O1")
    def test_waits_and_is_loaded_as_of_the_time_at_which_it_came(self, house: House) -> None:
        received = house.receive(BODY).result
        assert (received.status, received.size_bytes, received.result) == ("waiting", len(BODY), None)
        assert house.readings() == []
        house.time += timedelta(hours=2)
        assert house.work() == 1
        shown = house.shown(received.id)
        assert shown.result == BatchResult(accepted=3, duplicate=0, conflict=0, rejected=0)
        assert (shown.status, shown.received_at, shown.ended_at) == ("loaded", NOON, house.time)
        assert {time for _, _, time in house.database.readings.values} == {1_767_268_800_000_000}
        assert not house.has_body(received.id)

    @pytest.mark.promise("H2", "W2")
    def test_is_received_once_under_a_key(self, house: House) -> None:
        first, again = house.receive(BODY), house.receive(BODY)
        assert (first.replayed, again.replayed, again.result) == (False, True, first.result)
        house.work()
        assert house.receive(BODY).result == first.result
        assert house.work() == 0

    @pytest.mark.promise("W3")
    def test_keeps_its_bad_rows_apart_under_its_request_where_it_may_be_stored_in_part(
        self, house: House
    ) -> None:
        received = house.receive(BAD, mode=Mode.PARTIAL).result
        house.work()
        result = house.shown(received.id).result
        assert result is not None
        assert (result.accepted, result.rejected, [fault.row for fault in result.faults]) == (1, 2, [1, 2])
        kept = list(house.database.readings.rejects.values())
        assert {each.request_id for each in kept} == {house.context.correlation_id}
        assert len(kept) == 2


class TestABatchThatIsRefused:
    @pytest.mark.promise("W3")
    def test_says_what_is_wrong_and_stores_nothing(self, house: House) -> None:
        received = house.receive(BAD).result
        assert house.work() == 1
        shown = house.shown(received.id)
        assert (shown.status, shown.result) == ("refused", None)
        assert shown.refusal is not None
        assert (shown.refusal.code, len(shown.refusal.faults)) == ("batch-refused", 2)
        assert "2 of 3 readings are refused" in shown.refusal.detail
        assert (house.readings(), house.has_body(received.id), house.letters()) == ([], False, [])

    @pytest.mark.promise("W3", "O6")
    def test_is_no_dead_letter_where_it_can_not_be_read(self, house: House) -> None:
        received = house.receive(b'[{"device": ', form="json", mode=Mode.PARTIAL).result
        assert house.work() == 1
        refusal = house.shown(received.id).refusal
        assert refusal is not None
        assert (refusal.code, refusal.faults, house.letters()) == ("malformed-batch", (), [])


class TestAWorker:
    @pytest.mark.promise("W1", "W2", "O3")
    def test_that_dies_before_the_message_is_settled_has_loaded_the_batch_once(self, house: House) -> None:
        received = house.receive(BODY).result
        loader = house.loader()

        class Dies(LoadIntake):
            def act(self, *args: Any) -> None:
                super().act(*args)
                raise Killed

        drain = DrainKeyHandler(
            house.claims,
            {
                LOAD_INTAKE: Dies(
                    loader.decoder, loader.ingest, loader.open_unit_of_work, loader.now, loader.back_off
                )
            },
            house.open,
        )
        (wake,) = InMemoryBacklog(house.database).due(1)
        with pytest.raises(Killed):
            drain.handle(wake)
        loaded = house.shown(received.id)
        assert loaded.status == "loaded"
        house.time += timedelta(seconds=CLAIM_LEASE_S)
        assert house.work() == 1
        assert house.shown(received.id) == loaded
        assert len(house.readings()) == 3

    @pytest.mark.promise("W1", "W2")
    def test_that_dies_before_it_has_stored_anything_leaves_the_batch_to_the_next(self, house: House) -> None:
        received = house.receive(BODY).result
        handler = house.ingest

        class Dies:
            def handle(self, command: IngestReadings, context: Any) -> None:
                def along(uow: Any, result: BatchResult) -> None:
                    command.along(uow, result)
                    raise Killed

                handler.handle(replace(command, along=along), context)

        house.ingest = Dies()
        with pytest.raises(Killed):
            house.work()
        assert (house.shown(received.id).status, house.readings()) == ("waiting", [])
        house.ingest = handler
        house.time += timedelta(seconds=CLAIM_LEASE_S)
        assert house.work() == 1
        assert house.shown(received.id).result == BatchResult(accepted=3, duplicate=0, conflict=0, rejected=0)

    @pytest.mark.promise("W6", "O4", "O6")
    @pytest.mark.parametrize("error", [Overloaded(tries=5), TransactionConflict(), ValueError("a fault")])
    def test_tries_again_and_gives_up_in_the_end_without_losing_the_batch(
        self, house: House, error: Exception
    ) -> None:
        received = house.receive(BODY).result
        handler, tries = house.ingest, []

        class Fails:
            def handle(self, command: IngestReadings, context: Any) -> None:
                tries.append(house.time)
                raise error

        house.ingest = Fails()
        for delay in (*TRY_AGAIN_AFTER, timedelta(days=1)):
            assert house.work() == 0
            house.time += max(delay, timedelta(seconds=2))
        assert house.work() == 0
        assert len(tries) == 1 + len(TRY_AGAIN_AFTER)
        (letter,) = InMemoryDeadLetters(house.database).list(house.context.tenant_id, after=None, limit=10)
        assert type(error).__name__ in letter.error
        assert (house.shown(received.id).status, house.has_body(received.id)) == ("waiting", True)
        house.ingest = handler
        InMemoryDeadLetters(house.database).replay(house.context.tenant_id, letter.id)
        assert house.work() == 1
        assert house.shown(received.id).status == "loaded"

    def test_that_finds_no_body_parks_the_message_at_once(self, house: House) -> None:
        received = house.receive(BODY).result
        with house.open(house.context) as uow:
            uow.intakes.drop_body(received.id)
        assert house.work() == 0
        (error,) = house.letters()
        assert "is lost; send the batch again" in error


@pytest.mark.promise("W6")
def test_a_tenant_with_too_much_waiting_is_told_when_to_come_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = house.receive(BODY).result
    monkeypatch.setattr(intake_rules, "INTAKES_WAITING_MAX", 2)
    monkeypatch.setattr(intake_rules, "INTAKE_BYTES_WAITING_MAX", 2 * len(BODY))
    assert house.receive(BODY).replayed
    accepted = house.context
    house.context = replace(house.context, request_key=a_key("second"))
    with pytest.raises(TooManyIntakes) as refusal:
        house.receive(BODY + b"\n")
    assert refusal.value.data == {"waiting": 1, "waiting_bytes": len(BODY), "retry_after_s": 5}
    house.receive(BODY)
    house.context = refused = replace(house.context, request_key=a_key("third"))
    with pytest.raises(TooManyIntakes):
        house.receive(b"")
    house.context = accepted
    assert house.receive(BODY).replayed
    house.context = a_context(key=a_key())
    assert not house.receive(BODY).replayed
    house.work()
    house.context = refused
    assert not house.receive(BODY).replayed
    assert house.shown(first.id).status == "loaded"
