"""What holds for every bulk writer of readings."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import pytest

from application.ports.readings import ReadingColumns, Written
from application.ports.unit_of_work import OpenUnitOfWork, TransactionConflict
from builders import a_context
from domain.telemetry.batch import Reject
from domain.telemetry.reading import RejectReason, SeriesKey, microseconds
from unit.contracts.binding import StoreBinding, rolled_back
from unit.contracts.threads import Threads

SECOND: Final = 1_000_000
HOUR: Final = 3_600 * SECOND
FIRST: Final = microseconds(datetime(2026, 1, 31, 20, tzinfo=UTC))
"""Four hours before a month ends, so that batches reach over it."""
MONTHS: Final = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
TRIES_MAX: Final = 20

Row = tuple[int, int, float]
"""Series (from 0), time in microseconds, value."""


@dataclass(frozen=True)
class StoredReadings:
    """Everything that a tenant's writers have left, series by their ids."""

    values: dict[tuple[int, int], float]
    marks: list[tuple[int, int]]
    latest: dict[int, tuple[int, float]]
    rejects: list[Reject]


ReadBack = Callable[[UUID], StoredReadings]


def columns_of(rows: Iterable[Row]) -> ReadingColumns:
    """Columns of series `pump-0`, `pump-1`, …"""
    rows = list(rows)
    places = {series: place for place, series in enumerate(dict.fromkeys(row[0] for row in rows))}
    return ReadingColumns(
        tuple(SeriesKey(f"pump-{series}", "temperature") for series in places),
        memoryview(array("i", [places[row[0]] for row in rows])),
        memoryview(array("q", [row[1] for row in rows])),
        memoryview(array("d", [row[2] for row in rows])),
        memoryview(array("i", range(len(rows)))),
    )


