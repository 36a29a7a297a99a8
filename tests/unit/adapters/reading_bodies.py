"""Readings as bodies of every form, for tests."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from application.ports.reading_decoder import Form
from domain.telemetry.reading import SeriesKey, moment


class Sent(NamedTuple):
    """A reading as a client has it."""

    key: SeriesKey
    time_us: int
    value: float

    @property
    def ts(self) -> str:
        """RFC 3339 with six digits."""
        return moment(self.time_us).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    @property
    def row(self) -> dict[str, Any]:
        """As JSON has it."""
        row = {"device": self.key.device, "metric": self.key.metric, "ts": self.ts, "value": self.value}
        return row | ({"labels": dict(self.key.labels)} if self.key.labels else {})


def json_rows(sent: Sequence[Sent]) -> bytes:
    """A list of objects."""
    return json.dumps([each.row for each in sent]).encode()


def ndjson(sent: Sequence[Sent]) -> bytes:
    """An object a line."""
    return b"".join(json.dumps(each.row, ensure_ascii=False).encode() + b"\n" for each in sent)


def json_columns(sent: Sequence[Sent]) -> bytes:
    """An object of lists."""
    rows = [{"labels": {}, **each.row} for each in sent]
    return json.dumps(
        {name: [row[name] for row in rows] for name in ("device", "metric", "labels", "ts", "value")}
    ).encode()


def csv_text(sent: Sequence[Sent]) -> bytes:
    """With a header; labels behind."""
    labels = sorted({name for each in sent for name, _ in each.key.labels})
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["ts", "value", "metric", "device", *labels])
    for each in sent:
        key, of = each.key, dict(each.key.labels)
        writer.writerow(
            [each.ts, repr(each.value), key.metric, key.device, *(of.get(name, "") for name in labels)]
        )
    return text.getvalue().encode()


def table_of(sent: Sequence[Sent]) -> pa.Table:
    """Columns with labels behind; the device is a dictionary, one in two batches."""
    labels = sorted({name for each in sent for name, _ in each.key.labels})
    return pa.table(
        {
            "device": pa.array([each.key.device for each in sent], pa.string()).dictionary_encode(),
            "metric": pa.array([each.key.metric for each in sent], pa.string()),
            "ts": pa.array(
                [each.time_us * 1_000 + 999 for each in sent], pa.timestamp("ns", "Europe/Berlin")
            ),
            "value": pa.array([each.value for each in sent], pa.float64()),
            **{
                name: pa.array([dict(each.key.labels).get(name) for each in sent], pa.string())
                for name in labels
            },
        }
    )


def arrow_stream(table: pa.Table, *, rows_max: int = 2) -> bytes:
    """As a stream of small batches."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(
        sink, table.schema, options=pa.ipc.IpcWriteOptions(unify_dictionaries=False)
    ) as writer:
        writer.write_table(table, max_chunksize=rows_max)
    return sink.getvalue()


def arrow_file(table: pa.Table) -> bytes:
    """As a file."""
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def line_protocol(sent: Sequence[Sent]) -> bytes:
    """The device as measurement, a line for each reading."""

    def escaped(text: str, marks: str) -> str:
        return "".join("\\" + letter if letter in marks else letter for letter in text)

    lines = []
    for key, time_us, value in sent:
        tags = "".join(f",{escaped(name, ',= ')}={escaped(text, ',= ')}" for name, text in key.labels)
        lines.append(
            f"{escaped(key.device, ', ')}{tags} {escaped(key.metric, ',= ')}={value!r} {time_us * 1_000 + 1}\n"
        )
    return "".join(lines).encode()


Encode = Callable[[Sequence[Sent]], bytes]
ENCODERS: dict[str, tuple[Form, Encode]] = {
    "rows": (Form.JSON, json_rows),
    "columns": (Form.JSON, json_columns),
    "ndjson": (Form.NDJSON, ndjson),
    "csv": (Form.CSV, csv_text),
    "arrow-stream": (Form.ARROW, lambda sent: arrow_stream(table_of(sent))),
    "arrow-file": (Form.ARROW, lambda sent: arrow_file(table_of(sent))),
    "line": (Form.LINE, line_protocol),
}
