"""Two values for one series at one time: the first stays, the other is kept apart (W8)."""

from __future__ import annotations

from domain.telemetry.batch import Reject
from domain.telemetry.reading import RejectReason, SeriesKey
from domain.telemetry.refusals import as_sent, refusal


def conflict_between(row: int, key: SeriesKey, time_us: int, value: float, stored: float) -> Reject:
    """The reading that did not become the value of its series at that time."""
    return refusal(
        row,
        RejectReason.CONFLICT,
        f"the series has the value {stored!r} at this time; the first one stays",
        as_sent(key, time_us, value),
    )
