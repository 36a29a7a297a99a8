"""The checks of readings find each kind of fault."""

from __future__ import annotations

from datetime import datetime, timedelta

from chaos.readings_checks import Stored, lost_or_doubled_readings, unmarked_hours, wrong_latest
from chaos.readings_load import Slot, time_of, value_of

SLOTS: list[Slot] = [("chaos-0", "temperature", number) for number in range(3)]


def stored(slot: Slot, by: float = 0) -> Stored:
    return (slot[0], slot[1], time_of(slot[2]), value_of(slot) + by)


ROWS = [stored(slot) for slot in SLOTS]


def hour_of(at: datetime) -> datetime:
    return at - timedelta(minutes=at.minute, seconds=at.second, microseconds=at.microsecond)


def test_nothing_is_found_where_all_is_well() -> None:
    assert list(lost_or_doubled_readings(SLOTS, ROWS)) == []
    assert list(unmarked_hours(ROWS, [(device, metric, hour_of(at)) for device, metric, at, _ in ROWS])) == []
    assert list(wrong_latest(ROWS, {("chaos-0", "temperature"): ROWS[2][2:]})) == []


def test_each_fault_is_named() -> None:
    (lost,) = lost_or_doubled_readings(SLOTS, ROWS[1:])
    assert "lost" in lost
    (doubled,) = lost_or_doubled_readings(SLOTS, [*ROWS, ROWS[0]])
    assert "2 times" in doubled
    (strange,) = lost_or_doubled_readings(SLOTS[1:], ROWS)
    assert "never acknowledged" in strange
    (wrong,) = lost_or_doubled_readings(SLOTS, [stored(SLOTS[0], by=1), *ROWS[1:]])
    assert "should be" in wrong
    assert len(list(unmarked_hours(ROWS, []))) == 1
    (older,) = wrong_latest(ROWS, {("chaos-0", "temperature"): ROWS[1][2:]})
    (missing,) = wrong_latest(ROWS, {})
    assert "should be" in older
    assert "is None" in missing
