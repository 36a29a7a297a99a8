"""Pieces of a file, mapped to what is sent: an Arrow IPC stream of columns, or lines as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.ipc

from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.ingest.column_map import FIELDS, Chosen, ColumnMap
from entrypoints.cli.ingest.faults import NONEXISTENT_TIME, Fault, Problem, malformed
from entrypoints.cli.ingest.pieces import Piece, Place
from entrypoints.cli.ingest.times import TimeReader, Times
from entrypoints.cli.ingest.values import to_doubles

ARROW: Final = "application/vnd.apache.arrow.stream"
LINES: Final = "text/plain; charset=utf-8"

Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One request, and what it is made of."""

    body: bytes
    """Empty: nothing of the piece is sent."""
    content_type: str
    lines: Int64s
    """The file's line of each row in `body`."""
    faults: tuple[Fault, ...]
    """Readings that are not sent, in the order of their lines."""
    after: Place
    unit: str = "line"
    """Or `row`: what `lines` counts."""
    rows: int
    """Of the file, with those that are not sent."""
    empty: int = 0
    """Cells without a value: no readings."""
    ambiguous: int = 0
    """Readings whose time the clock showed twice."""

    @property
    def nonexistent(self) -> int:
        """Readings whose time the clock never showed."""
        return sum(fault.reason == NONEXISTENT_TIME for fault in self.faults)


@dataclass(frozen=True, slots=True)
class Mapper:
    """Maps pieces of one file."""

    columns: ColumnMap
    times: TimeReader
    unit: str

    def batch(self, piece: Piece) -> Batch:
        """The readings of a piece, row by row for each value column in turn."""
        count = len(piece.lines)
        times = self.times.read(piece.columns[self.columns.ts])
        problems: dict[int, Problem] = {}
        texts = {name: _texts(piece.columns[name]) for name in self._named()}
        for field, chosen in (("device", self.columns.device), ("metric", self.columns.metric)):
            if chosen is not None and chosen.column:
                for place in np.flatnonzero(np.asarray(texts[chosen.column].is_null())).tolist():
                    problems.setdefault(
                        place, malformed(f"the column {chosen.column!r}, its {field}, is empty")
                    )
        for place, problem in times.problems.items():
            problems.setdefault(place, problem)
        parts = [self._part(piece, column, texts, times, problems) for column in self.columns.values]
        faults = sorted([*piece.faults, *(fault for part in parts for fault in part.faults)])
        body = _stream([part.table for part in parts])
        return Batch(
            body=body,
            content_type=ARROW,
            lines=np.concatenate([part.lines for part in parts]),
            faults=tuple(faults),
            after=piece.after,
            unit=self.unit,
            rows=count + len(piece.faults),
            empty=sum(part.empty for part in parts),
            ambiguous=sum(part.ambiguous for part in parts),
        )

    def _named(self) -> list[str]:
        chosen = [one.column for one in (self.columns.device, self.columns.metric) if one and one.column]
        return list(dict.fromkeys([*chosen, *self.columns.labels]))

    def _part(
        self,
        piece: Piece,
        column: str,
        texts: Mapping[str, Any],
        times: Times,
        problems: Mapping[int, Problem],
    ) -> _Part:
        values = piece.columns[column]
        numbers, not_numbers = to_doubles(values)
        is_there = np.asarray(values.is_valid())
        bad = {**not_numbers, **problems}
        good = is_there.copy()
        good[list(bad)] = False
        faults = [
            Fault(int(piece.lines[place]), *problem)
            for place, problem in sorted(bad.items())
            if is_there[place]
        ]
        keep = pa.array(good)
        metric = self.columns.metric or Chosen(name=column)
        labels = {name: texts[name] for name in self.columns.labels}
        named = {"device": self.columns.device, "metric": metric}
        table = {
            **{field: _name(chosen, texts, len(good)).filter(keep) for field, chosen in named.items()},
            "ts": pa.array(times.us[good]).cast(pa.timestamp("us", "UTC")),
            "value": pa.array(numbers[good]),
            **{name: labels_of.filter(keep) for name, labels_of in (piece.labels | labels).items()},
        }
        empty, twice = int(len(good) - is_there.sum()), int((times.ambiguous & good).sum())
        return _Part(table, piece.lines[good], faults, empty, twice)


@dataclass(frozen=True, slots=True)
class _Part:
    table: dict[str, Any]
    lines: Int64s
    faults: list[Fault]
    empty: int
    ambiguous: int


def batch_of_lines(piece: Piece) -> Batch:
    """Line protocol, sent as it is."""
    rows = piece.text.count(b"\n") + (not piece.text.endswith(b"\n"))
    return Batch(
        body=piece.text, content_type=LINES, lines=piece.lines, faults=(), after=piece.after, rows=rows
    )


def _name(chosen: Chosen, texts: Mapping[str, Any], count: int) -> pa.Array:
    if chosen.column:
        return texts[chosen.column]
    places = pa.array(np.zeros(count, np.int32))
    return pa.DictionaryArray.from_arrays(places, pa.array([chosen.name], pa.string()))


def _texts(column: pa.Array) -> pa.Array:
    """As a dictionary of texts: names repeat."""
    if pa.types.is_nested(column.type):
        raise CommandFailed.usage(f"a column of {column.type} holds no names")
    if pa.types.is_dictionary(column.type):
        return column
    return column.cast(pa.string()).dictionary_encode()


def _stream(tables: list[dict[str, Any]]) -> bytes:
    """All of them in one stream; empty if they are."""
    batches = [pa.record_batch(table) for table in tables if len(table["value"])]
    if not batches:
        return b""
    fields = list(FIELDS)
    names = [*fields, *(name for name in batches[0].schema.names if name not in fields)]
    sink = pa.BufferOutputStream()
    schema = batches[0].select(names).schema
    with pyarrow.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            # Each value column has a metric, so a dictionary, of its own.
            writer.write_batch(batch.select(names))
    return sink.getvalue().to_pybytes()
