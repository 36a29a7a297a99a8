"""How readings are sent: one operation, every wire form."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from application.ports.intakes import IntakeView
from application.ports.reading_decoder import BatchTooLarge, Form, MalformedBatch, Precision
from domain.access import Scope
from domain.telemetry.batch import BatchRefused, BatchResult, Mode, TooManyRejects
from domain.telemetry.intake import TooManyIntakes
from domain.telemetry.reading import DEVICE_NAME_LENGTH_MAX, METRIC_LENGTH_MAX
from entrypoints.http_messages import query
from entrypoints.http_messages.bulk_body import TooManyBodies
from entrypoints.http_messages.operation import Operation
from entrypoints.limits import LOADED_AT_ONCE_BYTES_MAX

FORMS: Final = MappingProxyType(
    {
        "application/json": Form.JSON,
        "application/x-ndjson": Form.NDJSON,
        "text/csv": Form.CSV,
        "application/vnd.apache.arrow.stream": Form.ARROW,
        "application/vnd.apache.arrow.file": Form.ARROW,
        "text/plain": Form.LINE,
    }
)
"""What a body is, by its media type."""

_READING: Final = (
    '{"device": "pump-7", "metric": "temperature", "ts": "2026-01-01T00:00:00.123Z", "value": 21.5}'
)
_EXAMPLES: Final = MappingProxyType(
    {
        "application/json": f"[{_READING}]",
        "application/x-ndjson": f"{_READING}\n",
        "text/csv": "device,metric,ts,value\npump-7,temperature,2026-01-01T00:00:00.123Z,21.5\n",
        "application/vnd.apache.arrow.stream": "",
        "application/vnd.apache.arrow.file": "",
        "text/plain": "pump-7 temperature=21.5 1767225600123000000\n",
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
    media_types=_EXAMPLES,
    query=(MODE, DEVICE, METRIC, PRECISION),
    own_refusals=(MalformedBatch, BatchTooLarge, BatchRefused, TooManyRejects, TooManyBodies, TooManyIntakes),
    note=_NOTE,
)  # fmt: skip

INGEST_OPERATIONS: Final = (INGEST_READINGS,)
