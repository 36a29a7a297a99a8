"""The values of a file as doubles, by the column; what can't be one is named by its place."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from domain.telemetry.reading import INTEGER_MAX, RejectReason
from domain.telemetry.refusals import INTEGER_DETAIL
from entrypoints.cli.ingest.faults import Problem, shown

Doubles = npt.NDArray[np.float64]

_NUMBER: Final = re.compile(
    r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:nan|inf|infinity)", re.ASCII | re.I
)
_INTEGER: Final = re.compile(r"[+-]?\d+", re.ASCII)
_WORDS: Final = {"true": 1.0, "false": 0.0}


def to_doubles(column: pa.Array) -> tuple[Doubles, dict[int, Problem]]:
    """The numbers, 0 where there is none, and the problems by place; nulls are no problem.

    Texts are read as numbers, true and false as 1 and 0. NaN and infinity pass: the service names them (W7).
    """
    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.uint8())
    elif pa.types.is_integer(kind):
        return _integers(column)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _texts(column)
    elif not (pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)):
        problem = Problem(RejectReason.NOT_A_NUMBER.value, f"a column of {kind} holds no numbers")
        return np.zeros(len(column)), dict.fromkeys(range(len(column)), problem)
    return np.asarray(column.cast(pa.float64()).fill_null(0.0)), {}


def _integers(column: pa.Array) -> tuple[Doubles, dict[int, Problem]]:
    numbers = np.asarray(column.fill_null(0))
    beyond = numbers > INTEGER_MAX
    if numbers.dtype.kind == "i":
        beyond |= numbers < -INTEGER_MAX
    problems = dict.fromkeys(np.flatnonzero(beyond).tolist(), _too_large())
    return np.where(beyond, 0, numbers).astype(np.float64), problems


def _texts(column: pa.Array) -> tuple[Doubles, dict[int, Problem]]:
    try:
        numbers = np.array(column.cast(pa.float64()).fill_null(0.0))
    except pa.ArrowInvalid:
        return _one_by_one(column)
    problems = {}
    for place in np.flatnonzero(np.abs(numbers) >= INTEGER_MAX).tolist():
        text = column[place].as_py().strip()
        if _INTEGER.fullmatch(text) and abs(int(text[:400])) > INTEGER_MAX:
            problems[place], numbers[place] = _too_large(), 0.0
    return numbers, problems


def _one_by_one(column: pa.Array) -> tuple[Doubles, dict[int, Problem]]:
    numbers, problems = np.zeros(len(column)), {}
    for place, sent in enumerate(pc.utf8_trim_whitespace(column).to_pylist()):
        if sent is None:
            continue
        if sent.lower() in _WORDS:
            numbers[place] = _WORDS[sent.lower()]
        elif not _NUMBER.fullmatch(sent):
            detail = (
                f"the value {shown(sent)} is not a number; leave it empty, or write a number with a point"
            )
            problems[place] = Problem(RejectReason.NOT_A_NUMBER.value, detail)
        elif _INTEGER.fullmatch(sent) and abs(int(sent[:400])) > INTEGER_MAX:
            problems[place] = _too_large()
        else:
            numbers[place] = float(sent)
    return numbers, problems


def _too_large() -> Problem:
    return Problem(RejectReason.TOO_LARGE.value, INTEGER_DETAIL)
