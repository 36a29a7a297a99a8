"""Readings as they are asked for: those of a device in the order of time, and the latest of each series."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from application.ports.read_models import PAGE_DEFAULT, Page, PageKey
from domain.errors import InvalidInput

READINGS_PAGE_MAX: Final = 10_000
SERIES_PER_QUESTION_MAX: Final = 1_000
"""Series that are read together; more have to be told apart by metric or labels."""
SERIES_LOOKED_AT_MAX: Final = 100_000
"""Series of the device and metric whose labels are looked at for one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingView:
    """One stored reading."""

    device: str
    metric: str
    labels: dict[str, str]
    ts: datetime
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFilter:
    """Which series are wanted: of one live device by its name, of that metric (None: any), with all these labels."""

    device: str
    metric: str | None = None
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """begins ≤ ts < ends; None is no bound."""

    begins: datetime | None = None
    ends: datetime | None = None


class ReadingViews(Protocol):
    """Reads what is committed of one tenant's readings.

    A page's `next` names its last reading by time and, as the id, the number of its series.
    Raises NotFound if no device has or had the name, Gone if a deleted one had it last, StoreUnavailable; InvalidInput
    if labels are wanted and more than SERIES_LOOKED_AT_MAX series would have to be looked at.
    """

    def list(
        self,
        tenant_id: UUID,
        wanted: SeriesFilter,
        within: TimeRange,
        *,
        after: PageKey | None = None,
        limit: int = PAGE_DEFAULT,
    ) -> Page[ReadingView]:
        """Readings beyond `after`, oldest first, those of one time by their series; at most READINGS_PAGE_MAX.

        Walking all pages gives each reading once that was stored at the start, and of those that come meanwhile the
        ones that lie ahead. Where several series are read, a page may hold fewer than `limit` and still have a next.
        Raises InvalidInput if more than SERIES_PER_QUESTION_MAX series are wanted.
        """
        ...

    def latest(
        self,
        tenant_id: UUID,
        wanted: SeriesFilter,
        *,
        after: PageKey | None = None,
        limit: int = PAGE_DEFAULT,
    ) -> Page[ReadingView]:
        """The latest reading of each series that has one (G7), by metric; at most READINGS_PAGE_MAX."""
        ...


def too_many_series() -> InvalidInput:
    """The refusal of a question that is too wide."""
    return InvalidInput(
        field="metric",
        problem=f"the device has more than {SERIES_PER_QUESTION_MAX:,} such series; name a metric, or more labels",
    )


def too_many_to_look_at() -> InvalidInput:
    """The refusal of a search for labels among too many series."""
    return InvalidInput(
        field="metric",
        problem=f"labels are looked for among at most {SERIES_LOOKED_AT_MAX:,} series; name a metric",
    )
