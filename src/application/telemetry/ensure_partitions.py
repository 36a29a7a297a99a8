"""Make the partitions of the months ahead, so that no batch has to wait for one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from application.ports.clock import Clock
from application.ports.readings import PartitionKeeper
from domain.telemetry.partitions import months_ahead
from domain.telemetry.reading import microseconds


class PartitionsMissing(Exception):
    """A month that begins soon has no partition; the message says which, and why."""


@dataclass(frozen=True)
class EnsurePartitionsHandler:
    """The present month's and those of MONTHS_AHEAD more."""

    keeper: PartitionKeeper
    now: Clock

    def handle(self) -> tuple[datetime, ...]:
        """The months that have one now. Raises PartitionsMissing, StoreUnavailable, TransactionConflict."""
        months = months_ahead(self.now())
        why_not = self.keeper.ensure([microseconds(month) for month in months])
        missing = [
            f"{month:%Y-%m}: {why_not[microseconds(month)]}"
            for month in months
            if microseconds(month) in why_not
        ]
        if missing:
            raise PartitionsMissing("; ".join(missing))
        return months
