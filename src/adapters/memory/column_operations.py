"""What is done to whole columns, row by row: what the fast way has to agree with."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from application.ports.readings import Decoded, ReadingColumns
from domain.telemetry.batch import Reject
from domain.telemetry.reading import ReadingRules, RejectReason, microseconds, moment
from domain.telemetry.refusals import DETAILS, as_sent, refusal

Fault = tuple[RejectReason, str]


class LoopColumnOperations:
    """ColumnOperations in plain Python."""

    def screen(self, columns: ReadingColumns, rules: ReadingRules) -> Decoded:
        """See the port."""

        def fault(at: int) -> Fault | None:
            reason = rules.fault_of(columns.times[at], columns.values[at])
            return (reason, DETAILS[reason]) if reason else None

        kept, rejects = _parted(columns, fault)
        # −0 plus 0 is 0; everything else plus 0 is itself.
        values = memoryview(array("d", [value + 0.0 for value in kept.values]))
        return Decoded(replace(kept, values=values), rejects)

    def without(self, columns: ReadingColumns, refused: Mapping[int, Fault]) -> Decoded:
        """See the port."""
        return _parted(columns, lambda at: refused.get(columns.key_of[at]))

    def named(self, columns: ReadingColumns) -> ReadingColumns:
        """See the port."""
        named = sorted(set(columns.key_of))
        place_of = {old: new for new, old in enumerate(named)}
        key_of = memoryview(array("i", [place_of[old] for old in columns.key_of]))
        return replace(columns, keys=tuple(columns.keys[old] for old in named), key_of=key_of)

    def months(self, columns: ReadingColumns) -> Mapping[int, int]:
        """See the port."""
        counts: dict[int, int] = {}
        for time in columns.times:
            first = _first_of_month(time)
            counts[first] = counts.get(first, 0) + 1
        return counts

    def without_months(self, columns: ReadingColumns, refused: Mapping[int, Fault]) -> Decoded:
        """See the port."""
        return _parted(columns, lambda at: refused.get(_first_of_month(columns.times[at])))


def _first_of_month(time_us: int) -> int:
    at = moment(time_us)
    return microseconds(datetime(at.year, at.month, 1, tzinfo=UTC))


def _parted(columns: ReadingColumns, fault_at: Callable[[int], Fault | None]) -> Decoded:
    good: list[int] = []
    rejects: list[Reject] = []
    for at in range(len(columns)):
        fault = fault_at(at)
        if fault is None:
            good.append(at)
            continue
        key = columns.keys[columns.key_of[at]]
        sent = as_sent(key, columns.times[at], columns.values[at])
        rejects.append(refusal(columns.rows[at], *fault, sent))
    kept = ReadingColumns(
        columns.keys,
        memoryview(array("i", [columns.key_of[at] for at in good])),
        memoryview(array("q", [columns.times[at] for at in good])),
        memoryview(array("d", [columns.values[at] for at in good])),
        memoryview(array("i", [columns.rows[at] for at in good])),
    )
    return Decoded(kept, tuple(rejects))
