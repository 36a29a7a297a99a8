"""JSON in columns: an object of lists; device, metric and labels may be one for all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from adapters.reading_formats.assembly import Array, Fault, Rows, assembled, combined, factorised, require_fit
from adapters.reading_formats.json_rows import UNTYPED, as_json, decode_one, times_of, values_of, whole
from adapters.reading_formats.reading import FIELDS, reading_of
from application.ports.reading_decoder import MalformedBatch
from application.ports.readings import Decoded
from domain.telemetry.reading import SeriesKey
from domain.telemetry.refusals import json_text


class Columns(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Readings as they are written in columns."""

    device: str | list[str]
    metric: str | list[str]
    ts: list[int | str]
    value: list[float | bool]
    labels: dict[str, str] | list[dict[str, str] | None] | None = None


_COLUMNS: Final = msgspec.json.Decoder(Columns)
_NAMES: Final = (*FIELDS, "labels")


def decode_object(body: bytes) -> Decoded:
    """An object of columns, or one reading. Raises MalformedBatch, BatchTooLarge."""
    try:
        sent = _COLUMNS.decode(body)
    except UNTYPED:
        return _lenient(body)
    count = len(sent.ts)
    _require_even({name: column for name in _NAMES if isinstance(column := getattr(sent, name), list)}, count)
    times, values = times_of(sent.ts), values_of(sent.value)
    if times is None or values is None:
        return _lenient(body)
    keys, key_of = _series(sent, count)
    return assembled(keys, key_of, times, values, np.arange(count, dtype=np.int32))


def _series(sent: Columns, count: int) -> tuple[tuple[SeriesKey, ...], Array]:
    """Each column's texts are numbered alone, and combined as numbers."""
    names: list[list[Any]] = []
    codes: list[tuple[int, Array]] = []
    for column in (sent.device, sent.metric, _label_sets(sent.labels)):
        if isinstance(column, list):
            distinct, places = factorised(column, count)
        else:
            distinct, places = [column], np.zeros(count, np.int32)
        names.append(distinct)
        codes.append((len(distinct), places))
    rows, key_of = combined(codes)
    devices, metrics, labels = names
    return tuple(SeriesKey(devices[d], metrics[m], labels[each]) for d, m, each in rows), key_of


def _label_sets(labels: Mapping[str, str] | Sequence[Mapping[str, str] | None] | None) -> Any:
    if isinstance(labels, list):
        return [tuple(sorted(each.items())) if each else () for each in labels]
    return tuple(sorted(labels.items())) if labels else ()  # type: ignore[union-attr]


def _lenient(body: bytes) -> Decoded:
    """Row by row. What belongs to no row (a missing or unknown column, an uneven one) refuses all of it."""
    sent, _ = whole(body)
    if not isinstance(sent, dict):
        raise MalformedBatch(problem="neither a list nor an object; send a list of readings, or columns")
    if not any(isinstance(sent.get(name), list) for name in ("ts", "value")):
        return decode_one(body)
    for name in FIELDS:
        if name not in sent:
            raise MalformedBatch(problem=f"the column {name} is missing")
    if sent.keys() - set(_NAMES):
        raise MalformedBatch(problem="a column is none of device, metric, ts, value and labels")
    for name in ("ts", "value"):
        if not isinstance(sent[name], list):
            raise MalformedBatch(problem=f"{name} is not a list; send one for each row")
    count = len(sent["ts"])
    _require_even({name: column for name, column in sent.items() if isinstance(column, list)}, count)
    columns = {
        name: column if isinstance(column, list) else [column] * count for name, column in sent.items()
    }
    rows = Rows()
    for row, fields in enumerate(zip(*columns.values(), strict=True)):
        reading = dict(zip(columns, fields, strict=True))
        try:
            rows.add(row, *reading_of(reading))
        except Fault as fault:
            rows.refuse(row, fault, as_json(reading, json_text(reading)))
    return rows.decoded()


def _require_even(columns: Mapping[str, Sequence[object]], count: int) -> None:
    for name, column in columns.items():
        if len(column) != count:
            raise MalformedBatch(problem=f"the columns are uneven: {len(column)} of {name}, {count} of ts")
    require_fit(count)
