"""One line of InfluxDB's protocol, with quotes and escapes."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from adapters.reading_formats.assembly import Fault
from adapters.reading_formats.times import INT64_MAX
from application.ports.reading_decoder import Precision
from domain.telemetry.reading import INTEGER_MAX, RejectReason
from domain.telemetry.refusals import DETAILS, INTEGER_DETAIL

# A backslash escapes the separators alone; before anything else it stands for itself. The quantifiers are
# possessive: nothing is tried twice, whatever the line.
_HEAD: Final = r"((?:\\[ ,=]|[^ ])++)"
_TEXT: Final = r'"(?:\\.|[^"\\])*+"'
_FIELDS: Final = rf"((?:={_TEXT}|\\[ ,=]|[^ ])++)"
_LINE: Final = re.compile(rf"{_HEAD} ++{_FIELDS}(?: ++([^ ]++))? *+", re.DOTALL)
_OPEN: Final = re.compile(rf'{_HEAD} ++(?:={_TEXT}|\\[ ,=]|(?!=")[^ ])++="(?:\\.|[^"\\])*+\\?', re.DOTALL)
_FIELD: Final = re.compile(rf"((?:\\[ ,=]|[^ ,=])++)=({_TEXT}|[^ ,=]++)(,|$)", re.DOTALL)
_TAG: Final = re.compile(r"((?:\\[ ,=]|[^,=])++)=((?:\\[ ,=]|[^,=])++)")
_COMMA: Final = re.compile(r"((?:\\[ ,=]|[^,])++)(,|$)")
_ESCAPED: Final = re.compile(r"\\([ ,=])")
_ESCAPED_IN_MEASUREMENT: Final = re.compile(r"\\([ ,])")
_INTEGER: Final = re.compile(r"([+-]?)(\d+)[iu]", re.ASCII)
_FLOAT: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_TIME: Final = re.compile(r"[+-]?\d{1,25}", re.ASCII)
_DIGITS_MAX: Final = 25
_BOOLEANS: Final = {
    **dict.fromkeys(("t", "T", "true", "True", "TRUE"), 1.0),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE"), 0.0),
}
_NOT_FINITE: Final = {"nan": math.nan, "inf": math.inf, "infinity": math.inf}
HEADS_KEPT: Final = 10_000
"""Measurements with tags whose meaning a process remembers; those that are wrong are read each time."""
_HEAD_KEPT_LENGTH_MAX: Final = 500
_NAME_SHOWN_MAX: Final = 100

Series = tuple[str, tuple[tuple[str, str], ...]]
"""Device and labels."""


class Line(NamedTuple):
    """Its parts, still escaped."""

    head: str
    fields: str
    time: str | None


def line_of(text: str) -> Line:
    """Its parts. Raises Fault."""
    match = _LINE.fullmatch(text)
    if match is None:
        raise Fault(
            RejectReason.MALFORMED,
            "not a line of the line protocol: measurement[,tag=value…] field=value[,…] [time]",
        )
    return Line(match[1], match[2], match[3])


def is_open(text: str) -> bool:
    """Whether the line ends within the text of a field, which then goes on in the next line."""
    return _OPEN.fullmatch(text) is not None


def series_of_head(head: str) -> Series:
    """Device and labels of measurement and tags. Raises Fault."""
    return _known_series(head) if len(head) <= _HEAD_KEPT_LENGTH_MAX else _series(head)


def _series(head: str) -> Series:
    measurement, *tags = _split(head)
    measurement = _ESCAPED_IN_MEASUREMENT.sub(r"\1", measurement)
    labels: dict[str, str] = {}
    for tag in tags:
        match = _TAG.fullmatch(tag)
        if match is None:
            raise Fault(
                RejectReason.MALFORMED, "a tag is not name=value; escape commas, spaces and = with \\"
            )
        name, value = (_ESCAPED.sub(r"\1", part) for part in match.groups())
        if name in labels:
            raise Fault(RejectReason.MALFORMED, "two tags have the same name; leave one of them out")
        labels[name] = value
    device = labels.pop("device", None)
    if device is None:
        return measurement, tuple(sorted(labels.items()))
    if measurement != device:
        labels["_measurement" if "measurement" in labels else "measurement"] = measurement
    return device, tuple(sorted(labels.items()))


_known_series: Final = functools.lru_cache(maxsize=HEADS_KEPT)(_series)


def fields_of(fields: str) -> Iterator[tuple[str, str]]:
    """Key and value, as written, of each field. Raises Fault where they can't be told apart."""
    at, more = 0, True
    while more:
        match = _FIELD.match(fields, at)
        if match is None:
            raise Fault(
                RejectReason.MALFORMED, "a field is not name=value; escape commas, spaces and = with \\"
            )
        yield _ESCAPED.sub(r"\1", match[1]), match[2]
        at, more = match.end(), match[3] == ","


def number_of(name: str, text: str) -> float:
    """The value of a field; NaN and infinity too. Raises Fault that names the field."""
    shown = repr(name[:_NAME_SHOWN_MAX])
    if _FLOAT.fullmatch(text):
        return float(text)
    if integer := _INTEGER.fullmatch(text):
        digits = integer[2].lstrip("0")
        if len(digits) > _DIGITS_MAX or int(digits or "0") > INTEGER_MAX:
            raise Fault(RejectReason.TOO_LARGE, f"the field {shown}: {INTEGER_DETAIL}")
        return float(integer[1] + (digits or "0"))
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    value = _NOT_FINITE.get(text.lstrip("+-").lower())
    if value is not None:
        reason = RejectReason.NOT_A_NUMBER if math.isnan(value) else RejectReason.INFINITE
        raise Fault(reason, f"the field {shown}: {DETAILS[reason]}")
    raise Fault(
        RejectReason.NOT_A_NUMBER,
        f"the field {shown} is text, and only numbers and booleans are kept; leave it out",
    )


def time_of_line(text: str, precision: Precision) -> int:
    """In microseconds, rounded down. Raises Fault."""
    if _TIME.fullmatch(text):
        time = in_microseconds(int(text), precision)
        if -INT64_MAX <= time <= INT64_MAX:
            return time
    raise Fault(
        RejectReason.INVALID_TIME,
        f"the time is not an integer in {precision.value}; check the line's end and the precision of the request",
    )


Times = TypeVar("Times", int, npt.NDArray[np.int64])


def in_microseconds(time: Times, precision: Precision) -> Times:
    """Times of that precision, rounded down."""
    match precision:
        case Precision.NS:
            return time // 1_000
        case Precision.US:
            return time
        case Precision.MS:
            return time * 1_000
        case Precision.S:
            return time * 1_000_000


def _split(head: str) -> Iterator[str]:
    at, more = 0, True
    while more:
        match = _COMMA.match(head, at)
        if match is None:
            raise Fault(RejectReason.MALFORMED, "the measurement or a tag is empty; leave the comma out")
        yield match[1]
        at, more = match.end(), match[2] == ","
