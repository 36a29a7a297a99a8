"""Times of files: columns of texts agree with the standard library, text by text, and so do the clocks of zones."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.telemetry.reading import microseconds, moment
from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.ingest.faults import NONEXISTENT_TIME
from entrypoints.cli.ingest.times import TimeReader
from entrypoints.cli.ingest.zones import Clock

ZONES: Final = (
    "America/Los_Angeles",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kolkata",
    "UTC",
)
UTC_CLOCK: Final = Clock("UTC")
# Around changes of clocks: by an hour, by half an hour, and the day that Samoa left out.
CHANGES: Final = tuple(
    map(
        datetime.fromisoformat,
        "2010-03-14T02:00 2010-11-07T01:30 2024-03-31T02:30 2024-10-27T02:00 2024-04-07T01:45 2024-10-06T02:15 "
        "2011-12-30T12:00 1970-01-01".split(),
    )
)
NEAR_A_CHANGE: Final = st.builds(
    lambda change, minutes: change + timedelta(minutes=minutes),
    st.sampled_from(CHANGES),
    st.integers(-180, 180),
)
ANY_TIME: Final = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))  # noqa: DTZ001


def read(form: str | None, *texts: str | None, clock: Clock | None = UTC_CLOCK) -> list[datetime | str]:
    """Of each text its moment, or the reason why it has none."""
    times = TimeReader(form, clock).read(pa.array(texts, pa.string()))
    return [
        times.problems[place].reason if place in times.problems else moment(us)
        for place, us in enumerate(times.us.tolist())
    ]


class TestAClock:
    @settings(max_examples=60)
    @given(
        zone=st.sampled_from(ZONES),
        shown=st.lists(NEAR_A_CHANGE, min_size=1, max_size=20),
        fold=st.integers(0, 1),
    )
    def test_means_what_the_standard_library_says(self, zone: str, shown: list[datetime], fold: int) -> None:
        local = np.array([microseconds(at.replace(tzinfo=UTC)) for at in shown])
        moments, never, twice = Clock(zone, fold).moments(local)
        for place, at in enumerate(shown):
            first, second = (at.replace(tzinfo=zoneinfo.ZoneInfo(zone), fold=one) for one in (0, 1))
            exists = first.astimezone(UTC).astimezone(first.tzinfo).replace(tzinfo=None) == at
            assert never[place] == (not exists)
            if exists:
                assert moment(int(moments[place])) == (second if fold else first).astimezone(UTC)
                assert twice[place] == (first.utcoffset() != second.utcoffset())

    def test_that_hangs_nowhere_is_refused(self) -> None:
        for zone in ("Europe/Bonn", "", "../passwd", "PST8PDT5"):
            with pytest.raises(CommandFailed, match="time zone"):
                Clock(zone)

    def test_names_the_times_that_it_never_showed(self) -> None:
        clock = Clock("America/Los_Angeles")
        times = TimeReader("%Y/%m/%d %H:%M", clock).read(
            pa.array(["2010/03/14 01:00", "2010/03/14 02:00", "2010/11/07 01:00"])
        )
        assert list(times.problems) == [1]
        assert times.problems[1].reason == NONEXISTENT_TIME
        assert "'2010/03/14 02:00' never was in America/Los_Angeles" in times.problems[1].detail
        assert times.ambiguous.tolist() == [False, False, True]


class TestTexts:
    @settings(max_examples=40)
    @given(
        times=st.lists(ANY_TIME, min_size=1, max_size=12),
        pattern=st.sampled_from(
            ["%Y/%m/%d %H:%M", "%d.%m.%Y %H:%M:%S", "%Y%m%d", "%Y-%m-%dT%H:%M:%S.%f", "%b %d %Y %I:%M %p"]
        ),
        spoilt=st.text("0123456789/-: ", max_size=16),
        has_spoilt=st.booleans(),
    )
    def test_mean_what_strptime_says(
        self, times: list[datetime], pattern: str, spoilt: str, has_spoilt: bool
    ) -> None:
        # strftime writes years below 1000 without their zeros.
        texts = [at.replace(year=at.year % 9_000 + 1_000).strftime(pattern) for at in times]
        texts += [spoilt] * has_spoilt
        expected: list[datetime | str] = []
        for text in texts:
            try:
                expected.append(datetime.strptime(text.strip(), pattern).replace(tzinfo=UTC))
            except ValueError:
                expected.append("invalid-time")
        assert read(pattern, *texts) == expected

    @settings(max_examples=40)
    @given(
        times=st.lists(ANY_TIME, min_size=1, max_size=12),
        sep=st.sampled_from("T "),
        spec=st.sampled_from(["minutes", "seconds", "milliseconds", "microseconds"]),
        zone=st.sampled_from(["", "Z", "+00:00", "+05:30", "-08:00", "+0130"]),
    )
    @example([datetime(2024, 2, 29)], "T", "seconds", "+14:00")  # noqa: DTZ001
    def test_of_iso_8601_mean_what_the_standard_library_says(
        self, times: list[datetime], sep: str, spec: str, zone: str
    ) -> None:
        texts = [at.isoformat(sep, spec) + zone for at in times]
        expected = [datetime.fromisoformat(text) for text in texts]
        assert read(None, *texts) == [at if at.tzinfo else at.replace(tzinfo=UTC) for at in expected]
        # Each is the same beside others that are written otherwise.
        assert read(None, "2020-01-01", *texts, None, "12:00")[1:-2] == read(None, *texts)

    @pytest.mark.parametrize(
        "text",
        ["2023-02-29", "2024-13-01", "2024-00-10", "2024-01-00", "0000-01-01", "2024-01-01T24:00", "2024-01-01T10:60",
         "2024-01-01T10:00:60Z", "2024-01-01T10:00:00+24:00", "2024-01-01T10:00:00+01:60", "2024-01-01X10:00", "now",
         "1700000000", "", "٢٠٢٤-01-01"],
    )  # fmt: skip
    def test_that_name_no_time_are_refused(self, text: str) -> None:
        assert read(None, text, text) == ["invalid-time"] * 2

    def test_without_a_zone_need_one(self) -> None:
        read_at = TimeReader(None, None).read(pa.array(["2024-01-01T10:00Z", "2024-01-01T10:00"]))
        assert list(read_at.problems) == [1]
        assert "--timezone" in read_at.problems[1].detail
        assert read("rfc3339", "2024-01-01T10:00") == ["invalid-time"]


class TestNumbers:
    @pytest.mark.parametrize(
        ("form", "texts"),
        [
            ("unix", ["1700000000", "1700000000.25", "-1"]),
            ("unix-ms", ["1700000000000", "1700000000250", "-1000"]),
            ("unix-us", ["1700000000000000", "1700000000250000", "-1000000"]),
            ("unix-ns", ["1700000000000000999", "1700000000250000001", "-1000000000"]),
        ],
    )
    def test_count_from_1970(self, form: str, texts: list[str]) -> None:
        expected = [moment(1_700_000_000_000_000), moment(1_700_000_000_250_000), moment(-1_000_000)]
        assert read(form, *texts) == expected
        if form != "unix":
            numbers = TimeReader(form, None).read(pa.array([int(text) for text in texts]))
            assert [moment(us) for us in numbers.us.tolist()] == expected
        assert read(form, "soon", None, "9" * 25) == ["invalid-time"] * 3

    def test_of_no_unit_are_refused_with_the_cure(self) -> None:
        for column in (pa.array([1_700_000_000]), pa.array(["1700000000"])):
            (problem,) = TimeReader(None, UTC_CLOCK).read(column).problems.values()
            assert "--time-format unix" in problem.detail

    def test_of_typed_columns_are_taken_as_they_are(self) -> None:
        at = datetime(2024, 7, 1, 12, tzinfo=UTC)
        berlin = Clock("Europe/Berlin")
        for unit in ("s", "ms", "us", "ns"):
            zoned = pa.array([at, None], pa.timestamp(unit, "Asia/Tokyo"))
            times = TimeReader(None, berlin).read(zoned)
            assert (moment(int(times.us[0])), list(times.problems)) == (at, [1])
            naive = pa.array([at.replace(tzinfo=None)], pa.timestamp(unit))
            assert moment(int(TimeReader(None, berlin).read(naive).us[0])) == at - timedelta(hours=2)
