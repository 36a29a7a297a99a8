"""Whether acknowledged readings, stored rows, marks and latest values say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from chaos.readings_load import Slot, time_of, value_of

Series = tuple[str, str]
"""Device and metric."""
Stored = tuple[str, str, datetime, float]


def lost_or_doubled_readings(acknowledged: Collection[Slot], rows: Sequence[Stored]) -> Iterator[str]:
    """Every acknowledged reading is there once, with the value that came first, and nothing else is (W1, W2, W8)."""
    expected = {
        (device, metric, time_of(number)): value_of((device, metric, number))
        for device, metric, number in acknowledged
    }
    found = Counter((device, metric, at) for device, metric, at, _ in rows)
    for key, count in found.items():
        if count > 1:
            yield f"reading {key} is stored {count} times"
    values = {(device, metric, at): value for device, metric, at, value in rows}
    for key in expected.keys() - values.keys():
        yield f"reading {key} was acknowledged and is lost"
    for key in values.keys() - expected.keys():
        yield f"reading {key} is stored and was never acknowledged"
    for key, value in expected.items():
        if values.get(key, value) != value:
            yield f"reading {key} should be {value}, and is {values[key]}"


def unmarked_hours(rows: Sequence[Stored], marks: Collection[tuple[str, str, datetime]]) -> Iterator[str]:
    """Each hour with readings has a mark, or a rollup has taken it up (G1)."""
    hours = {
        (device, metric, at.replace(minute=0, second=0, microsecond=0)) for device, metric, at, _ in rows
    }
    for hour in hours - set(marks):
        yield f"no mark for {hour}"


def wrong_latest(rows: Sequence[Stored], latest: Mapping[Series, tuple[datetime, float]]) -> Iterator[str]:
    """The latest value of each series is that of its newest reading (G7)."""
    newest: dict[Series, tuple[datetime, float]] = {}
    for device, metric, at, value in rows:
        newest[device, metric] = max(newest.get((device, metric), (at, value)), (at, value))
    for series in newest.keys() | latest.keys():
        if newest.get(series) != latest.get(series):
            yield f"the latest of {series} should be {newest.get(series)}, and is {latest.get(series)}"