class ReadingWriterContract(StoreBinding):
    """A binding provides `read_back` and partitions for MONTHS as well."""

    @pytest.fixture
    def first_series(self) -> int:
        """Ids of the test's own: a series belongs to one tenant."""
        return random.randrange(2**61)

    @pytest.fixture
    def write(
        self, open_unit_of_work: OpenUnitOfWork, tenant_id: UUID, first_series: int
    ) -> Callable[[list[Row]], Written]:
        context = a_context(tenant_id=tenant_id)

        def write(rows: list[Row]) -> Written:
            columns = columns_of(rows)
            ids = [first_series + int(key.device.removeprefix("pump-")) for key in columns.keys]
            for _ in range(TRIES_MAX):
                try:
                    with open_unit_of_work(context) as uow:
                        return uow.readings.write(columns, ids)
                except TransactionConflict:
                    continue
            raise AssertionError(f"{TRIES_MAX} tries met a conflict")

        return write

    @pytest.mark.promise("W1", "G1", "G7")
    def test_stores_readings_with_a_mark_for_each_hour_and_the_latest_value(
        self, write: Callable[[list[Row]], Written], read_back: ReadBack, tenant_id: UUID, first_series: int
    ) -> None:
        rows = [(series, FIRST + n * HOUR // 2, series + n / 8) for n in range(12) for series in range(3)]
        assert write(rows) == (36, 0, ())
        stored = read_back(tenant_id)
        assert stored.values == {(first_series + series, at): value for series, at, value in rows}
        assert sorted(stored.marks) == [
            (first_series + series, FIRST + hour * HOUR) for series in range(3) for hour in range(6)
        ]
        last = FIRST + 11 * HOUR // 2
        assert stored.latest == {first_series + series: (last, series + 11 / 8) for series in range(3)}

    @pytest.mark.promise("W2", "G1")
    def test_the_same_again_changes_nothing(
        self, write: Callable[[list[Row]], Written], read_back: ReadBack, tenant_id: UUID
    ) -> None:
        rows = [(series, FIRST + n * SECOND, float(n)) for series in range(2) for n in range(50)]
        write(rows)
        once = read_back(tenant_id)
        random.Random(1).shuffle(rows)
        assert write(rows) == (0, 100, ())
        assert read_back(tenant_id) == once

    @pytest.mark.promise("W8", "G7")
    def test_of_two_values_at_one_time_the_first_stays_and_the_other_is_named(
        self, write: Callable[[list[Row]], Written], read_back: ReadBack, tenant_id: UUID, first_series: int
    ) -> None:
        assert write([(0, FIRST, 1.0), (0, FIRST, 2.0), (0, FIRST, 1.0)])[:2] == (1, 2)
        written = write([(1, FIRST, 5.0), (0, FIRST, 3.0), (0, FIRST - 1, 0.5), (0, FIRST, 1.0)])
        assert written[:2] == (2, 2)
        (conflict,) = written.conflicts
        assert (conflict.row, conflict.reason) == (1, RejectReason.CONFLICT)
        assert "1.0" in conflict.detail
        assert conflict.sent == (
            '{"device": "pump-0", "metric": "temperature", "ts": "2026-01-31T20:00:00Z", "value": 3.0}'
        )
        stored = read_back(tenant_id)
        assert stored.values[first_series, FIRST] == 1.0
        assert stored.latest[first_series] == (FIRST, 1.0)

    @pytest.mark.promise("W2", "W8", "G1", "G7")
    @pytest.mark.parametrize("seed", range(6))
    def test_any_history_of_batches_leaves_what_a_plain_table_would_hold(
        self,
        write: Callable[[list[Row]], Written],
        read_back: ReadBack,
        tenant_id: UUID,
        first_series: int,
        seed: int,
    ) -> None:
        dice = random.Random(seed)
        table: dict[tuple[int, int], float] = {}
        for _ in range(8):
            begin = dice.randrange(8)
            rows = [
                (
                    dice.randrange(4),
                    FIRST + (begin + dice.randrange(12)) * HOUR // 2,
                    float(dice.randrange(3)),
                )
                for _ in range(dice.randrange(1, 60))
            ]
            before, conflicts = len(table), []
            for n, (series, at, value) in enumerate(rows):
                if table.setdefault((first_series + series, at), value) != value:
                    conflicts.append(n)
            fresh = len(table) - before
            written = write(rows)
            assert written[:2] == (fresh, len(rows) - fresh)
            assert [conflict.row for conflict in written.conflicts] == conflicts
            stored = read_back(tenant_id)
            assert stored.values == table
            assert set(stored.marks) == {(series, at - at % HOUR) for series, at in table}
            assert stored.latest == {
                series: max((at, value) for (of, at), value in table.items() if of == series)
                for series, _ in table
            }

    @pytest.mark.promise("W1", "G1")
    def test_nothing_stays_of_a_transaction_that_is_rolled_back(
        self, open_unit_of_work: OpenUnitOfWork, read_back: ReadBack, tenant_id: UUID, first_series: int
    ) -> None:
        with rolled_back(open_unit_of_work(a_context(tenant_id=tenant_id))) as uow:
            uow.readings.write(columns_of([(0, FIRST, 1.0)]), [first_series])
            uow.rejects.keep([Reject(0, RejectReason.MALFORMED, "", "{}")])
        assert read_back(tenant_id) == StoredReadings({}, [], {}, [])

    @pytest.mark.promise("W3")
    def test_keeps_what_was_refused_as_it_was_sent(
        self, open_unit_of_work: OpenUnitOfWork, read_back: ReadBack, tenant_id: UUID
    ) -> None:
        rejects = [
            Reject(7, RejectReason.NOT_A_NUMBER, "must be a number", '{"value": "µ\\u0000"}'),
            Reject(2, RejectReason.TOO_EARLY, "before 1970", "{}"),
        ]
        with open_unit_of_work(a_context(tenant_id=tenant_id)) as uow:
            uow.rejects.keep(rejects)
            uow.rejects.keep([])
        assert sorted(read_back(tenant_id).rejects) == sorted(rejects)

    @pytest.mark.promise("W2", "W8")
    @pytest.mark.timeout(120)
    def test_overlapping_batches_at_once_leave_each_reading_once(
        self,
        write: Callable[[list[Row]], Written],
        read_back: ReadBack,
        release_thread: Callable[[], None],
        tenant_id: UUID,
        first_series: int,
    ) -> None:
        """Eight writers, the same series, half of them backwards; every batch shares rows with its neighbours."""
        steps = range(0, 120, 10)

        def run(number: int) -> Written:
            accepted = duplicate = 0
            for step in steps if number % 2 else reversed(steps):
                rows = [
                    (series, FIRST + (step + n) * 600 * SECOND, float(step + n))
                    for series in range(5)
                    for n in range(15)
                ]
                written = write(rows[:: -1 if number % 3 else 1])
                accepted, duplicate = accepted + written.accepted, duplicate + written.duplicate
                assert written.conflicts == ()
            return Written(accepted, duplicate, ())

        outcomes = Threads(release_thread).race(8, run)
        assert [outcome.error for outcome in outcomes] == [None] * 8
        stored = read_back(tenant_id)
        assert stored.values == {
            (first_series + series, FIRST + n * 600 * SECOND): float(n)
            for series in range(5)
            for n in range(125)
        }
        results = [outcome.result for outcome in outcomes if outcome.result]
        assert sum(result.accepted for result in results) == len(stored.values)
        assert sum(result.accepted + result.duplicate for result in results) == 8 * len(steps) * 75
        assert stored.latest == {
            first_series + series: (FIRST + 124 * 600 * SECOND, 124.0) for series in range(5)
        }
