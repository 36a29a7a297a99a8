"""The contract of ColumnOperations: what holds for one reading holds for each of a column, to the bit."""

from __future__ import annotations

import math
import struct
from array import array
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.ports.readings import ColumnOperations, ReadingColumns
from domain.telemetry.reading import ReadingRules, RejectReason, SeriesKey, microseconds, moment

KEYS = tuple(SeriesKey(f"pump-{n}", "temperature", (("site", "a"),)) for n in range(3))
RULES = ReadingRules.at(datetime(2026, 1, 31, tzinfo=UTC), horizon=datetime(2025, 1, 1, tzinfo=UTC))
EDGES = (
    -1,
    0,
    RULES.horizon_us - 1,
    RULES.horizon_us,
    RULES.latest_us,
    RULES.latest_us + 1,
    2**63 - 1,
    -(2**63),
)
TIMES = st.sampled_from(EDGES) | st.integers(RULES.horizon_us, RULES.latest_us)
VALUES = st.floats() | st.sampled_from((-0.0, 1e100, -1e100, math.nextafter(1e100, math.inf)))
ROWS = st.lists(st.tuples(st.integers(0, len(KEYS) - 1), TIMES, VALUES), max_size=12)
KNOWN_ROWS = st.lists(
    st.tuples(st.integers(0, len(KEYS) - 1), st.integers(0, 2**52), st.floats(-10, 10)), max_size=12
)
# Each binding runs the same function.
BOUND_TWICE = settings(max_examples=60, suppress_health_check=[HealthCheck.differing_executors])

Row = tuple[int, int, float]


def columns_of(rows: list[Row]) -> ReadingColumns:
    """Columns whose rows were every third of what was sent."""
    return ReadingColumns(
        KEYS,
        memoryview(array("i", [row[0] for row in rows])),
        memoryview(array("q", [row[1] for row in rows])),
        memoryview(array("d", [row[2] for row in rows])),
        memoryview(array("i", [3 * at for at in range(len(rows))])),
    )


def bits_of(columns: ReadingColumns) -> list[tuple[SeriesKey, int, bytes, int]]:
    """All that the columns say; −0 and 0 are not the same here."""
    return [
        (columns.keys[place], time, struct.pack("d", value), row)
        for place, time, value, row in zip(
            columns.key_of, columns.times, columns.values, columns.rows, strict=True
        )
    ]


def bits_expected(rows: list[Row], places: list[int]) -> list[tuple[SeriesKey, int, bytes, int]]:
    """What `bits_of` gives for these of the rows."""
    return [(KEYS[rows[at][0]], rows[at][1], struct.pack("d", rows[at][2]), 3 * at) for at in places]


def month_of(time_us: int) -> int:
    """The first microsecond of its month."""
    at = moment(time_us)
    return microseconds(datetime(at.year, at.month, 1, tzinfo=UTC))


class ColumnOperationsContract:
    """A binding sets `operations`."""

    operations: ColumnOperations

    @pytest.mark.promise("W7")
    @BOUND_TWICE
    @given(rows=ROWS)
    def test_judges_each_row_as_the_rules_of_one_reading_do(self, rows: list[Row]) -> None:
        faults = [RULES.fault_of(time, value) for _, time, value in rows]
        kept, rejects = self.operations.screen(columns_of(rows), RULES)
        normal = [(key, time, value if value else 0.0) for key, time, value in rows]
        assert bits_of(kept) == bits_expected(normal, [at for at, fault in enumerate(faults) if not fault])
        assert [(reject.row, reject.reason) for reject in rejects] == [
            (3 * at, fault) for at, fault in enumerate(faults) if fault
        ]
        assert all(reject.detail and reject.sent for reject in rejects)

    @BOUND_TWICE
    @given(rows=ROWS, refused=st.sets(st.integers(0, len(KEYS) - 1)))
    def test_takes_the_rows_of_refused_series_out(self, rows: list[Row], refused: set[int]) -> None:
        why = {place: (RejectReason.UNKNOWN_DEVICE, f"no {place}") for place in refused}
        kept, rejects = self.operations.without(columns_of(rows), why)
        assert bits_of(kept) == bits_expected(
            rows, [at for at, row in enumerate(rows) if row[0] not in refused]
        )
        assert [(reject.row, reject.reason, reject.detail) for reject in rejects] == [
            (3 * at, *why[row[0]]) for at, row in enumerate(rows) if row[0] in refused
        ]

    @BOUND_TWICE
    @given(rows=KNOWN_ROWS)
    def test_counts_the_rows_of_each_month_and_takes_months_out(self, rows: list[Row]) -> None:
        months = [month_of(row[1]) for row in rows]
        columns = columns_of(rows)
        assert dict(self.operations.months(columns)) == Counter(months)
        refused = set(months[::2])
        why = {month: (RejectReason.NO_PARTITION, str(month)) for month in refused}
        kept, rejects = self.operations.without_months(columns, why)
        assert bits_of(kept) == bits_expected(
            rows, [at for at, month in enumerate(months) if month not in refused]
        )
        assert [(reject.row, reject.detail) for reject in rejects] == [
            (3 * at, str(month)) for at, month in enumerate(months) if month in refused
        ]

    @BOUND_TWICE
    @given(rows=ROWS)
    def test_drops_the_keys_that_no_row_names(self, rows: list[Row]) -> None:
        named = self.operations.named(columns_of(rows))
        assert bits_of(named) == bits_expected(rows, list(range(len(rows))))
        assert set(named.keys) == {KEYS[row[0]] for row in rows}
        assert len(named.keys) == len({row[0] for row in rows})
