"""Batches of readings in memory: what is stored, what is refused, and what a refused one leaves behind."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.memory.database import InMemoryDatabase
from adapters.memory.unit_of_work import InMemoryUnitOfWork
from adapters.reading_formats.decoder import BodyDecoder
from application.conflict_retry import Overloaded
from application.ports.reading_decoder import Form
from application.ports.unit_of_work import TransactionConflict
from application.run_once import Answer
from application.telemetry import ingest_readings
from application.telemetry.ingest_readings import TRIES_MAX, IngestReadings
from builders import NOON, a_context, a_key
from domain.telemetry.batch import BatchRefused, BatchResult, Mode, TooManyRejects
from domain.telemetry.device import Device
from domain.telemetry.reading import microseconds
from unit.application.ingesting import ingest_handler


class Gateway:
    """Sends JSON rows of `pump-7`, unless told otherwise, at minutes before noon."""

    def __init__(self, *, keep_for: timedelta | None = None) -> None:
        self.database = InMemoryDatabase(now=lambda: NOON)
        self.open: Any = functools.partial(InMemoryUnitOfWork, database=self.database)
        self.handler = ingest_handler(self.database, self.open, lambda: NOON, keep_for=keep_for)
        self.context = a_context()

    def send(
        self, *rows: dict[str, object], mode: Mode = Mode.PARTIAL, context: Any = None
    ) -> Answer[BatchResult]:
        decoded = BodyDecoder().decode(json.dumps(rows).encode(), Form.JSON, now_us=microseconds(NOON))
        return self.handler.handle(IngestReadings(decoded=decoded, mode=mode), context or self.context)

    def devices(self) -> list[str]:
        return sorted(row["name"] for _, row in self.database.rows_of_all_tenants(Device.kind))

    def values(self) -> list[float]:
        return sorted(self.database.readings.values.values())

    def kept(self) -> list[str]:
        return sorted(kept.reject.reason.value for kept in self.database.readings.rejects.values())


def reading(value: object = 21.5, *, at: datetime = NOON, device: str = "pump-7") -> dict[str, object]:
    return {"device": device, "metric": "temperature", "ts": at.isoformat(), "value": value}


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.mark.promise("W3")
class TestABatchWithBadRows:
    def test_is_refused_whole_in_strict_mode_and_leaves_nothing_behind(self, gateway: Gateway) -> None:
        rows = [reading(), reading("warm"), reading(device=""), reading(at=NOON + timedelta(days=2))]
        with pytest.raises(BatchRefused, match="3 of 4 readings") as refused:
            gateway.send(*rows, mode=Mode.STRICT)
        assert [(fault.row, fault.reason) for fault in refused.value.faults] == [
            (1, "not-a-number"), (2, "invalid-name"), (3, "in-the-future"),
        ]  # fmt: skip
        assert (gateway.devices(), gateway.values(), gateway.kept()) == ([], [], [])

    def test_is_stored_in_part_and_the_rest_kept(self, gateway: Gateway) -> None:
        result = gateway.send(reading(), reading("warm"), reading(1e200, device="pump-8")).result
        assert (result.accepted, result.rejected) == (1, 2)
        assert [fault.row for fault in result.faults] == [1, 2]
        assert gateway.kept() == ["not-a-number", "too-large"]

    def test_registers_no_device_for_a_bad_row_alone(self, gateway: Gateway) -> None:
        gateway.send(reading(), reading("warm", device="pump-8"), reading(1e200, device="pump-9"))
        assert gateway.devices() == ["pump-7"]

    def test_is_refused_whole_if_more_of_them_are_bad_than_are_kept(
        self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ingest_readings, "REJECTS_MAX", 2)
        assert gateway.send(reading(), *[reading("warm")] * 2).result.rejected == 2
        with pytest.raises(TooManyRejects, match="3 of 4 readings") as refused:
            gateway.send(reading(1), *[reading("warm")] * 3)
        assert len(refused.value.faults) == 3
        assert (gateway.values(), len(gateway.kept())) == ([21.5], 2)

    def test_of_which_nothing_is_good_is_stored_as_nothing(self, gateway: Gateway) -> None:
        result = gateway.send(reading("warm")).result
        assert (result.accepted, result.duplicate, result.rejected) == (0, 0, 1)
        assert (gateway.send().result.accepted, gateway.devices()) == (0, [])


class TestTimes:
    @pytest.mark.promise("G6", "W7")
    def test_before_retention_begins_are_refused_by_name(self) -> None:
        gateway = Gateway(keep_for=timedelta(days=30))
        result = gateway.send(
            reading(1, at=NOON - timedelta(days=30)), reading(2, at=NOON - timedelta(days=31))
        ).result
        assert (result.accepted, [fault.reason for fault in result.faults]) == (1, ["beyond-retention"])

    @pytest.mark.promise("G6", "W7")
    def test_in_more_new_months_than_one_request_may_open_are_refused_and_the_others_stored(
        self, gateway: Gateway
    ) -> None:
        months = [datetime(1990 + n // 12, 1 + n % 12, 5, tzinfo=NOON.tzinfo) for n in range(40)]
        result = gateway.send(*(reading(n, at=at) for n, at in enumerate(months))).result
        assert (result.accepted, result.rejected) == (32, 8)
        assert {fault.reason for fault in result.faults} == {"no-partition"}
        again = gateway.send(*(reading(n, at=at) for n, at in enumerate(months))).result
        assert (again.accepted, again.duplicate, again.rejected) == (8, 32, 0)


class TestAKey:
    @pytest.mark.promise("H1", "H2", "W2")
    def test_gives_the_first_answer_again(self, gateway: Gateway) -> None:
        context = a_context(key=a_key())
        first = gateway.send(reading(), reading("warm"), context=context)
        again = gateway.send(reading(), reading("warm"), context=context)
        assert (again.result, first.replayed, again.replayed) == (first.result, False, True)
        assert gateway.kept() == ["not-a-number"]


class TestAConflictInTheDatabase:
    @pytest.mark.promise("W5", "L7")
    @pytest.mark.parametrize(("failures", "is_stored"), [(TRIES_MAX - 1, True), (TRIES_MAX, False)])
    def test_is_tried_again_so_often_and_then_told_as_overload(
        self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, failures: int, is_stored: bool
    ) -> None:
        left = [failures]

        def failing(commit: Callable[..., None]) -> Callable[..., None]:
            def fail(database: InMemoryDatabase, changes: Any) -> None:
                if changes.readings.values and left[0]:
                    left[0] -= 1
                    raise TransactionConflict
                commit(database, changes)

            return fail

        monkeypatch.setattr(InMemoryDatabase, "commit", failing(InMemoryDatabase.commit))
        if is_stored:
            assert gateway.send(reading()).result.accepted == 1
        else:
            with pytest.raises(Overloaded):
                gateway.send(reading())
        assert gateway.values() == ([21.5] if is_stored else [])
