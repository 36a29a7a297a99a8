"""Drop partitions whose readings have all run out."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from application.ports.clock import BackOff, Clock
from application.ports.partitions import DropOutcome, PartitionView, ReadingPartitions
from application.ports.unit_of_work import TransactionConflict
from domain.telemetry.retention import RawRetention

PARTITIONS_PER_RUN: Final = 12
TRIES_MAX: Final = 3
"""To get hold of one partition; each delays whoever wants readings by half a second at most."""

_log: Final = logging.getLogger("holdwater.partitions")


class PartitionInUse(Exception):
    """A long transaction has a partition in use that is to be dropped; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DropReport:
    """What one run came to; names of partitions, oldest first."""

    dropped: tuple[str, ...]
    """Or that would be, where nothing was to be done."""
    marked: tuple[str, ...]
    """Rollups are due in them, so they stay for now."""
    is_complete: bool
    """False: more may go, in another run."""


@dataclass(frozen=True)
class DropPartitionsHandler:
    """One partition after the other, each in a transaction of its own; may be stopped and repeated at any time."""

    partitions: ReadingPartitions
    now: Clock
    back_off: BackOff

    def handle(self, retention: RawRetention, *, dry_run: bool = False) -> DropReport:
        """Drop what has run out, oldest first, up to PARTITIONS_PER_RUN.

        Raises PartitionInUse, StoreUnavailable; what was dropped before stays so.
        """
        ends_by = retention.dropped_before(self.now())
        if ends_by is None:
            return DropReport(dropped=(), marked=(), is_complete=True)
        expired = [each for each in self.partitions.list() if each.ends_at <= ends_by]
        marked = [each.name for each in expired if each.marks]
        due = [each for each in expired if not each.marks]
        dropped = []
        for each in due[:PARTITIONS_PER_RUN]:
            outcome = DropOutcome.DROPPED if dry_run else self._drop(each, ends_by)
            if outcome is DropOutcome.BUSY:
                break
            if outcome is DropOutcome.DROPPED:
                dropped.append(each.name)
            elif outcome is DropOutcome.MARKED:
                marked.append(each.name)
        if marked:
            _log.warning("partitions stay although their readings have run out: %s", ", ".join(marked))
        is_complete = len(due) <= PARTITIONS_PER_RUN
        return DropReport(dropped=tuple(dropped), marked=tuple(marked), is_complete=is_complete)

    def _drop(self, partition: PartitionView, ends_by: datetime) -> DropOutcome:
        for number in range(1, TRIES_MAX + 1):
            if number > 1:
                self.back_off(number)
            try:
                outcome = self.partitions.drop(partition.name, ends_by=ends_by)
            except TransactionConflict:
                continue
            if outcome is DropOutcome.DROPPED:
                _log.info("dropped %s with about %d readings", partition.name, partition.rows)
            return outcome
        raise PartitionInUse(
            f"{partition.name} was in use in {TRIES_MAX} tries; end the transaction that reads it, "
            "or wait for the next run"
        )
