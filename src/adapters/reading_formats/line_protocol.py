"""InfluxDB's line protocol: plain lines all at once, the others one by one.

The tag `device`, else the measurement, is the device; each field's key is a metric; other tags are labels. Where the
tag names the device, the measurement would be lost: it becomes the label `measurement` unless it is the device's
name (`_measurement` where a tag is called so already).
https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from adapters.reading_formats.assembly import Array, Fault, Rows, assembled, combined, factorised, require_fit
from adapters.reading_formats.line import (
    Series,
    fields_of,
    in_microseconds,
    is_open,
    line_of,
    number_of,
    series_of_head,
    time_of_line,
)
from application.ports.reading_decoder import BatchTooLarge, Precision
from application.ports.readings import Decoded
from domain.telemetry.reading import READINGS_MAX, RejectReason, SeriesKey
from domain.telemetry.refusals import json_text

LINES_OF_TEXT_MAX: Final = 100
"""Lines that the text of one field may go over."""

_UNMARKED: Final = bytes(set(range(256)) - set(b' ,=\n\r\\"#'))
_PLAIN: Final = re.compile(rb"[,=]* =(?:,=)* ")
"""What is left of a plain line when all but its marks are taken out: head, fields and time, with two spaces."""
_OF_NUMBERS: Final = b"0123456789+-.eE"
_DIGITS: Final = b"0123456789"
_DIGITS_MAX: Final = {Precision.NS: 19, Precision.US: 18, Precision.MS: 15, Precision.S: 12}
"""Of times that are read by the column: none of them is too large for it in microseconds."""
_LONGEST: Final = 19
_TOO_LARGE: Final = "9" + "0" * 18
"""Times with as many digits that are less than this fit 63 bits."""
_NOBODY: Final = SeriesKey("", "")
"""Stands for series whose lines are read again."""

Bools = npt.NDArray[np.bool_]


class Clock(NamedTuple):
    """How the lines of one body tell the time."""

    precision: Precision
    now_us: int


class _Plain(NamedTuple):
    """What came of plain lines, and which of them have to be read one by one."""

    keys: list[SeriesKey]
    key_of: Array
    times: Array
    values: Array
    lines: Array
    left: list[int]


def decode_lines(body: bytes, clock: Clock) -> Decoded:
    """Every field of every line; a row is a line's number, from 0. Raises BatchTooLarge."""
    if body.count(b"\n") > 2 * READINGS_MAX:
        raise BatchTooLarge(readings_max=READINGS_MAX)
    rows = Rows()
    is_utf8 = True
    try:
        lines = body.decode().split("\n")
    except UnicodeDecodeError:
        lines, is_utf8 = _readable_lines(body, rows), False
    if not lines[-1]:
        lines.pop()
    shapes = (
        (body if is_utf8 else "\n".join(lines).encode()).translate(None, _UNMARKED).split(b"\n")[: len(lines)]
    )
    is_plain = {shape: _PLAIN.fullmatch(shape) is not None for shape in set(shapes)}
    numbers: Sequence[int] = range(len(lines))
    if not all(is_plain.values()):
        numbers = [at for at, shape in enumerate(shapes) if is_plain[shape]]
    if not numbers:
        _read_each(lines, range(len(lines)), clock, rows)
        return rows.decoded()
    plain = _read_plain([lines[at] for at in numbers], clock)
    number_of_plain = np.array(numbers, np.int32)
    if len(numbers) < len(lines) or plain.left:
        is_left = np.ones(len(lines), np.bool_)
        is_left[number_of_plain] = False
        is_left[number_of_plain[plain.left]] = True
        _read_each(lines, np.flatnonzero(is_left).tolist(), clock, rows)
    return _together(plain, number_of_plain[plain.lines], rows)


