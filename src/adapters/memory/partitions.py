"""Partitions of readings in memory: the months that have one."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from application.ports.clock import Clock
from domain.telemetry.partitions import PARTITIONS_NEW_MAX, NotMade, is_in_range, month_of
from domain.telemetry.reading import moment


class InMemoryPartitionKeeper:
    """PartitionKeeper."""

    def __init__(self, *, now: Clock) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._months: set[int] = set()

    def ensure(self, months: Sequence[int]) -> Mapping[int, str]:
        """See the port."""
        why_not: dict[int, str] = {}
        made = 0
        with self._lock:
            for month in sorted(set(months) - self._months, reverse=True):
                if not is_in_range(month_of(moment(month)), now=self._now()):
                    why_not[month] = NotMade.OUT_OF_RANGE.value
                elif made == PARTITIONS_NEW_MAX:
                    why_not[month] = NotMade.TOO_MANY.value
                else:
                    self._months.add(month)
                    made += 1
        return why_not
