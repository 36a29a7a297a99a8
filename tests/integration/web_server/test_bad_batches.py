"""What clients send by mistake or in malice, to the real server: it is refused clearly, and the process lives."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest
import urllib3

from domain.telemetry.reading import READINGS_MAX
from entrypoints.limits import BULK_BODY_BYTES_MAX, LOADED_AT_ONCE_BYTES_MAX, MIB
from integration.web_server.web_process import WebProcess

MEMORY_MAX: Final = 32 * BULK_BODY_BYTES_MAX
"""Of one worker, over all of these bodies: a process that has served nothing, and some copies of the largest body."""
READING: Final = {"device": "pump-7", "metric": "temperature", "ts": "2026-11-01T00:00:00Z", "value": 21.5}
LABELS_MANY: Final = 10_000_000
LABELS_THAT_FIT: Final = 200_000

pytestmark = [pytest.mark.timeout(300), pytest.mark.promise("W3", "W6", "W7")]


def peak_of(web: WebProcess) -> int:
    """The most memory that one of the workers has had, in bytes."""
    lines = (line for pid in web.workers() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return max(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


@pytest.fixture(scope="module", autouse=True)
def memory(web: WebProcess) -> Iterator[None]:
    """All of these bodies leave the same processes behind, with so much memory at most."""
    before = web.workers()
    yield
    peak = peak_of(web)
    print(f"\npeak memory of a web worker over the bad batches: {peak / MIB:.0f} MiB")
    assert web.workers() == before
    assert peak < MEMORY_MAX


class Sender:
    """Sends a body in partial mode; what is stored of it is told by the answer."""

    def __init__(self, web: WebProcess, token: str) -> None:
        self._web, self._token = web, token

    def __call__(
        self, body: bytes, media_type: str = "application/json", mode: str = "partial", **headers: str
    ) -> urllib3.BaseHTTPResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._web.request(
            "POST",
            f"/v1/readings?mode={mode}",
            body=body,
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": media_type, **named},
        )


@pytest.fixture
def post(web: WebProcess, token: str) -> Sender:
    return Sender(web, token)


def rows_with(**changes: Any) -> bytes:
    """Two good readings around one that has these fields instead."""
    rows = [READING, {**READING, **changes}, {**READING, "ts": "2026-11-01T00:00:01Z"}]
    return json.dumps(rows).encode()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"value": "21.5"}, "not-a-number"),
        ({"value": None}, "not-a-number"),
        ({"value": 1e101}, "too-large"),
        ({"value": 2**53 + 2}, "too-large"),
        ({"ts": "9999-12-31T23:59:59Z"}, "in-the-future"),
        ({"ts": 10**15}, "in-the-future"),
        ({"ts": "yesterday"}, "invalid-time"),
        ({"ts": "1969-12-31T23:59:59Z"}, "too-early"),
        ({"device": ""}, "invalid-name"),
        ({"device": "x" * 201}, "invalid-name"),
        ({"unit": "K"}, "malformed"),
        ({"labels": {f"l{n}": "v" for n in range(33)}}, "invalid-name"),
    ],
)
def test_a_bad_reading_is_named_by_its_row_and_the_others_are_stored(
    post: Sender, changes: dict[str, Any], reason: str
) -> None:
    strict = post(rows_with(**changes), mode="strict")
    assert strict.status == 422
    assert [error["field"] for error in strict.json()["errors"]] == ["[1]"]
    assert strict.json()["errors"][0]["problem"].startswith(reason)
    partial = post(rows_with(**changes))
    assert partial.status == 200
    result = partial.json()
    assert (result["accepted"], result["rejected"]) == (2, 1)
    assert (result["faults"][0]["row"], result["faults"][0]["reason"]) == (1, reason)


@pytest.mark.parametrize(
    ("body", "media_type", "row", "reason"),
    [
        (b"device,metric,ts,value\np,t,2026-11-01T00:00:00Z,nan\n", "text/csv", 0, "not-a-number"),
        (b"device,metric,ts,value\np,t,2026-11-01T00:00:00Z,inf\n", "text/csv", 0, "infinite"),
        (b"p t=1 1761955200000000000\np t=\n", "text/plain", 1, "malformed"),
        (b"p t=1 1761955200000000000\np t=1 x\n", "text/plain", 1, "invalid-time"),
        (b'{"device": "p"', "application/x-ndjson", 0, "malformed"),
    ],
)
def test_rows_of_other_forms_are_named_too(
    post: Sender, body: bytes, media_type: str, row: int, reason: str
) -> None:
    answer = post(body, media_type)
    assert answer.status == 200, answer.data
    (fault,) = answer.json()["faults"]
    assert (fault["row"], fault["reason"]) == (row, reason)


def in_arrow(new_writer: Callable[..., Any]) -> bytes:
    """Ten thousand readings."""
    count = 10_000
    table = pa.table(
        {
            "device": pa.array(["pump-7"] * count),
            "metric": pa.array(["temperature"] * count),
            "ts": pa.array(range(1_761_955_200_000, 1_761_955_200_000 + count), pa.timestamp("ms", "UTC")),
            "value": pa.array([float(n) for n in range(count)]),
        }
    )
    sink = io.BytesIO()
    with new_writer(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


ARROW: Final = in_arrow(pa.ipc.new_stream)
ARROW_FILE: Final = in_arrow(pa.ipc.new_file)


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b'{"device": "p", "metric": "t", "ts": [1, 2], "value": [1]}', "application/json", 400),
        (b'[{"device": "p"', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (ARROW[: len(ARROW) // 2], "application/vnd.apache.arrow.stream", 400),
        (ARROW[:100], "application/vnd.apache.arrow.stream", 400),
        (ARROW_FILE[: len(ARROW_FILE) // 2], "application/vnd.apache.arrow.file", 400),
        (b"a,b,c\n1,2,3\n", "text/csv", 400),
        (b"", "application/json", 400),
        (b"[" + b",".join([b"0"] * (READINGS_MAX + 1)) + b"]", "application/json", 413),
        (b"x" * (BULK_BODY_BYTES_MAX + 1), "text/plain", 413),
        (b"<readings/>", "application/xml", 415),
    ],
    ids=lambda value: str(value)[:24] if isinstance(value, bytes) else str(value),
)
def test_what_cannot_be_cut_into_rows_is_refused_as_a_whole(
    post: Sender, body: bytes, media_type: str, status: int
) -> None:
    answer = post(body, media_type)
    assert answer.status == status, answer.data[:300]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_a_decompression_bomb_of_a_gigabyte_stops_at_the_limit(post: Sender) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    block = bytes(MIB)
    bomb = b"".join([*(packer.compress(block) for _ in range(1024)), packer.flush()])
    answer = post(bomb, Content_Encoding="gzip")
    assert (answer.status, answer.json()["code"]) == (413, "body-too-large")


def test_ten_million_labels_are_too_large_and_many_are_no_name(post: Sender) -> None:
    def labelled(count: int) -> bytes:
        labels = ",".join(f'"l{number}":"v"' for number in range(count))
        return f'[{json.dumps(READING)[:-1]},"labels":{{{labels}}}}}]'.encode()

    assert post(labelled(LABELS_MANY)).status == 413
    body = labelled(LABELS_THAT_FIT)
    assert len(body) < LOADED_AT_ONCE_BYTES_MAX
    answer = post(body)
    assert answer.status == 200
    assert [fault["reason"] for fault in answer.json()["faults"]] == ["invalid-name"]


def test_many_bad_readings_at_once_are_counted_and_the_first_hundred_named(post: Sender) -> None:
    count = 100_000
    body = ("device,metric,ts,value\n" + "p,t,2026-11-01T00:00:00Z,warm\n" * count).encode()
    answer = post(body, "text/csv", mode="strict")
    assert answer.status == 422
    assert len(answer.json()["errors"]) == 100
    assert str(count) in answer.json()["detail"]
