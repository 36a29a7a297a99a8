"""The partitions that there are, and how they go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionView:
    """A partition of readings; which time it holds is what the store says, be it a month or not."""

    name: str
    starts_at: datetime
    ends_at: datetime
    """Not in it."""
    rows: int
    """As estimated when it was last analysed."""
    bytes: int
    """With its indexes."""
    marks: int
    """Hours of series in it that no rollup has taken up."""


class DropOutcome(StrEnum):
    """What became of a partition that was to go."""

    DROPPED = "dropped"
    ABSENT = "absent"
    """It is gone already."""
    KEPT = "kept"
    """It does not end early enough."""
    MARKED = "marked"
    """Rollups are due in it."""
    BUSY = "busy"
    """Another one drops partitions."""


class ReadingPartitions(Protocol):
    """The partitions of all tenants' readings. Both raise StoreUnavailable and TransactionConflict."""

    def list(self) -> Sequence[PartitionView]:
        """All of them, oldest first."""
        ...

    def drop(self, name: str, *, ends_by: datetime) -> DropOutcome:
        """Drop it with its readings, if it ends then or earlier, at least an hour ago, and no mark lies in it (G6).

        One transaction. Who writes or reads meanwhile waits for half a second at most, and none fails;
        TransactionConflict if somebody had it in use for as long.
        """
        ...
