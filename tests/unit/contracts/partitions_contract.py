"""The contract of partitions: what is made, what is refused by name, and what goes when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from application.ports.partitions import DropOutcome, ReadingPartitions
from application.ports.readings import PartitionKeeper
from domain.telemetry.partitions import (
    MONTHS_AHEAD,
    PARTITIONS_NEW_MAX,
    NotMade,
    month_after,
    month_of,
    months_ahead,
)
from domain.telemetry.reading import EARLIEST, microseconds
from unit.contracts.threads import Threads


class PartitionKeeperContract:
    """Over partitions that the suite has for itself: none at the start of a test."""

    @pytest.fixture
    def keeper(self) -> PartitionKeeper:
        """Of a process that knows nothing yet."""
        raise NotImplementedError("the binding must override keeper")

    @pytest.fixture
    def keeper_elsewhere(self) -> PartitionKeeper:
        """Of another process, over the same store."""
        raise NotImplementedError("the binding must override keeper_elsewhere")

    @pytest.fixture
    def release_thread(self) -> Callable[[], None]:
        """Gives back what a thread that ends holds."""
        return lambda: None

    @pytest.mark.promise("G6")
    def test_what_is_there_counts_for_nothing(
        self, keeper: PartitionKeeper, keeper_elsewhere: PartitionKeeper
    ) -> None:
        first = years_ago(PARTITIONS_NEW_MAX)
        assert keeper.ensure(first) == {}
        assert keeper.ensure(first) == {}
        more = years_ago(PARTITIONS_NEW_MAX, years=10)
        assert keeper_elsewhere.ensure(first + more) == {}

    @pytest.mark.promise("G6")
    def test_too_many_new_ones_are_refused_by_name_the_oldest_first(self, keeper: PartitionKeeper) -> None:
        months = years_ago(PARTITIONS_NEW_MAX + 2)
        assert keeper.ensure(months) == dict.fromkeys(months[:2], NotMade.TOO_MANY.value)
        assert keeper.ensure(months) == {}

    @pytest.mark.promise("G6")
    def test_far_future_and_far_past_are_refused_by_name_and_the_others_made(
        self, keeper: PartitionKeeper, keeper_elsewhere: PartitionKeeper
    ) -> None:
        last = months_ahead(now())[-1]
        good = list(map(microseconds, (EARLIEST, *months_ahead(now()))))
        bad = list(
            map(
                microseconds, (month_after(EARLIEST, -1), month_after(last), datetime(9999, 1, 1, tzinfo=UTC))
            )
        )
        assert keeper.ensure([bad[0], *good, *bad[1:]]) == dict.fromkeys(bad, NotMade.OUT_OF_RANGE.value)
        assert keeper_elsewhere.ensure(good) == {}
        assert str(PARTITIONS_NEW_MAX) in NotMade.TOO_MANY.value
        assert str(MONTHS_AHEAD) in NotMade.OUT_OF_RANGE.value

    @pytest.mark.promise("G6")
    def test_callers_at_once_make_each_once(
        self,
        keeper: PartitionKeeper,
        keeper_elsewhere: PartitionKeeper,
        release_thread: Callable[[], None],
    ) -> None:
        months = years_ago(6)
        outcomes = Threads(release_thread).race(
            6, lambda n: (keeper, keeper_elsewhere)[n % 2].ensure(months[n:] + months[:n])
        )
        assert [(outcome.result, outcome.error) for outcome in outcomes] == [({}, None)] * 6


def now() -> datetime:
    return datetime.now(UTC)


def years_ago(count: int, *, years: int = 5) -> list[int]:
    """So many months in a row, oldest first, the last one so many years ago."""
    last = month_after(month_of(now()), -12 * years)
    return [microseconds(month_after(last, -n)) for n in reversed(range(count))]


class AddReading(Protocol):
    """Stores a reading of that time."""

    def __call__(self, at: datetime, *, marked: bool) -> None: ...


LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NEXT = datetime(2020, 2, 1, tzinfo=UTC)


class ReadingPartitionsContract:
    """Over partitions that the suite has for itself: none at the start of a test."""

    @pytest.fixture
    def keeper(self) -> PartitionKeeper:
        """Of the process that drops."""
        raise NotImplementedError("the binding must override keeper")

    @pytest.fixture
    def partitions(self) -> ReadingPartitions:
        raise NotImplementedError("the binding must override partitions")

    @pytest.fixture
    def add_reading(self) -> AddReading:
        raise NotImplementedError("the binding must override add_reading")

    @pytest.fixture
    def count(self) -> Callable[[], int]:
        """How many readings are stored."""
        raise NotImplementedError("the binding must override count")

    def test_are_listed_oldest_first_with_what_keeps_them(
        self, keeper: PartitionKeeper, partitions: ReadingPartitions, add_reading: AddReading
    ) -> None:
        keeper.ensure([microseconds(NEXT), microseconds(LONG_AGO)])
        add_reading(LONG_AGO + timedelta(days=30, hours=23), marked=True)
        add_reading(NEXT, marked=False)
        first, second = partitions.list()
        assert (first.starts_at, first.ends_at, first.marks) == (LONG_AGO, NEXT, 1)
        assert (second.starts_at, second.ends_at, second.marks) == (NEXT, month_after(NEXT), 0)
        assert first.bytes > 0

    @pytest.mark.promise("G6")
    def test_go_with_their_readings_and_no_others_and_come_again(
        self,
        keeper: PartitionKeeper,
        partitions: ReadingPartitions,
        add_reading: AddReading,
        count: Callable[[], int],
    ) -> None:
        months = [microseconds(LONG_AGO), microseconds(NEXT)]
        keeper.ensure(months)
        add_reading(NEXT - timedelta(seconds=1), marked=False)
        add_reading(NEXT, marked=False)
        name = partitions.list()[0].name
        assert partitions.drop(name, ends_by=NEXT) is DropOutcome.DROPPED
        assert partitions.drop(name, ends_by=NEXT) is DropOutcome.ABSENT
        assert [each.starts_at for each in partitions.list()] == [NEXT]
        assert count() == 1
        keeper.ensure(months)
        assert len(partitions.list()) == 2
        assert count() == 1

    @pytest.mark.promise("G6")
    def test_stay_while_a_mark_lies_in_them(
        self,
        keeper: PartitionKeeper,
        partitions: ReadingPartitions,
        add_reading: AddReading,
        count: Callable[[], int],
    ) -> None:
        keeper.ensure([microseconds(LONG_AGO)])
        add_reading(NEXT - timedelta(seconds=1), marked=True)
        (partition,) = partitions.list()
        assert partitions.drop(partition.name, ends_by=NEXT) is DropOutcome.MARKED
        assert count() == 1

    @pytest.mark.promise("G6")
    def test_stay_while_some_of_their_time_may_be_needed(
        self, keeper: PartitionKeeper, partitions: ReadingPartitions
    ) -> None:
        at = now()
        keeper.ensure([microseconds(LONG_AGO), microseconds(month_of(at))])
        past, present = partitions.list()
        early = NEXT - timedelta(microseconds=1)
        assert partitions.drop(past.name, ends_by=early) is DropOutcome.KEPT
        assert partitions.drop(present.name, ends_by=month_after(at, 24)) is DropOutcome.KEPT
        assert list(partitions.list()) == [past, present]
