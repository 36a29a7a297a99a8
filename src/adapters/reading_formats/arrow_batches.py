"""Arrow IPC, as a stream or as a file: numbers stay where they are, texts are numbered."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.ipc

from adapters.reading_formats.assembly import Array, Fault, assembled, require_fit
from adapters.reading_formats.tabular import NAMED, Texts, labels_among, one_for_all, series_of
from adapters.reading_formats.times import INT64_MAX, TIME_DETAIL
from application.ports.reading_decoder import MalformedBatch
from application.ports.readings import Decoded
from domain.telemetry.batch import Reject
from domain.telemetry.reading import INTEGER_MAX, RejectReason
from domain.telemetry.refusals import INTEGER_DETAIL, json_text, refusal, spelled

_FILE_MAGIC: Final = b"ARROW1\0\0"
_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_US_PER_SECOND: Final = 1_000_000
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3


def decode(body: bytes, device: str | None, metric: str | None) -> Decoded:
    """The rows of all batches. `device` and `metric` stand in for missing columns.

    A file is a stream between its magic and its footer, and is read as such.
    """
    stream = pa.py_buffer(body)
    if body.startswith(_FILE_MAGIC):
        stream = stream.slice(len(_FILE_MAGIC))
    try:
        table = _table(stream, device, metric)
    except (pa.ArrowException, OSError, struct.error, UnicodeDecodeError) as error:
        raise MalformedBatch(problem=f"not a whole Arrow stream or file: {_first_line(error)}") from None
    return _Table(table, device, metric).decoded()


def _table(stream: pa.Buffer, device: str | None, metric: str | None) -> pa.Table:
    rows = 0
    for message in _messages(stream):
        rows += _rows_of(message)
        require_fit(rows)
    with pyarrow.ipc.open_stream(stream) as reader:
        labels = labels_among(reader.schema.names, device, metric)
        _require_types(reader.schema, labels)
        table = reader.read_all()
    table.validate(full=True)
    require_fit(table.num_rows)
    return table.unify_dictionaries().combine_chunks()


def _messages(stream: pa.Buffer) -> Iterator[pa.Message]:
    reader = pyarrow.ipc.MessageReader.open_stream(stream)
    while True:
        try:
            yield reader.read_next_message()
        except StopIteration:
            return


def _rows_of(message: pa.Message) -> int:
    """How many rows a batch says it has. Raises MalformedBatch if it is compressed.

    Compressed buffers say themselves how large they get, and nothing would bound that. Reads the flat buffer of
    https://github.com/apache/arrow/blob/main/format/Message.fbs, which pyarrow has verified.
    """
    data = message.metadata.to_pybytes()
    root = struct.unpack_from("<I", data, 0)[0]
    kind, batch = _field(data, root, 1), _field(data, root, 2)
    if not kind or not batch or data[kind] not in (_DICTIONARY_BATCH, _RECORD_BATCH):
        return 0
    batch = _pointed(data, batch)
    counts = data[kind] == _RECORD_BATCH
    if not counts:
        inner = _field(data, batch, 1)
        if not inner:
            return 0
        batch = _pointed(data, inner)
    if _field(data, batch, 3):
        raise MalformedBatch(problem="its buffers are compressed; send them plain, and compress the request")
    length = _field(data, batch, 0)
    return max(struct.unpack_from("<q", data, length)[0], 0) if counts and length else 0


def _field(data: bytes, table: int, number: int) -> int:
    """Where a field of a flat buffer's table lies; 0 if it is not there."""
    described = table - struct.unpack_from("<i", data, table)[0]
    size = struct.unpack_from("<H", data, described)[0]
    at = 4 + 2 * number
    if at + 2 > size:
        return 0
    offset = struct.unpack_from("<H", data, described + at)[0]
    return table + offset if offset else 0


def _pointed(data: bytes, at: int) -> int:
    return at + int(struct.unpack_from("<I", data, at)[0])


def _require_types(schema: pa.Schema, labels: list[str]) -> None:
    """Raise MalformedBatch for columns that can't be read."""
    for field in schema:
        kind = field.type
        if field.name == "ts":
            good = pa.types.is_timestamp(kind) or pa.types.is_integer(kind)
            wanted = "a timestamp, or an integer of milliseconds"
        elif field.name == "value":
            good = pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)
            wanted = "floating, an integer or boolean"
        else:
            text = kind.value_type if pa.types.is_dictionary(kind) else kind
            good = pa.types.is_string(text) or pa.types.is_large_string(text)
            wanted = "text (utf8), or a dictionary of text"
        if not good:
            raise MalformedBatch(
                problem=f"the column {field.name[:100]!r} is {str(kind)[:100]}; it has to be {wanted}"
            )


