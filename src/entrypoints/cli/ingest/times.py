"""The times of a file, as they are written there, read by the column into microseconds since 1970 UTC."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from domain.telemetry.reading import RejectReason, microseconds
from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.ingest.faults import NONEXISTENT_TIME, Problem, shown
from entrypoints.cli.ingest.layouts import Layout, iso_layout, iso_match, pattern_layout, read_matrix
from entrypoints.cli.ingest.zones import Clock

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

RFC3339: Final = "rfc3339"
UNIX_NS: Final = {"unix": 1_000_000_000, "unix-ms": 1_000_000, "unix-us": 1_000, "unix-ns": 1}
"""Nanoseconds of one unit."""
TIME_FORMATS: Final = (RFC3339, *UNIX_NS)

_NUMBER: Final = re.compile(r"[+-]?(\d{1,20})(?:\.(\d{0,20}))?", re.ASCII)
_NEEDS_FORMAT: Final = "the time is a number; say --time-format unix or unix-ms"
_NEEDS_ZONE: Final = "the time has no zone; say where its clock hung, as --timezone Europe/Berlin or UTC"
_INT64_MAX: Final = 2**63 - 1


@dataclass(slots=True)
class Times:
    """What came of a column; where there is a problem, or the time was shown twice, by place."""

    us: Int64s
    problems: dict[int, Problem] = field(default_factory=dict)
    ambiguous: Bools = field(default_factory=lambda: np.zeros(0, np.bool_))


@dataclass(slots=True)
class _Read:
    """Times before their zone is known: `is_local` marks those that a clock showed."""

    us: Int64s
    is_local: Bools
    problems: dict[int, Problem]


@dataclass(frozen=True, slots=True)
class TimeReader:
    """How times are written. `form` None: ISO 8601; `clock` None: a time without a zone is refused."""

    form: str | None
    clock: Clock | None

    def __post_init__(self) -> None:
        if self.form is not None and self.form not in TIME_FORMATS and "%" not in self.form:
            raise CommandFailed.usage(
                f"--time-format {self.form!r} is neither {', '.join(TIME_FORMATS)} nor a pattern such as "
                "'%Y-%m-%d %H:%M'"
            )

    def read(self, column: pa.Array) -> Times:
        """The moments; digits of a second after the sixth are cut off."""
        read = self._raw(column)
        times = Times(read.us, read.problems, np.zeros(len(read.us), np.bool_))
        if not read.is_local.any():
            return times
        local = np.flatnonzero(read.is_local)
        if self.clock is None or self.form == RFC3339:
            times.problems.update(dict.fromkeys(local.tolist(), _invalid(_NEEDS_ZONE)))
            return times
        us, never, twice = self.clock.moments(read.us[local])
        times.us[local] = us
        times.ambiguous[local] = twice
        for place in local[never].tolist():
            text = shown(column[place].as_py() if not _is_text(column.type) else str(column[place]))
            detail = f"{text} never was in {self.clock.zone}: the clocks were put forward over it"
            times.problems[place] = Problem(NONEXISTENT_TIME, detail)
        return times

    def _raw(self, column: pa.Array) -> _Read:
        kind = column.type
        if pa.types.is_timestamp(kind):
            return _typed(column, is_local=kind.tz is None)
        if pa.types.is_date(kind):
            return _typed(column.cast(pa.timestamp("us")), is_local=True)
        if self.form in UNIX_NS:
            return _unix(column, UNIX_NS[self.form])
        if _is_text(kind):
            return _text(column, self.form)
        detail = _NEEDS_FORMAT if _is_number(kind) else f"a column of {kind} holds no times"
        return _faulty(len(column), range(len(column)), lambda _: detail)


def _typed(column: pa.Array, *, is_local: bool) -> _Read:
    per_unit_ns = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}[column.type.unit]
    read = _counted(column.cast(pa.int64()), per_unit_ns)
    read.is_local = np.full(len(column), is_local)
    read.is_local[list(read.problems)] = False
    return read


def _unix(column: pa.Array, unit_ns: int) -> _Read:
    if pa.types.is_integer(column.type):
        if column.type == pa.uint64():
            return _unix(column.cast(pa.string()), unit_ns)
        return _counted(column.cast(pa.int64()), unit_ns)
    if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        seconds = np.asarray(column.cast(pa.float64()).fill_null(np.nan)) * (unit_ns / 1_000)
        good = np.abs(seconds) < _INT64_MAX // 2
        us = np.rint(np.where(good, seconds, 0)).astype(np.int64)
        return _read_with(us, np.flatnonzero(~good), column)
    if not _is_text(column.type):
        return _faulty(len(column), range(len(column)), lambda _: f"a column of {column.type} holds no times")
    try:
        return _counted(column.cast(pa.int64()), unit_ns)
    except pa.ArrowInvalid:
        return _one_by_one(
            column, np.zeros(len(column), np.int64), range(len(column)), lambda text: _unix_of(text, unit_ns)
        )


def _counted(column: pa.Array, unit_ns: int) -> _Read:
    numbers = np.asarray(column.fill_null(0))
    bad = np.asarray(column.is_null())
    if unit_ns < 1_000:
        us = np.floor_divide(numbers, 1_000 // unit_ns)
    else:
        per_unit = unit_ns // 1_000
        bad = bad | (np.abs(numbers // 2) > _INT64_MAX // per_unit // 2)
        us = np.where(bad, 0, numbers) * per_unit
    return _read_with(us, np.flatnonzero(bad), column)


def _text(column: pa.Array, form: str | None) -> _Read:
    is_pattern = form is not None and form != RFC3339
    parse: Callable[[str], tuple[int, bool] | None] = (
        (lambda text: _pattern_of(text, form or "")) if is_pattern else _iso_of
    )
    us, rest, is_zoned = np.zeros(len(column), np.int64), np.arange(len(column)), False
    layout = pattern_layout(form or "") if is_pattern else _iso_layout_of(column)
    matrix = None if layout is None else _matrix(column, layout)
    if layout is not None and matrix is not None:
        us, good = read_matrix(layout, matrix)
        rest, is_zoned = np.flatnonzero(~good), layout.is_zoned
    read = _one_by_one(column, us, rest.tolist(), parse)
    if len(rest) < len(us):
        fast = np.ones(len(us), np.bool_)
        fast[rest] = False
        read.is_local |= fast & (not is_zoned)
    return read


def _one_by_one(
    column: pa.Array, us: Int64s, places: Iterable[int], parse: Callable[[str], tuple[int, bool] | None]
) -> _Read:
    read = _Read(us, np.zeros(len(us), np.bool_), {})
    for place in places:
        text = column[place].as_py()
        found = None if text is None else parse(text.strip())
        if found is None:
            us[place] = 0
            read.problems[place] = _invalid(_unreadable(text))
        else:
            us[place], read.is_local[place] = found
    return read


def _iso_layout_of(column: pa.Array) -> Layout | None:
    first = pc.index(column.is_valid(), value=True).as_py() if len(column) else -1
    return None if first < 0 else iso_layout(column[first].as_py())


def _matrix(column: pa.Array, layout: Layout) -> npt.NDArray[np.uint8] | None:
    """The texts as rows of bytes; None unless all have the layout's length, byte for byte."""
    if column.null_count:
        return None
    column = column.cast(pa.large_string())
    offsets = np.frombuffer(column.buffers()[1], np.int64)[column.offset : column.offset + len(column) + 1]
    if not (np.diff(offsets) == layout.length).all():
        return None
    data = np.frombuffer(column.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]
    return data.reshape(len(column), layout.length)


