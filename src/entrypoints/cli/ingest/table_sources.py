"""Files of columns: Arrow IPC, as a stream or as a file, and Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.ingest.pieces import Piece, Place

_FILE_MAGIC: Final = b"ARROW1"
_FAULTS: Final = (pa.ArrowException, OSError)


class _TableFile:
    unit = "row"
    begin = Place(0, 1)
    total: int | None = None

    def __init__(self, path: Path, rows: int) -> None:
        self._path = path
        self._rows = rows
        self.names: Sequence[str] | None = None

    def pieces(self, start: Place, columns: Sequence[str]) -> Iterator[Piece]:
        """See Source."""
        place = start
        try:
            for table in _cut(self._batches(start.at, columns), self._rows):
                lines = np.arange(place.line, place.line + table.num_rows)
                place = Place(place.at + table.num_rows, place.line + table.num_rows)
                yield Piece(place, lines, {name: _plain(table[name]) for name in columns})
        except _FAULTS as error:
            raise CommandFailed(f"{self._path}: can't be read after row {place.at:,}: {error}") from error

    def _batches(self, after: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """From the row after that many on."""
        raise NotImplementedError

    def _unreadable(self, error: Exception, form: str) -> CommandFailed:
        return CommandFailed(f"{self._path} is no {form}: {str(error).partition(chr(10))[0]}")


class Arrow(_TableFile):
    """Record batches, mapped into memory; a stream that is gone on with is run through once more."""

    def __init__(self, path: Path, rows: int) -> None:
        super().__init__(path, rows)
        try:
            self._memory = pa.memory_map(str(path))
            is_file = self._memory.read(len(_FILE_MAGIC)) == _FILE_MAGIC
            self._memory.seek(0)
            self._reader: Any = (pyarrow.ipc.open_file if is_file else pyarrow.ipc.open_stream)(self._memory)
        except _FAULTS as error:
            raise self._unreadable(error, "Arrow IPC stream or file") from error
        self._is_file = is_file
        self.names = self._reader.schema.names

    def close(self) -> None:
        self._memory.close()

    def _batches(self, after: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        reader = self._reader
        batches = (
            (reader.get_batch(number) for number in range(reader.num_record_batches))
            if self._is_file
            else reader
        )
        for batch in batches:
            if after >= batch.num_rows:
                after -= batch.num_rows
                continue
            yield batch.select(list(columns)).slice(after)
            after = 0


class Parquet(_TableFile):
    """Row groups; those that have been read are passed over."""

    def __init__(self, path: Path, rows: int) -> None:
        super().__init__(path, rows)
        try:
            self._file = pyarrow.parquet.ParquetFile(path)
        except _FAULTS as error:
            raise self._unreadable(error, "Parquet file") from error
        self.names = self._file.schema_arrow.names
        self.total = self._file.metadata.num_rows

    def close(self) -> None:
        self._file.close()

    def _batches(self, after: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        meta, first = self._file.metadata, 0
        while first < meta.num_row_groups and after >= meta.row_group(first).num_rows:
            after -= meta.row_group(first).num_rows
            first += 1
        groups = list(range(first, meta.num_row_groups))
        if not groups:
            return
        for batch in self._file.iter_batches(
            batch_size=self._rows, row_groups=groups, columns=list(columns), use_threads=False
        ):
            if after >= batch.num_rows:
                after -= batch.num_rows
                continue
            yield batch.slice(after)
            after = 0


def _cut(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Tables of exactly `rows` rows, but for the last."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += batch.num_rows
        while count >= rows:
            table = pa.Table.from_batches(held)
            yield table.slice(0, rows)
            held, count = table.slice(rows).to_batches(), count - rows
    if count:
        yield pa.Table.from_batches(held)


def _plain(column: pa.ChunkedArray) -> pa.Array:
    """One array, without a dictionary."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    array = column.combine_chunks()
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
