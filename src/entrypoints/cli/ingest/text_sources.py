"""Files of text: CSV, NDJSON, and line protocol, each plain or gzipped."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final, cast

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv

from domain.telemetry.reading import RejectReason
from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.ingest.column_map import FIELDS
from entrypoints.cli.ingest.faults import Fault, shown
from entrypoints.cli.ingest.pieces import PIECE_BYTES_MAX, Piece, Place, Stretch, stretches

GZIP_SUFFIX: Final = ".gz"
LABELS: Final = "labels"
"""The member of an NDJSON object that holds labels, as in the API."""
NAMES_FROM_LINES: Final = 100
_BOM: Final = b"\xef\xbb\xbf"


class _TextFile:
    names: Sequence[str] | None = None
    unit = "line"

    def __init__(self, path: Path, rows: int) -> None:
        self._rows = rows
        self._file: IO[bytes] = _open(path)
        self.total = None if path.suffix == GZIP_SUFFIX else path.stat().st_size
        self.begin = Place(len(_BOM) if self._file.read(len(_BOM)) == _BOM else 0, 1)

    def close(self) -> None:
        self._file.close()


class LineProtocol(_TextFile):
    """Lines that are sent as they stand."""

    def pieces(self, start: Place, columns: Sequence[str]) -> Iterator[Piece]:
        """See Source."""
        for stretch in stretches(self._file, start, self._rows, quoted=False):
            # Answers count all lines of what was sent, blank ones too.
            lines = np.arange(start.line, stretch.after.line + 1)
            start = stretch.after
            yield Piece(stretch.after, lines, text=stretch.body)


class Csv(_TextFile):
    """A header, then a record a line; quotes as in RFC 4180. All columns are texts; empty ones are null."""

    def __init__(self, path: Path, rows: int, delimiter: str) -> None:
        super().__init__(path, rows)
        self._delimiter = delimiter
        header = next(stretches(self._file, self.begin, 1, quoted=True), None)
        if header is None or not len(header.starts):
            raise CommandFailed(f"{path}: the first line has to name the columns")
        try:
            text = header.body.decode()
        except UnicodeDecodeError:
            raise CommandFailed(f"{path}: the first line is not UTF-8; convert the file to it") from None
        self.names = next(csv.reader([text], delimiter=delimiter))
        self.begin = header.after

    def pieces(self, start: Place, columns: Sequence[str]) -> Iterator[Piece]:
        """See Source."""
        for stretch in stretches(self._file, start, self._rows, quoted=True):
            readable, faults = _without_foreign_bytes(stretch)
            yield self._piece(readable, columns, faults)

    def _piece(self, stretch: Stretch, columns: Sequence[str], faults: list[Fault]) -> Piece:
        names = list(self.names or ())
        ragged: dict[int, Fault] = {}

        def refuse(row: Any) -> str:
            detail = f"has {row.actual_columns} columns, the header has {len(names)}"
            line = int(stretch.lines[row.number - 1]) if row.number <= len(stretch.lines) else 0
            ragged[row.number - 1] = Fault(line, RejectReason.MALFORMED.value, detail)
            return "skip"

        if not len(stretch.starts):
            return Piece(
                stretch.after,
                stretch.lines,
                {name: pa.nulls(0, pa.string()) for name in columns},
                faults=faults,
            )
        try:
            table = pyarrow.csv.read_csv(
                pa.BufferReader(stretch.body),
                read_options=pyarrow.csv.ReadOptions(
                    # Places stand in for names: two of those may be the same.
                    column_names=[str(place) for place in range(len(names))],
                    use_threads=False,
                    block_size=2 * PIECE_BYTES_MAX,
                ),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=self._delimiter, newlines_in_values=True, invalid_row_handler=refuse
                ),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types={str(place): pa.string() for place in range(len(names))},
                    include_columns=[str(names.index(name)) for name in columns],
                    strings_can_be_null=True,
                    null_values=[""],
                ),
            )
        except pa.ArrowInvalid as error:
            raise CommandFailed(
                f"lines {stretch.lines[0]:,} to {stretch.lines[-1]:,} are no CSV: {error}"
            ) from None
        if table.num_rows + len(ragged) != len(stretch.lines):
            raise CommandFailed(
                f"lines {stretch.lines[0]:,} to {stretch.lines[-1]:,}: quotes don't come in pairs; quote fields that "
                "hold quotes, and double those inside"
            )
        good = np.ones(len(stretch.lines), np.bool_)
        good[list(ragged)] = False
        found = {name: table.column(place).combine_chunks() for place, name in enumerate(columns)}
        return Piece(stretch.after, stretch.lines[good], found, faults=[*faults, *ragged.values()])


class Ndjson(_TextFile):
    """An object a line. `labels`, if it is an object of texts, holds labels, as in the API."""

    def __init__(self, path: Path, rows: int) -> None:
        super().__init__(path, rows)
        self._decoder = msgspec.json.Decoder()
        first = next(stretches(self._file, self.begin, NAMES_FROM_LINES, quoted=False), None)
        objects = self._objects(first, [])[0] if first else []
        self.names = list(dict.fromkeys(name for one in objects for name in one))

    def pieces(self, start: Place, columns: Sequence[str]) -> Iterator[Piece]:
        """See Source."""
        for stretch in stretches(self._file, start, self._rows, quoted=False):
            faults: list[Fault] = []
            objects, lines = self._objects(stretch, faults)
            found = {name: _array([one.get(name) for one in objects]) for name in columns}
            labels = {} if LABELS in columns else _labels(objects)
            yield Piece(stretch.after, np.array(lines, np.int64), found, labels, faults=faults)

    def _objects(self, stretch: Stretch, faults: list[Fault]) -> tuple[list[dict[str, Any]], list[int]]:
        objects, lines = [], []
        for text, line in stretch.records():
            try:
                one = self._decoder.decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                if text.strip():
                    faults.append(Fault(line, RejectReason.MALFORMED.value, f"no JSON: {error}"[:200]))
                continue
            problem = _problem_of(one)
            if problem:
                faults.append(Fault(line, RejectReason.MALFORMED.value, problem))
                continue
            objects.append(one)
            lines.append(line)
        return objects, lines


def _open(path: Path) -> IO[bytes]:
    if path.suffix == GZIP_SUFFIX:
        return cast(IO[bytes], gzip.GzipFile(path))
    return path.open("rb")


def _without_foreign_bytes(stretch: Stretch) -> tuple[Stretch, list[Fault]]:
    """The records that are UTF-8."""
    try:
        stretch.body.decode()
        return stretch, []
    except UnicodeDecodeError:
        pass
    kept, lines, faults = [], [], []
    for record, line in stretch.records():
        try:
            record.decode()
            kept.append(record)
            lines.append(line)
        except UnicodeDecodeError:
            detail = f"{shown(record.strip())} is not UTF-8; convert the file to it"
            faults.append(Fault(line, RejectReason.MALFORMED.value, detail))
    starts = np.cumsum([0, *map(len, kept)])[:-1].astype(np.int64)
    return Stretch(b"".join(kept), starts, np.array(lines, np.int64), stretch.after), faults


def _problem_of(one: Any) -> str:
    if not isinstance(one, dict):
        return "not an object; each line has to be one"
    labels = one.get(LABELS)
    if isinstance(labels, dict) and not all(isinstance(value, str) for value in labels.values()):
        return "labels must be an object of texts"
    if isinstance(labels, dict) and any(name in FIELDS for name in labels):
        return f"a label can't be called {', '.join(FIELDS)}"
    return ""


def _labels(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """Of objects that bring them: a column for each name, null where an object has none of that name."""
    held = [one[LABELS] if isinstance(one.get(LABELS), dict) else {} for one in objects]
    names = dict.fromkeys(name for labels in held for name in labels)
    return {name: pa.array([labels.get(name) for labels in held], pa.string()) for name in names}


def _array(values: list[Any]) -> pa.Array:
    """Numbers and booleans as such where all are; else each as its text."""
    try:
        array = pa.array(values)
    except (pa.ArrowException, OverflowError):
        array = None
    if array is not None and not pa.types.is_nested(array.type) and not pa.types.is_null(array.type):
        return array
    return pa.array(
        [one if one is None or isinstance(one, str) else json.dumps(one) for one in values], pa.string()
    )
