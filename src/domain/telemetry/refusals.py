"""What a refused reading's answer says: what is wrong, and what to do."""

from __future__ import annotations

import json
from typing import Final

from domain.telemetry.batch import SENT_LENGTH_MAX, Reject
from domain.telemetry.reading import (
    FUTURE_MAX,
    INTEGER_MAX,
    VALUE_MAX,
    RejectReason,
    SeriesKey,
    moment,
)

_HOURS: Final = FUTURE_MAX.total_seconds() / 3_600

DETAILS: Final = {
    RejectReason.NOT_A_NUMBER: "the value is not a number; leave the reading out, or send a number",
    RejectReason.INFINITE: "the value is infinite; leave the reading out, or send a finite number",
    RejectReason.TOO_LARGE: f"the value is beyond ±{VALUE_MAX:g}; send it in a larger unit",
    RejectReason.TOO_EARLY: "the time is before 1970; check the clock, and the unit of the time",
    RejectReason.IN_THE_FUTURE: f"the time is more than {_HOURS:g} hours ahead; check the clock, and the time's unit",
    RejectReason.BEYOND_RETENTION: "the time is older than readings are kept for; leave the reading out",
}
"""Of the faults that `ReadingRules` finds."""
INTEGER_DETAIL: Final = (
    f"the value is an integer beyond ±{INTEGER_MAX}, which a double can't hold exactly; send it as a float"
)

_FIRST_US: Final = -62_135_596_800_000_000  # 0001-01-01
_LAST_US: Final = 253_402_300_799_999_999  # 9999-12-31


def refusal(row: int, reason: RejectReason, detail: str, sent: str) -> Reject:
    """A reject that keeps what was sent, as much as may be kept."""
    return Reject(row, reason, detail, sent[:SENT_LENGTH_MAX])


def as_sent(key: SeriesKey, time_us: int, value: float) -> str:
    """Any reading, even an impossible one, as JSON that can be sent again.

    NaN and the infinities, which JSON can't spell, become text; a time beyond the years 1 to 9999 becomes
    milliseconds since 1970.
    """
    reading: dict[str, object] = {"device": key.device, "metric": key.metric}
    if key.labels:
        reading["labels"] = dict(key.labels)
    if _FIRST_US <= time_us <= _LAST_US:
        reading["ts"] = moment(time_us).isoformat().replace("+00:00", "Z")
    else:
        reading["ts"] = time_us // 1_000
    reading["value"] = spelled(value)
    return json_text(reading)


def spelled(value: float) -> float | str:
    """The value, or what to write for one that JSON has no number for."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def json_text(value: object) -> str:
    """JSON that can be stored as UTF-8: halves of surrogate pairs stay escaped."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text
