"""How readings are sent: one operation, every wire form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from application.ports.intakes import IntakeView
from application.ports.reading_decoder import BatchTooLarge, Form, MalformedBatch, Precision
from domain.access import Scope
from domain.telemetry.batch import BatchRefused, BatchResult, Mode, TooManyRejects
from domain.telemetry.intake import TooManyIntakes
from domain.telemetry.reading import (
    DEVICE_NAME_LENGTH_MAX,
    LABEL_LENGTH_MAX,
    LABELS_MAX,
    METRIC_LENGTH_MAX,
    READINGS_MAX,
    VALUE_MAX,
)
from entrypoints.http_messages import query
from entrypoints.http_messages.bulk_body import TooManyBodies
from entrypoints.http_messages.operation import Operation
from entrypoints.http_messages.request_headers import JSON
from entrypoints.limits import LOADED_AT_ONCE_BYTES_MAX

FORMS: Final = MappingProxyType(
    {
        JSON: Form.JSON,
        "application/x-ndjson": Form.NDJSON,
        "text/csv": Form.CSV,
        "application/vnd.apache.arrow.stream": Form.ARROW,
        "application/vnd.apache.arrow.file": Form.ARROW,
        "text/plain": Form.LINE,
    }
)
"""What a body is, by its media type."""

_EXAMPLE: Final = {
    "device": "pump-7",
    "metric": "temperature",
    "ts": "2026-01-01T00:00:00.123Z",
    "value": 21.5,
}
_NAME: Final = {"type": "string", "minLength": 1, "maxLength": DEVICE_NAME_LENGTH_MAX}
_METRIC: Final = {"type": "string", "minLength": 1, "maxLength": METRIC_LENGTH_MAX}
_TIME: Final = {
    "oneOf": [{"type": "string", "format": "date-time"}, {"type": "integer"}],
    "description": "RFC 3339 with its zone, or milliseconds since 1970.",
}
_VALUE: Final = {"type": ["number", "boolean"], "minimum": -VALUE_MAX, "maximum": VALUE_MAX}
_LABELS: Final = {
    "type": "object",
    "maxProperties": LABELS_MAX,
    "additionalProperties": {"type": "string", "minLength": 1, "maxLength": LABEL_LENGTH_MAX},
}


def _object(**properties: object) -> dict[str, object]:
    required = [name for name in properties if name != "labels"]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _one_or_many(schema: object) -> dict[str, object]:
    return {"oneOf": [schema, {"type": "array", "items": schema}]}


_READING: Final = _object(device=_NAME, metric=_METRIC, ts=_TIME, value=_VALUE, labels=_LABELS)
_COLUMNS: Final = _object(
    device=_one_or_many(_NAME),
    metric=_one_or_many(_METRIC),
    ts={"type": "array", "items": _TIME},
    value={"type": "array", "items": _VALUE},
    labels=_one_or_many(_LABELS),
)
_BYTES: Final = {"type": "string", "format": "binary"}
_LINES: Final = {"type": "string"}
_BODIES: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        JSON: {
            "schema": {
                "oneOf": [
                    {"type": "array", "items": _READING, "maxItems": READINGS_MAX},
                    _READING,
                    {**_COLUMNS, "description": "Columns of one length."},
                ]
            },
            "example": [_EXAMPLE],
        },
        "application/x-ndjson": {"schema": _LINES, "example": f"{json.dumps(_EXAMPLE)}\n"},
        "text/csv": {
            "schema": _LINES,
            "example": "device,metric,ts,value\npump-7,temperature,2026-01-01T00:00:00.123Z,21.5\n",
        },
        "application/vnd.apache.arrow.stream": {"schema": _BYTES},
        "application/vnd.apache.arrow.file": {"schema": _BYTES},
        "text/plain": {"schema": _LINES, "example": "pump-7 temperature=21.5 1767225600123000000\n"},
    }
)
_NOTE: Final = (
    "The Content-Type names the form: JSON (a list of readings, one reading, or an object of columns), NDJSON, CSV "
    "with a header, an Arrow IPC stream or file, or InfluxDB's line protocol as text/plain. A reading that is stored "
    "already is a duplicate, and the answer a success; one with another value at the same time is kept apart as a "
    "conflict. With `mode=strict` one bad reading refuses the batch; with `mode=partial` the good ones are stored and "
    "the bad ones kept to be read and replayed. With `Prefer: respond-async`, and above "
    f"{LOADED_AT_ONCE_BYTES_MAX:,} bytes without it, the batch is kept as it was sent and loaded later: the answer is "
    "202, and its Location tells what became of it."
)

MODE: Final = query.one_of("mode", "What becomes of a batch with bad readings; `strict` unless told.", Mode)
PRECISION: Final = query.one_of("precision", "Of the times in line protocol; `ns` unless told.", Precision)
DEVICE: Final = query.text(
    "device", "The device of all readings that name none.", length_max=DEVICE_NAME_LENGTH_MAX
)
METRIC: Final = query.text(
    "metric", "The metric of all readings that name none.", length_max=METRIC_LENGTH_MAX
)

INGEST_READINGS: Final = Operation(
    id="ingestReadings", method="POST", path="/v1/readings", summary="Take in a batch of readings",
    scope=Scope.READINGS_WRITE, result=BatchResult, later=IntakeView, takes_key=True, gives_tag=False,
    media_types=_BODIES,
    query=(MODE, DEVICE, METRIC, PRECISION),
    own_refusals=(MalformedBatch, BatchTooLarge, BatchRefused, TooManyRejects, TooManyBodies, TooManyIntakes),
    note=_NOTE,
)  # fmt: skip

INGEST_OPERATIONS: Final = (INGEST_READINGS,)
