"""Partitions of readings in memory: the months that have one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from adapters.memory.database import InMemoryDatabase
from application.ports.partitions import DropOutcome, PartitionView
from domain.telemetry.partitions import PARTITIONS_NEW_MAX, NotMade, is_in_range, month_after, month_of
from domain.telemetry.reading import microseconds, moment
from domain.telemetry.retention import GRACE

_ROW_BYTES: Final = 100


class InMemoryPartitions:
    """PartitionKeeper and ReadingPartitions, each call one step under the database's latch."""

    def __init__(self, *, database: InMemoryDatabase) -> None:
        self._database = database
        self._months: set[int] = set()

    def ensure(self, months: Sequence[int]) -> Mapping[int, str]:
        """See the port."""
        why_not: dict[int, str] = {}
        made = 0
        with self._database.latch:
            for month in sorted(set(months) - self._months, reverse=True):
                if not is_in_range(month_of(moment(month)), now=self._database.now()):
                    why_not[month] = NotMade.OUT_OF_RANGE.value
                elif made == PARTITIONS_NEW_MAX:
                    why_not[month] = NotMade.TOO_MANY.value
                else:
                    self._months.add(month)
                    made += 1
        return why_not

    def list(self) -> Sequence[PartitionView]:
        """See the port."""
        with self._database.latch:
            return [self._view(month) for month in sorted(self._months)]

    def drop(self, name: str, *, ends_by: datetime) -> DropOutcome:
        """See the port."""
        with self._database.latch:
            for month in self._months:
                partition = self._view(month)
                if partition.name != name:
                    continue
                if partition.ends_at > min(ends_by, self._database.now() - GRACE):
                    return DropOutcome.KEPT
                if partition.marks:
                    return DropOutcome.MARKED
                self._months.discard(month)
                readings = self._database.readings
                readings.values = {
                    key: value for key, value in readings.values.items() if not _holds(partition, key[2])
                }
                return DropOutcome.DROPPED
        return DropOutcome.ABSENT

    def _view(self, month: int) -> PartitionView:
        starts_at = moment(month)
        span = PartitionView(
            name=f"sensor_reading_{starts_at:%Y_%m}",
            starts_at=starts_at,
            ends_at=month_after(starts_at),
            rows=0,
            bytes=0,
            marks=0,
        )
        rows = sum(_holds(span, time) for _, _, time in self._database.readings.values)
        marks = sum(_holds(span, hour) for _, _, hour in self._database.readings.marks)
        return replace(span, rows=rows, bytes=rows * _ROW_BYTES, marks=marks)


def _holds(partition: PartitionView, time: int) -> bool:
    return microseconds(partition.starts_at) <= time < microseconds(partition.ends_at)
