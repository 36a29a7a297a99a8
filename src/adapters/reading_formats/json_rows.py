"""JSON objects, each a reading: a list of them, one alone, or one a line."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from adapters.reading_formats.assembly import Fault, Rows, assembled, factorised, require_fit
from adapters.reading_formats.reading import reading_of
from adapters.reading_formats.times import times_of_texts
from application.ports.reading_decoder import BatchTooLarge, MalformedBatch
from application.ports.readings import Decoded
from domain.telemetry.reading import INTEGER_MAX, READINGS_MAX, RejectReason, SeriesKey
from domain.telemetry.refusals import json_text, spelled


class Row(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A reading as it is written; without the collector, since none can be part of a cycle."""

    device: str
    metric: str
    ts: int | str
    value: float | bool
    labels: dict[str, str] | None = None


class TextRow(Row, forbid_unknown_fields=True, gc=False):
    """The usual reading: where a field can have one type alone, it is read in two thirds of the time."""

    ts: str
    value: float


class MillisecondsRow(Row, forbid_unknown_fields=True, gc=False):
    """The other usual one."""

    ts: int
    value: float


_KINDS: Final = (TextRow, MillisecondsRow, Row)
_LISTS: Final = [msgspec.json.Decoder(list[kind]) for kind in _KINDS]  # type: ignore[valid-type]
_LINES: Final = [msgspec.json.Decoder(kind) for kind in _KINDS]
# What msgspec says of bytes that it can't make rows of: each is looked into again, row by row.
UNTYPED: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_INTEGER_DIGITS_MAX: Final = 20
"""An integer with more is as much too large as any; so long ones cost nothing."""


def decode_list(body: bytes) -> Decoded:
    """A list of objects. Raises MalformedBatch, BatchTooLarge."""
    sent = _first_that_fits([decoder.decode for decoder in _LISTS], body)
    if sent is None:
        return _each(_elements(text_of(body)))
    require_fit(len(sent))
    decoded = _typed(sent, np.arange(len(sent), dtype=np.int32))
    return _each(_elements(text_of(body))) if decoded is None else decoded


def decode_one(body: bytes) -> Decoded:
    """One object. Raises MalformedBatch."""
    return _each([(0, *whole(body))])


def decode_lines(body: bytes) -> Decoded:
    """An object a line; empty lines are allowed, and count as rows. Raises BatchTooLarge."""
    require_lines_fit(body)
    sent = _first_that_fits([decoder.decode_lines for decoder in _LINES], body)
    if sent is None:
        return _each_line(body)
    require_fit(len(sent))
    decoded = None
    if len(sent) == body.count(b"\n") + (not body.endswith(b"\n")):
        decoded = _typed(sent, np.arange(len(sent), dtype=np.int32))
    return _each_line(body) if decoded is None else decoded


def text_of(body: bytes) -> str:
    """As UTF-8. Raises MalformedBatch."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise MalformedBatch(problem=f"not UTF-8 at byte {error.start}") from None


def whole(body: bytes) -> tuple[object, str]:
    """The one JSON value that a body is, and its text. Raises MalformedBatch."""
    text = text_of(body)
    value, end = _value_at(text, 0)
    if _after_space(text, end) != len(text):
        raise MalformedBatch(problem=f"something follows the JSON at character {end}")
    return value, text.strip(" \t\r\n")


def require_lines_fit(body: bytes) -> None:
    """Raise BatchTooLarge before so many lines are made objects; half of them may be empty."""
    if body.count(b"\n") > 2 * READINGS_MAX:
        raise BatchTooLarge(readings_max=READINGS_MAX)


def times_of(sent: Sequence[int | str]) -> npt.NDArray[np.int64] | None:
    """All texts, or all milliseconds; None if any can't be read."""
    if not sent:
        return np.zeros(0, np.int64)
    try:
        if isinstance(sent[0], str):
            times, faulty = times_of_texts(sent)  # type: ignore[arg-type]
            return None if faulty else times
        if str in set(map(type, sent)):
            return None
        milliseconds = np.array(sent, np.int64)
    except (TypeError, OverflowError):
        return None
    fits = np.abs(milliseconds) < 2**63 // 1_000
    return milliseconds * 1_000 if fits.all() else None


