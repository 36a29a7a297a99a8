"""Which months have partitions, and when their readings have run out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON
from domain.errors import InvalidInput
from domain.telemetry.partitions import is_in_range, month_after, month_of, months_ahead
from domain.telemetry.reading import EARLIEST, ReadingRules, RejectReason, microseconds
from domain.telemetry.retention import GRACE, RawRetention

TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants naive bounds


class TestMonths:
    @given(TIMES, st.integers(-12, 30))
    def test_follow_each_other_without_a_gap(self, at: datetime, count: int) -> None:
        month = month_of(at)
        assert month <= at < month_after(month)
        later = month_after(month, count)
        assert month_of(later) == later
        assert month_after(later, -count) == month
        assert month_of(month_after(later) - timedelta(microseconds=1)) == later

    def test_are_of_utc_wherever_a_time_was_written(self) -> None:
        assert month_of(datetime.fromisoformat("2026-01-01T01:00+02:00")) == datetime(2025, 12, 1, tzinfo=UTC)

    @given(TIMES)
    def test_ahead_hold_whatever_a_reading_may_say(self, now: datetime) -> None:
        rules = ReadingRules.at(now)
        last = EARLIEST + timedelta(microseconds=rules.latest_us)
        assert month_of(last) in months_ahead(now)
        assert all(is_in_range(month, now=now) for month in (*months_ahead(now), EARLIEST))
        assert not is_in_range(month_after(months_ahead(now)[-1]), now=now)


class TestRetention:
    @pytest.mark.promise("G6")
    def test_refuses_what_is_older_long_before_its_partition_goes(self) -> None:
        retention = RawRetention(timedelta(days=30))
        horizon = retention.horizon(NOON)
        assert horizon == NOON - timedelta(days=30)
        rules = ReadingRules.at(NOON, horizon=horizon)
        assert rules.fault_of(microseconds(horizon), 1.0) is None
        assert rules.fault_of(microseconds(horizon) - 1, 1.0) is RejectReason.BEYOND_RETENTION
        assert retention.dropped_before(NOON) == horizon - GRACE

    @pytest.mark.promise("G6")
    def test_of_none_keeps_everything(self) -> None:
        assert RawRetention(None).horizon(NOON) is None
        assert RawRetention(None).dropped_before(NOON) is None

    def test_begins_no_earlier_than_time_does(self) -> None:
        assert RawRetention(timedelta(days=36_500)).horizon(NOON) == EARLIEST

    def test_of_less_than_a_day_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="at least 1 day"):
            RawRetention(timedelta(hours=23))
