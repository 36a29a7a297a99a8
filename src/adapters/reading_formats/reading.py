"""One reading, field by field: the way for bodies in which something is wrong, which has to be named."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from adapters.reading_formats.assembly import Fault
from adapters.reading_formats.times import TIME_DETAIL, time_of_ms, time_of_text
from domain.telemetry.reading import INTEGER_MAX, RejectReason, SeriesKey
from domain.telemetry.refusals import DETAILS, INTEGER_DETAIL

FIELDS: Final = ("device", "metric", "ts", "value")
_ALL_FIELDS: Final = {*FIELDS, "labels"}
_SPELLED: Final = {
    "NaN": math.nan,
    "Infinity": math.inf,
    "-Infinity": -math.inf,
}


def reading_of(sent: object) -> tuple[SeriesKey, int, float]:
    """Its series, its time in microseconds and its value. Raises Fault; names are not checked."""
    if not isinstance(sent, Mapping):
        raise Fault(RejectReason.MALFORMED, "not an object; send device, metric, ts and value")
    for name in FIELDS:
        if name not in sent:
            raise Fault(RejectReason.MALFORMED, f"{name} is missing; send device, metric, ts and value")
    if sent.keys() - _ALL_FIELDS:
        raise Fault(
            RejectReason.MALFORMED,
            "has a field other than device, metric, ts, value and labels; leave it out, or make it a label",
        )
    return key_of(sent), time_of(sent["ts"]), value_of(sent["value"])


def key_of(sent: Mapping[str, object]) -> SeriesKey:
    """Its series. Raises Fault."""
    device, metric = sent["device"], sent["metric"]
    if not isinstance(device, str) or not isinstance(metric, str):
        raise Fault(RejectReason.MALFORMED, "device and metric must be text")
    return SeriesKey(device, metric, labels_of(sent.get("labels")))


def labels_of(labels: object) -> tuple[tuple[str, str], ...]:
    """In the order of their names. Raises Fault."""
    if labels is None:
        return ()
    if not isinstance(labels, Mapping) or not all(isinstance(value, str) for value in labels.values()):
        raise Fault(RejectReason.MALFORMED, "labels must be an object of texts")
    return tuple(sorted(labels.items()))


def time_of(sent: object) -> int:
    """In microseconds since 1970. Raises Fault."""
    time = None
    if isinstance(sent, str):
        time = time_of_text(sent)
    elif isinstance(sent, int) and not isinstance(sent, bool):
        time = time_of_ms(sent)
    if time is None:
        raise Fault(RejectReason.INVALID_TIME, TIME_DETAIL)
    return time


def value_of(sent: object) -> float:
    """As a double; NaN and infinity are not judged here. Raises Fault."""
    if isinstance(sent, float | bool):
        return float(sent)
    if isinstance(sent, int):
        if abs(sent) > INTEGER_MAX:
            raise Fault(RejectReason.TOO_LARGE, INTEGER_DETAIL)
        return float(sent)
    if sent is None:
        raise Fault(RejectReason.NOT_A_NUMBER, "the value is null; leave the reading out, or send a number")
    if isinstance(sent, str):
        if sent in _SPELLED:
            reason = RejectReason.NOT_A_NUMBER if sent == "NaN" else RejectReason.INFINITE
            raise Fault(reason, DETAILS[reason])
        raise Fault(RejectReason.NOT_A_NUMBER, "the value is text; send a number without quotes")
    raise Fault(RejectReason.MALFORMED, "the value must be a number, or true or false")
