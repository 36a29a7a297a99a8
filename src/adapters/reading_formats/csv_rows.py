"""CSV with a header: read by the column where every cell is in order, else record by record."""

from __future__ import annotations

import csv
import io
import re
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv

from adapters.reading_formats.assembly import Array, Fault, Rows, assembled, require_fit
from adapters.reading_formats.json_rows import text_of
from adapters.reading_formats.reading import time_of, value_of
from adapters.reading_formats.tabular import NAMED, Texts, labels_among, one_for_all, series_of
from adapters.reading_formats.times import times_of_matrix, times_of_texts
from application.ports.reading_decoder import BatchTooLarge, MalformedBatch
from application.ports.readings import Decoded
from domain.telemetry.reading import INTEGER_MAX, READINGS_MAX, RejectReason, SeriesKey
from domain.telemetry.refusals import json_text

_TEXT: Final = pa.dictionary(pa.int32(), pa.string())
_INTEGER: Final = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_LONG_INTEGER: Final = re.compile(r"[+-]?\d+", re.ASCII)
_FLOAT: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_WORDS: Final[dict[str, object]] = {
    "true": True,
    "false": False,
    "nan": "NaN",
    "inf": "Infinity",
    "+inf": "Infinity",
    "-inf": "-Infinity",
    "infinity": "Infinity",
    "-infinity": "-Infinity",
}
_MARK: Final = "\ufeff"
_DIGITS: Final = b"0123456789"
_DIGITS_MAX: Final = 15
"""Of milliseconds that are read by the column; none of them is too large."""


def decode(body: bytes, device: str | None, metric: str | None) -> Decoded:
    """Records under a header; row 0 is the first behind it. `device` and `metric` stand in for missing columns."""
    if body.count(b"\n") > 2 * READINGS_MAX:
        raise BatchTooLarge(readings_max=READINGS_MAX)
    first, _, _ = body.partition(b"\n")
    names = _header(first)
    labels = labels_among(names, device, metric)
    ones = dict(zip(NAMED, (device, metric), strict=True))
    decoded = _by_column(body, names, labels, ones)
    return _by_record(text_of(body), names, labels, ones) if decoded is None else decoded


def _header(line: bytes) -> list[str]:
    try:
        names = next(csv.reader([text_of(line).removeprefix(_MARK).removesuffix("\r")]), [])
    except csv.Error:
        raise MalformedBatch(problem="the first line can't be read; it has to name the columns") from None
    return [name.strip() for name in names]


def _by_column(
    body: bytes, names: list[str], labels: list[str], ones: dict[str, str | None]
) -> Decoded | None:
    """None if anything has to be looked at twice."""
    types = dict.fromkeys(names, _TEXT) | {"ts": pa.string(), "value": pa.float64()}
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(body),
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False, block_size=len(body) + 1, column_names=names, skip_rows=1
            ),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=pyarrow.csv.ConvertOptions(column_types=types, null_values=[]),
        )
    except pa.ArrowException:
        return None
    count = table.num_rows
    require_fit(count)
    values = table["value"].to_numpy()
    times = _times(table["ts"].combine_chunks()) if count else np.zeros(0, np.int64)
    if times is None or (np.abs(values) >= INTEGER_MAX).any():
        return None

    def column(name: str) -> Texts:
        one = ones.get(name)
        if name not in names and one is not None:
            return one_for_all(one, count)
        texts = table[name].combine_chunks() if count else pa.array([], pa.string()).dictionary_encode()
        return Texts(texts.dictionary.to_pylist(), texts.indices.to_numpy())

    keys, key_of = series_of(column("device"), column("metric"), [(name, column(name)) for name in labels])
    return assembled(keys, key_of, times, values, np.arange(count, dtype=np.int32))


def _times(texts: pa.StringArray) -> Array | None:
    _, offsets, data = texts.buffers()
    starts = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    letters = np.frombuffer(data, np.uint8)[starts[0] : starts[-1]] if data else np.zeros(0, np.uint8)
    length = int(starts[1] - starts[0])
    if (np.diff(starts) == length).all():
        matrix = letters.reshape(len(texts), length)
        if 0 < length <= _DIGITS_MAX and not letters.tobytes().translate(None, _DIGITS):
            milliseconds: Array = texts.cast(pa.int64()).to_numpy()
            return milliseconds * 1_000
        times, good = times_of_matrix(matrix)
        if good.all():
            return times
    times, faulty = times_of_texts(texts.to_pylist())
    return None if faulty else times


def _by_record(text: str, names: list[str], labels: list[str], ones: dict[str, str | None]) -> Decoded:
    records = csv.reader(io.StringIO(text, newline=""))
    rows = Rows()
    try:
        next(records)
        for row, record in enumerate(records):
            require_fit(len(rows.times) + len(rows.rejects))
            if record:
                _read(row, record, names, labels, ones, rows)
    except csv.Error as error:
        raise MalformedBatch(problem=f"line {records.line_num} can't be read as CSV: {error}") from None
    return rows.decoded()


def _read(
    row: int, record: list[str], names: list[str], labels: list[str], ones: dict[str, str | None], rows: Rows
) -> None:
    if len(record) != len(names):
        fault = Fault(RejectReason.MALFORMED, f"{len(record)} cells under {len(names)} column names")
        rows.refuse(row, fault, json_text(record))
        return
    cells = {**ones, **dict(zip(names, record, strict=True))}
    own = {name: cells[name] for name in sorted(labels) if cells[name]}
    time, value = _cell_time(cells["ts"] or ""), _cell_value(cells["value"] or "")
    try:
        key = SeriesKey(cells["device"] or "", cells["metric"] or "", tuple(own.items()))  # type: ignore[arg-type]
        rows.add(row, key, time_of(time), value_of(value))
    except Fault as fault:
        reading = {"device": cells["device"], "metric": cells["metric"]} | ({"labels": own} if own else {})
        rows.refuse(row, fault, json_text({**reading, "ts": time, "value": value}))


def _cell_time(text: str) -> object:
    text = text.strip(" ")
    return int(text) if _INTEGER.fullmatch(text) else text


def _cell_value(text: str) -> object:
    text = text.strip(" ")
    if _INTEGER.fullmatch(text):
        return int(text)
    if _LONG_INTEGER.fullmatch(text):
        return 10**19
    if _FLOAT.fullmatch(text):
        return float(text)
    return _WORDS.get(text.lower(), text or None)