def _read_plain(lines: Sequence[str], clock: Clock) -> _Plain:
    """The fields of lines that have the shape of _PLAIN."""
    tokens = " ".join(lines).split(" ")
    heads, fields, times = tokens[0::3], tokens[1::3], tokens[2::3]
    parts = ",".join(fields).replace("=", ",").split(",")
    require_fit(len(parts) // 2)
    line_of_field = np.arange(len(lines), dtype=np.int32)
    if len(parts) > 2 * len(lines):
        counts = np.fromiter((each.count(",") for each in fields), np.int32, len(fields))
        line_of_field = np.repeat(line_of_field, counts + 1)

    heads, head_of = factorised(heads, len(lines))
    metrics, metric_of = factorised(parts[0::2], len(line_of_field))
    series = [_series(head) for head in heads]
    line_times, line_good = _times(times, clock.precision)
    line_good &= np.array([found is not None for found in series])[head_of]
    values, good = _values(parts[1::2])
    good &= np.array([metric != "" for metric in metrics])[metric_of]
    line_good[line_of_field[~good]] = False

    pairs, key_of = combined(((len(heads), head_of[line_of_field]), (len(metrics), metric_of)))
    keys = [
        SeriesKey(found[0], metrics[metric], found[1]) if (found := series[head]) else _NOBODY
        for head, metric in pairs
    ]
    line_times = line_times[line_of_field]
    if line_good.all():
        return _Plain(keys, key_of, line_times, values, line_of_field, [])
    kept = line_good[line_of_field]
    left = np.flatnonzero(~line_good).tolist()
    return _Plain(keys, key_of[kept], line_times[kept], values[kept], line_of_field[kept], left)


def _times(texts: Sequence[str], precision: Precision) -> tuple[Array, Bools]:
    """In microseconds, and which of them could be read."""
    lengths = set(map(len, texts))
    length = lengths.pop()
    joined = "".join(texts)
    is_short = length < _LONGEST or max(texts) < _TOO_LARGE
    if not lengths and is_short and 0 < length <= _DIGITS_MAX[precision] and _consists_of(joined, _DIGITS):
        # Digits of one length: the number is made of whole columns of them.
        matrix = np.frombuffer(joined.encode(), np.uint8).reshape(len(texts), length)
        digits = np.ascontiguousarray(matrix.T) - np.uint8(48)
        number = np.zeros(len(texts), np.int64)
        for first in range(0, length, 2):
            pair = digits[first : first + 2]
            number *= 10 ** len(pair)
            number += pair[0] * np.uint8(10) + pair[1] if len(pair) == 2 else pair[0]
        return in_microseconds(number, precision), np.ones(len(texts), np.bool_)
    times, good = np.zeros(len(texts), np.int64), np.ones(len(texts), np.bool_)
    for at, text in enumerate(texts):
        try:
            times[at] = time_of_line(text, precision)
        except Fault:
            good[at] = False
    return times, good


def _values(texts: Sequence[str]) -> tuple[Array, Bools]:
    """As doubles, and which of them could be read."""
    if _consists_of("".join(texts), _OF_NUMBERS):
        with suppress(ValueError):
            return np.fromiter(map(float, texts), np.float64, len(texts)), np.ones(len(texts), np.bool_)
    values, good = np.zeros(len(texts)), np.ones(len(texts), np.bool_)
    for at, text in enumerate(texts):
        try:
            values[at] = number_of("", text)
        except Fault:
            good[at] = False
    return values, good


def _consists_of(text: str, letters: bytes) -> bool:
    return not text.encode().translate(None, letters)


def _series(head: str) -> Series | None:
    try:
        return series_of_head(head)
    except Fault:
        return None


def _readable_lines(body: bytes, rows: Rows) -> list[str]:
    """The lines that are UTF-8; the others are refused, and become empty."""
    lines = []
    for number, line in enumerate(body.split(b"\n")):
        try:
            lines.append(line.decode())
        except UnicodeDecodeError as error:
            fault = Fault(RejectReason.MALFORMED, f"the line is not UTF-8 at byte {error.start}")
            # Not kept as a line: sent again, it would come in under a name that nobody gave.
            rows.refuse(number, fault, json_text(line.decode(errors="replace")))
            lines.append("")
    return lines


def _read_each(lines: Sequence[str], numbers: Iterable[int], clock: Clock, rows: Rows) -> None:
    behind = 0
    for number in numbers:
        if number < behind:
            continue
        text, behind = _whole_line(lines, number)
        if text.strip() and not text.startswith("#"):
            _read(number, text, clock, rows)
            require_fit(len(rows.times) + len(rows.rejects))


def _whole_line(lines: Sequence[str], number: int) -> tuple[str, int]:
    """The line, with those that the text of its field goes on in, and the number of the next one."""
    line = lines[number]
    if '="' in line and is_open(line):
        for end in range(number + 2, min(number + LINES_OF_TEXT_MAX, len(lines)) + 1):
            if '"' in lines[end - 1]:
                text = "\n".join(lines[number:end])
                if not is_open(text):
                    return text.removesuffix("\r"), end
    return line.removesuffix("\r"), number + 1


def _read(number: int, text: str, clock: Clock, rows: Rows) -> None:
    def refuse(fault: Fault) -> None:
        sent = {"line": text, "precision": clock.precision.value, "at": clock.now_us}
        rows.refuse(number, fault, json_text(sent))

    try:
        line = line_of(text)
        device, labels = series_of_head(line.head)
        time = clock.now_us if line.time is None else time_of_line(line.time, clock.precision)
        fields = list(fields_of(line.fields))
    except Fault as fault:
        refuse(fault)
        return
    for metric, value in fields:
        try:
            rows.add(number, SeriesKey(device, metric, labels), time, number_of(metric, value))
        except Fault as fault:
            refuse(fault)


def _together(plain: _Plain, numbers: Array, rows: Rows) -> Decoded:
    """Both in the order of their lines."""
    if not len(rows.times):
        return assembled(tuple(plain.keys), plain.key_of, plain.times, plain.values, numbers, rows.rejects)
    require_fit(len(plain.times) + len(rows.times) + len(rows.rejects))
    places: dict[SeriesKey, int] = {}
    for key in (*plain.keys, *rows.places):
        places.setdefault(key, len(places))
    of_plain = np.array([places[key] for key in plain.keys], np.int32)
    of_rows = np.array([places[key] for key in rows.places], np.int32)
    key_of = np.concatenate((of_plain[plain.key_of], of_rows[np.asarray(rows.key_of)]))
    times = np.concatenate((plain.times, np.asarray(rows.times)))
    values = np.concatenate((plain.values, np.asarray(rows.values)))
    numbers = np.concatenate((numbers, np.asarray(rows.rows)))
    order = np.argsort(numbers, kind="stable")
    return assembled(tuple(places), key_of[order], times[order], values[order], numbers[order], rows.rejects)