def values_of(sent: Sequence[float | bool]) -> npt.NDArray[np.float64] | None:
    """None if any may have been an integer that a double can't hold."""
    values = np.array(sent, np.float64)
    return values if (np.abs(values) < INTEGER_MAX).all() else None


def _first_that_fits(
    decoders: Sequence[Callable[[bytes], Sequence[Row]]], body: bytes
) -> Sequence[Row] | None:
    """Rows of the first kind that all are of; a kind that doesn't fit mostly shows in the first row."""
    for decode in decoders:
        with suppress(*UNTYPED):
            return decode(body)
    return None


def _typed(sent: Sequence[Row], rows: npt.NDArray[np.int32]) -> Decoded | None:
    """None if something has to be named row by row."""
    times = times_of([row.ts for row in sent])
    values = values_of([row.value for row in sent])
    if times is None or values is None:
        return None
    labels = [row.labels for row in sent]
    devices, metrics = [row.device for row in sent], [row.metric for row in sent]
    if labels.count(None) == len(sent):
        names, key_of = factorised(zip(devices, metrics, strict=True), len(sent))
    else:
        sets = (tuple(sorted(each.items())) if each else () for each in labels)
        names, key_of = factorised(zip(devices, metrics, sets, strict=True), len(sent))
    return assembled(tuple(SeriesKey(*name) for name in names), key_of, times, values, rows)


def _each(sent: Iterable[tuple[int, object, str]]) -> Decoded:
    """Row by row: its place, its JSON, its text."""
    rows = Rows()
    for row, value, text in sent:
        try:
            rows.add(row, *reading_of(value))
        except Fault as fault:
            rows.refuse(row, fault, as_json(value, text))
    return rows.decoded()


def as_json(value: object, text: str) -> str:
    """The text that was sent; with NaN and the infinities as text, since JSON has no such numbers."""
    if (
        isinstance(value, dict)
        and isinstance(value.get("value"), float)
        and not math.isfinite(value["value"])
    ):
        return json_text({**value, "value": spelled(value["value"])})
    return text


def _each_line(body: bytes) -> Decoded:
    rows = Rows()
    for row, line in enumerate(body.split(b"\n")):
        if not line.strip():
            continue
        require_fit(len(rows.times) + len(rows.rejects))
        try:
            value, text = whole(line)
        except MalformedBatch as error:
            fault = Fault(RejectReason.MALFORMED, f"the line can't be read: {error.data['problem']}")
            rows.refuse(row, fault, json_text(line.decode(errors="replace")))
            continue
        try:
            rows.add(row, *reading_of(value))
        except Fault as fault:
            rows.refuse(row, fault, as_json(value, text))
    return rows.decoded()


def _elements(text: str) -> Iterator[tuple[int, object, str]]:
    """The elements of a list, one at a time, so that no more are made than a batch may have."""
    at = _after_space(text, _after_space(text, 0) + 1)  # behind the bracket
    if text[at : at + 1] == "]":
        at += 1
    else:
        for row in itertools.count():
            if row >= READINGS_MAX:
                raise BatchTooLarge(readings_max=READINGS_MAX)
            value, end = _value_at(text, at)
            yield row, value, text[at:end]
            at = _after_space(text, end)
            mark = text[at : at + 1]
            at = _after_space(text, at + 1)
            if mark == "]":
                break
            if mark != ",":
                raise MalformedBatch(problem=f"not JSON at character {at}: a comma or a bracket is missing")
    if _after_space(text, at) != len(text):
        raise MalformedBatch(problem=f"something follows the JSON at character {at}")


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _integer(digits: str) -> int:
    if len(digits) > _INTEGER_DIGITS_MAX:
        return -(10**_INTEGER_DIGITS_MAX) if digits.startswith("-") else 10**_INTEGER_DIGITS_MAX
    return int(digits)


_DECODER: Final[Any] = json.JSONDecoder(parse_int=_integer)


def _value_at(text: str, at: int) -> tuple[object, int]:
    try:
        value, end = _DECODER.raw_decode(text, _after_space(text, at))
    except json.JSONDecodeError as error:
        raise MalformedBatch(problem=f"not JSON at character {error.pos}: {error.msg}") from None
    except RecursionError:
        raise MalformedBatch(problem="nested too deeply") from None
    return value, end
