"""Puts columns together: from whole columns, or row by row where a body has faults."""

from __future__ import annotations

import functools
import itertools
from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from adapters.reading_formats.operations import NumpyColumnOperations
from application.ports.reading_decoder import BatchTooLarge
from application.ports.readings import Decoded, ReadingColumns
from domain.errors import InvalidInput
from domain.telemetry.batch import Reject
from domain.telemetry.reading import READINGS_MAX, RejectReason, SeriesKey
from domain.telemetry.refusals import refusal

Array = npt.NDArray[Any]

KEYS_KEPT: Final = 10_000
"""Series that a process remembers to be valid, at most some 3 kB each."""
_TABLE_ROOM: Final = 8
"""Combinations are told apart by a table while it has at most so many places for each row."""
_CODE_MAX: Final = 2**62
_OPERATIONS: Final = NumpyColumnOperations()


class Fault(Exception):
    """What is wrong with one reading."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


@dataclass(slots=True)
class Rows:
    """Readings that come one by one, and those that are refused."""

    places: dict[SeriesKey, int] = field(default_factory=dict)
    key_of: array[int] = field(default_factory=lambda: array("i"))
    times: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    rows: array[int] = field(default_factory=lambda: array("i"))
    rejects: list[Reject] = field(default_factory=list)

    def add(self, row: int, key: SeriesKey, time_us: int, value: float) -> None:
        """A reading."""
        self.key_of.append(self.places.setdefault(key, len(self.places)))
        self.times.append(time_us)
        self.values.append(value)
        self.rows.append(row)

    def refuse(self, row: int, fault: Fault, sent: str) -> None:
        """A reading that is none."""
        self.rejects.append(refusal(row, fault.reason, fault.detail, sent))

    def decoded(self) -> Decoded:
        """All of them. Raises BatchTooLarge."""
        require_fit(len(self.times) + len(self.rejects))
        return assembled(
            tuple(self.places),
            np.asarray(self.key_of),
            np.asarray(self.times),
            np.asarray(self.values),
            np.asarray(self.rows),
            self.rejects,
        )


def assembled(
    keys: tuple[SeriesKey, ...],
    key_of: Array,
    times: Array,
    values: Array,
    rows: Array,
    rejects: Iterable[Reject] = (),
) -> Decoded:
    """The columns, without the rows of series whose names break the rules; each series is checked once."""
    columns = ReadingColumns(keys, key_of.data, times.data, values.data, rows.data)
    kept, invalid = _OPERATIONS.without(columns, _invalid(keys))
    return Decoded(kept, tuple(sorted((*rejects, *invalid))))


def factorised(names: Iterable[Any], count: int) -> tuple[list[Any], npt.NDArray[np.int32]]:
    """The distinct ones in the order of their first appearance, and the place of each in them."""
    places: defaultdict[Any, int] = defaultdict(itertools.count().__next__)
    place_of = np.fromiter(map(places.__getitem__, names), np.int32, count)
    return list(places), place_of


def combined(columns: Sequence[tuple[int, Array]]) -> tuple[list[tuple[int, ...]], Array]:
    """The distinct rows of columns of places, and the place of each row in them.

    Each column comes with the number of its distinct places. Only numbers are compared.
    """
    (size, code), *others = columns
    for count, places in others:
        if size * count > _CODE_MAX:
            distinct, code = np.unique(code, return_inverse=True)
            size = len(distinct)
        code = code.astype(np.int64) * count + places
        size *= count
    if size <= _TABLE_ROOM * len(code):
        row_of = np.full(size, -1, np.int64)
        row_of[code] = np.arange(len(code))
        distinct = np.flatnonzero(row_of >= 0)
        rows = row_of[distinct]
        row_of[distinct] = np.arange(len(distinct))
        key_of = row_of[code]
    else:
        _, rows, key_of = np.unique(code, return_index=True, return_inverse=True)
    distinct_rows = zip(*(places[rows].tolist() for _, places in columns), strict=True)
    return list(distinct_rows), key_of.astype(np.int32)


def require_fit(count: int) -> None:
    """Raise BatchTooLarge if these are too many readings."""
    if count > READINGS_MAX:
        raise BatchTooLarge(readings_max=READINGS_MAX)


@functools.lru_cache(maxsize=KEYS_KEPT)
def _require_valid(key: SeriesKey) -> None:
    """Keys that were valid are remembered, none of which is long; an error is not."""
    key.require_valid()


def _invalid(keys: Sequence[SeriesKey]) -> dict[int, tuple[RejectReason, str]]:
    invalid = {}
    for place, key in enumerate(keys):
        try:
            _require_valid(key)
        except InvalidInput as error:
            invalid[place] = RejectReason.INVALID_NAME, str(error)
    return invalid
