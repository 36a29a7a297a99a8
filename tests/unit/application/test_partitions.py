"""Partitions are made ahead, and dropped one by one when their readings have run out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from adapters.memory.database import InMemoryDatabase
from adapters.memory.partitions import InMemoryPartitions
from adapters.system_clock import new_id
from application.ports.partitions import DropOutcome, PartitionView
from application.ports.unit_of_work import TransactionConflict
from application.telemetry.drop_partitions import (
    PARTITIONS_PER_RUN,
    TRIES_MAX,
    DropPartitionsHandler,
    PartitionInUse,
)
from application.telemetry.ensure_partitions import EnsurePartitionsHandler, PartitionsMissing
from domain.telemetry.partitions import NotMade, month_after
from domain.telemetry.reading import microseconds
from domain.telemetry.retention import RawRetention

START = datetime(2024, 1, 1, tzinfo=UTC)
MONTH = RawRetention(timedelta(days=31))


class Store:
    """Partitions of twenty months from START on, and a clock that the test moves; `in_use` fails so often."""

    def __init__(self) -> None:
        self.at = month_after(START, 20)
        self.database = InMemoryDatabase(now=lambda: self.at)
        self.kept = InMemoryPartitions(database=self.database)
        self.kept.ensure([microseconds(month_after(START, n)) for n in range(20)])
        self.in_use, self.pauses = 0, 0
        self.handler = DropPartitionsHandler(self, lambda: self.at, self._pause)

    def list(self) -> Sequence[PartitionView]:
        return self.kept.list()

    def drop(self, name: str, *, ends_by: datetime) -> DropOutcome:
        if self.in_use:
            self.in_use -= 1
            raise TransactionConflict
        return self.kept.drop(name, ends_by=ends_by)

    def _pause(self, number: int) -> None:
        self.pauses += 1


@pytest.fixture
def store() -> Store:
    """Twenty months, at the beginning of the twenty-first."""
    return Store()


def names(first: int, last: int) -> tuple[str, ...]:
    """Of the months with those numbers, the last one included."""
    return tuple(f"sensor_reading_{month_after(START, n):%Y_%m}" for n in range(first, last + 1))


@pytest.mark.promise("G6")
class TestDropping:
    def test_takes_the_oldest_first_and_leaves_the_rest_to_the_next_run(self, store: Store) -> None:
        report = store.handler.handle(MONTH)
        assert (report.dropped, report.is_complete) == (names(0, PARTITIONS_PER_RUN - 1), False)
        # The one after these ends where retention begins, and is spared for another hour.
        assert store.handler.handle(MONTH).dropped == names(PARTITIONS_PER_RUN, 17)
        store.at += timedelta(hours=1)
        report = store.handler.handle(MONTH)
        assert (report.dropped, report.is_complete) == (names(18, 18), True)
        assert [each.name for each in store.list()] == list(names(19, 19))

    def test_passes_over_what_rollups_are_due_in(self, store: Store) -> None:
        hour = microseconds(month_after(START, 1))
        store.database.readings.marks.append((new_id(), 1, hour))
        report = store.handler.handle(MONTH)
        assert (report.marked, report.dropped[:2]) == (names(1, 1), (*names(0, 0), *names(2, 2)))
        store.database.readings.marks.clear()
        assert store.handler.handle(MONTH).dropped[0] == names(1, 1)[0]

    def test_tries_again_and_gives_up_by_name(self, store: Store) -> None:
        store.in_use = TRIES_MAX
        with pytest.raises(PartitionInUse, match=names(0, 0)[0]):
            store.handler.handle(MONTH)
        assert (len(store.list()), store.pauses) == (20, TRIES_MAX - 1)
        store.in_use = TRIES_MAX - 1
        assert store.handler.handle(MONTH).dropped[0] == names(0, 0)[0]

    def test_may_be_tried_dry(self, store: Store) -> None:
        assert store.handler.handle(MONTH, dry_run=True).dropped == names(0, PARTITIONS_PER_RUN - 1)
        assert len(store.list()) == 20

    def test_never_happens_without_a_retention(self, store: Store) -> None:
        report = store.handler.handle(RawRetention(None))
        assert (report.dropped, report.marked, report.is_complete) == ((), (), True)


@pytest.mark.promise("G6")
class TestEnsuring:
    def test_makes_the_present_month_and_two_more(self, store: Store) -> None:
        assert len(EnsurePartitionsHandler(store.kept, lambda: store.at).handle()) == 3
        assert [each.name for each in store.list()][20:] == list(names(20, 22))

    def test_says_which_month_is_missing_and_why(self, store: Store) -> None:
        ahead = store.at + timedelta(days=31)
        with pytest.raises(PartitionsMissing, match=f"2025-12: {NotMade.OUT_OF_RANGE.value}"):
            EnsurePartitionsHandler(store.kept, lambda: ahead).handle()