class _Table:
    """A table whose types are right; its nulls and numbers are not judged yet."""

    def __init__(self, table: pa.Table, device: str | None, metric: str | None) -> None:
        self._table = table
        self._count = table.num_rows
        self._ones = dict(zip(NAMED, (device, metric), strict=True))
        self._faults: dict[int, Fault] = {}

    def decoded(self) -> Decoded:
        names = self._table.column_names
        device, metric = (self._required(name) for name in NAMED)
        labels = [(name, self._texts(name, "")) for name in names if name not in (*NAMED, "ts", "value")]
        times, values = self._times(), self._values()
        keys, key_of = series_of(device, metric, labels)
        rows = np.arange(self._count, dtype=np.int32)
        if not self._faults:
            return assembled(keys, key_of, times, values, rows)
        good = np.ones(self._count, np.bool_)
        good[list(self._faults)] = False
        rejects = [self._reject(row, fault) for row, fault in self._faults.items()]
        return assembled(keys, key_of[good], times[good], values[good], rows[good], rejects)

    def _column(self, name: str) -> Any:
        column = self._table[name]
        return column.chunk(0) if column.num_chunks else pa.array([], column.type)

    def _texts(self, name: str, null: str) -> Texts:
        column = self._column(name)
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        distinct = [null if text is None else text for text in column.dictionary.to_pylist()]
        places = column.indices
        if places.null_count:
            places = places.cast(pa.int64()).fill_null(len(distinct))
            distinct.append(null)
        return Texts(distinct, places.to_numpy())

    def _required(self, name: str) -> Texts:
        one = self._ones[name]
        if name not in self._table.column_names and one is not None:
            return one_for_all(one, self._count)
        column = self._column(name)
        self._refuse_nulls(column, Fault(RejectReason.MALFORMED, f"{name} is null; send its name"))
        return self._texts(name, "")

    def _times(self) -> Array:
        column = self._column("ts")
        self._refuse_nulls(column, Fault(RejectReason.INVALID_TIME, TIME_DETAIL))
        kind = column.type
        per_second = _PER_SECOND[kind.unit] if pa.types.is_timestamp(kind) else _PER_SECOND["ms"]
        times = self._numbers(column, np.int64) if not pa.types.is_uint64(kind) else self._unsigned(column)
        if per_second > _US_PER_SECOND:
            return times // (per_second // _US_PER_SECOND)
        factor = _US_PER_SECOND // per_second
        fits = np.abs(times) <= INT64_MAX // factor
        self._refuse(~fits, Fault(RejectReason.INVALID_TIME, TIME_DETAIL))
        return times if factor == 1 else np.where(fits, times, 0) * factor

    def _values(self) -> Array:
        column = self._column("value")
        fault = Fault(RejectReason.NOT_A_NUMBER, "the value is null; leave the reading out, or send a number")
        self._refuse_nulls(column, fault)
        if pa.types.is_integer(column.type):
            integers = (
                self._unsigned(column) if pa.types.is_uint64(column.type) else self._numbers(column, np.int64)
            )
            beyond = (integers > INTEGER_MAX) | (integers < -INTEGER_MAX)
            self._refuse(beyond, Fault(RejectReason.TOO_LARGE, INTEGER_DETAIL))
            return integers.astype(np.float64)
        return self._numbers(column, np.float64)

    def _numbers(self, column: Any, kind: Any) -> Array:
        is_time = pa.types.is_timestamp(column.type)
        column = column.view(pa.int64()) if is_time else column.cast(pa.from_numpy_dtype(kind))
        if column.null_count:
            column = column.fill_null(0)
        # The columns lie in the body, wherever that is: what reads them later may count on their alignment.
        return np.require(column.to_numpy(), requirements=("C", "A"))

    def _unsigned(self, column: Any) -> Array:
        """Those beyond the signed become the largest of them, which is too large for a time and for a value."""
        numbers = np.asarray(column.fill_null(0), np.uint64)
        return np.minimum(numbers, np.uint64(INT64_MAX)).astype(np.int64)

    def _refuse_nulls(self, column: Any, fault: Fault) -> None:
        if column.null_count or pa.types.is_dictionary(column.type):
            self._refuse(column.is_null().to_numpy(zero_copy_only=False), fault)

    def _refuse(self, rows: Array, fault: Fault) -> None:
        for row in np.flatnonzero(rows).tolist():
            self._faults.setdefault(row, fault)

    def _reject(self, row: int, fault: Fault) -> Reject:
        names = self._table.column_names
        cells = {name: self._cell(name, row) for name in names}
        labels = {
            name: cells[name] for name in sorted(names) if name not in (*NAMED, "ts", "value") and cells[name]
        }
        reading = {name: cells[name] if name in cells else self._ones[name] for name in NAMED}
        reading |= {"labels": labels} if labels else {}
        value = cells["value"]
        reading |= {"ts": cells["ts"], "value": spelled(value) if isinstance(value, float) else value}
        return refusal(row, fault.reason, fault.detail, json_text(reading))

    def _cell(self, name: str, row: int) -> Any:
        cell = self._table[name][row]
        if pa.types.is_timestamp(cell.type):
            return None if cell.value is None else str(cell.cast(pa.string()))
        return cell.as_py()


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
