"""The contract of partitions: what is made, what is refused by name, and that neither is done twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

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
