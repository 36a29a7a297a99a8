"""What is done to whole columns, by NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from application.ports.readings import Decoded, ReadingColumns
from domain.telemetry.batch import Reject
from domain.telemetry.reading import VALUE_MAX, ReadingRules, RejectReason
from domain.telemetry.refusals import DETAILS, as_sent, refusal

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]


class NumpyColumnOperations:
    """ColumnOperations over views of the columns' memory."""

    def screen(self, columns: ReadingColumns, rules: ReadingRules) -> Decoded:
        """See the port."""
        values, times = np.asarray(columns.values), np.asarray(columns.times)
        # NaN fails every comparison, so that what is not good has to be told by "not".
        good = np.abs(values) <= VALUE_MAX
        good &= times >= max(rules.horizon_us, 0)
        good &= times <= rules.latest_us
        # −0 plus 0 is 0; everything else plus 0 is itself.
        normal = ReadingColumns(
            columns.keys, columns.key_of, columns.times, (values + 0.0).data, columns.rows
        )
        if good.all():
            return Decoded(normal, ())
        bad = np.flatnonzero(~good)
        rejects = tuple(
            _refused(columns, at, reason, DETAILS[reason])
            for at in bad.tolist()
            if (reason := rules.fault_of(columns.times[at], columns.values[at]))
        )
        return Decoded(_kept(normal, good), rejects)

    def without(self, columns: ReadingColumns, refused: Mapping[int, tuple[RejectReason, str]]) -> Decoded:
        """See the port."""
        if not refused:
            return Decoded(columns, ())
        is_refused = np.zeros(len(columns.keys), np.bool_)
        is_refused[list(refused)] = True
        key_of = np.asarray(columns.key_of)
        return _parted(columns, is_refused[key_of], key_of, refused)

    def named(self, columns: ReadingColumns) -> ReadingColumns:
        """See the port."""
        key_of = np.asarray(columns.key_of)
        is_named = np.zeros(len(columns.keys), np.bool_)
        is_named[key_of] = True
        if is_named.all():
            return columns
        place = (np.cumsum(is_named, dtype=np.int32) - 1)[key_of]
        keys = tuple(itertools.compress(columns.keys, is_named.tolist()))
        return ReadingColumns(keys, place.data, columns.times, columns.values, columns.rows)

    def months(self, columns: ReadingColumns) -> Mapping[int, int]:
        """See the port."""
        firsts, counts = np.unique(_months(columns), return_counts=True)
        return dict(zip(firsts.tolist(), counts.tolist(), strict=True))

    def without_months(
        self, columns: ReadingColumns, refused: Mapping[int, tuple[RejectReason, str]]
    ) -> Decoded:
        """See the port."""
        if not refused:
            return Decoded(columns, ())
        months = _months(columns)
        return _parted(columns, np.isin(months, list(refused)), months, refused)


_US_PER_DAY: Final = 86_400_000_000


def _months(columns: ReadingColumns) -> Array:
    """The first microsecond of each row's month; worked out once for each day that there are rows of."""
    days, day_of = np.unique(np.asarray(columns.times) // _US_PER_DAY, return_inverse=True)
    firsts = days.astype("M8[D]").astype("M8[M]").astype("M8[D]").astype(np.int64) * _US_PER_DAY
    return firsts[day_of]


def _parted(
    columns: ReadingColumns, is_bad: Bools, cause_of: Array, refused: Mapping[int, tuple[RejectReason, str]]
) -> Decoded:
    rejects = tuple(
        _refused(columns, at, *refused[cause_of[at].item()]) for at in np.flatnonzero(is_bad).tolist()
    )
    return Decoded(_kept(columns, ~is_bad), rejects)


def _refused(columns: ReadingColumns, at: int, reason: RejectReason, detail: str) -> Reject:
    key = columns.keys[columns.key_of[at]]
    return refusal(columns.rows[at], reason, detail, as_sent(key, columns.times[at], columns.values[at]))


def _kept(columns: ReadingColumns, good: Bools) -> ReadingColumns:
    return ReadingColumns(
        columns.keys,
        np.asarray(columns.key_of)[good].data,
        np.asarray(columns.times)[good].data,
        np.asarray(columns.values)[good].data,
        np.asarray(columns.rows)[good].data,
    )
