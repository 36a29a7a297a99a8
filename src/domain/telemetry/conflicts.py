"""Two values for one series at one time: the first stays, the other is kept apart (W8)."""

from __future__ import annotations

import json

from domain.telemetry.batch import Reject
from domain.telemetry.reading import RejectReason, SeriesKey, moment


def conflict_between(row: int, key: SeriesKey, time_us: int, value: float, stored: float) -> Reject:
    """The reading that did not become the value of its series at that time."""
    return Reject(
        row,
        RejectReason.CONFLICT,
        f"the series has the value {stored!r} at this time; the first one stays",
        reading_as_json(key, time_us, value),
    )


def reading_as_json(key: SeriesKey, time_us: int, value: float) -> str:
    """A reading as it can be sent again."""
    reading: dict[str, object] = {"device": key.device, "metric": key.metric}
    if key.labels:
        reading["labels"] = dict(key.labels)
    reading |= {"ts": moment(time_us).isoformat().replace("+00:00", "Z"), "value": value}
    return json.dumps(reading, ensure_ascii=False)
