"""Readings lie in a partition for each month; which are made ahead, and which are made at all."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import Final

from domain.telemetry.reading import EARLIEST

PARTITIONS_NEW_MAX: Final = 32
"""Partitions that are made in one go, the newest months first; one request makes no more."""
MONTHS_AHEAD: Final = 2
"""How far ahead partitions are made, and may be."""


class NotMade(Enum):
    """Why a month has no partition after all."""

    OUT_OF_RANGE = "partitions are made from 1970 until 2 months ahead; mend the reading's time"
    TOO_MANY = "one request may open 32 months that nothing is stored for; send the rest by itself"
    COVERED_IN_PART = "partitions cover that month in part; an operator must make the rest"
    NAME_TAKEN = "a table with the name of that month's partition is in the way; an operator must rename it"


def month_of(at: datetime) -> datetime:
    """When the month of that time began, in UTC."""
    return at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_after(month: datetime, count: int = 1) -> datetime:
    """The beginning of the month that comes so many after it."""
    months = month.year * 12 + month.month - 1 + count
    return month.replace(year=months // 12, month=months % 12 + 1)


def months_ahead(now: datetime) -> tuple[datetime, ...]:
    """The months that must have partitions at that time: the present one and MONTHS_AHEAD more."""
    return tuple(month_after(month_of(now), count) for count in range(MONTHS_AHEAD + 1))


def is_in_range(month: datetime, *, now: datetime) -> bool:
    """Whether a partition may be made for it."""
    return EARLIEST <= month <= months_ahead(now)[-1]