def _iso_of(text: str) -> tuple[int, bool] | None:
    match = iso_match(text)
    if match is None:
        return None
    year, month, day = int(match["Y"]), int(match["m"]), int(match["d"])
    clock = (int(match["H"] or 0), int(match["M"] or 0), int(match["S"] or 0))
    try:
        at = microseconds(datetime(year, month, day, *clock, tzinfo=UTC))
    except ValueError:
        return None
    at += int((match["f"] or "")[:6].ljust(6, "0"))
    if match["sign"]:
        hours, minutes = int(match["oh"]), int(match["om"])
        if hours > 23 or minutes > 59:
            return None
        offset = (hours * 60 + minutes) * 60_000_000
        at += offset if match["sign"] == "-" else -offset
    return at, match["zone"] is None


def _pattern_of(text: str, pattern: str) -> tuple[int, bool] | None:
    try:
        at = datetime.strptime(text, pattern)  # noqa: DTZ007 - its zone is the caller's matter
    except ValueError:
        return None
    offset = at.utcoffset()
    return microseconds(at.replace(tzinfo=UTC) - (offset or timedelta(0))), offset is None


def _unix_of(text: str, unit_ns: int) -> tuple[int, bool] | None:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    digits = match[2] or ""
    ns, scale = int(match[1] + digits) * unit_ns, 10 ** len(digits)
    us = (-ns if text.startswith("-") else ns) // (scale * 1_000)
    return (us, False) if abs(us) < _INT64_MAX // 2 else None


def _read_with(us: Int64s, bad: npt.NDArray[np.intp], column: pa.Array) -> _Read:
    read = _faulty(len(us), bad.tolist(), lambda place: _unreadable(column[place].as_py()))
    read.us = us
    return read


def _faulty(count: int, places: Iterable[int], detail: Callable[[int], str]) -> _Read:
    problems = {place: _invalid(detail(place)) for place in places}
    return _Read(np.zeros(count, np.int64), np.zeros(count, np.bool_), problems)


def _unreadable(text: object) -> str:
    if text is None or text == "":
        return "the time is missing"
    if isinstance(text, str) and _NUMBER.fullmatch(text.strip()):
        return (
            f"the time {shown(text)} can't be read; where it is a number, say --time-format unix or unix-ms"
        )
    return f"the time {shown(text)} can't be read; say how times are written with --time-format"


def _invalid(detail: str) -> Problem:
    return Problem(RejectReason.INVALID_TIME.value, detail)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
