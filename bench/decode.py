"""How fast bodies of readings become columns: batches of 10,000 of a thousand series, form by form.

Times are of this process's CPU, the best and the median of all rounds, so that a busy machine tells the same. The
body is there already; screening comes with it. `python bench/decode.py` from the root, with `src` on PYTHONPATH.
"""

from __future__ import annotations

import csv
import io
import json
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final

import pyarrow as pa

from adapters.reading_formats.decoder import BodyDecoder
from adapters.reading_formats.operations import NumpyColumnOperations
from application.ports.reading_decoder import Form
from domain.telemetry.reading import ReadingRules

READINGS: Final = 10_000
DEVICES: Final = 1_000
ROUNDS: Final = 40
FIRST: Final = datetime(2026, 1, 1, tzinfo=UTC)
NAMES: Final = ("device", "metric", "ts", "value")


def main() -> None:
    """Print a line for each form, interleaved over the rounds."""
    decoder, operations = BodyDecoder(), NumpyColumnOperations()
    rules = ReadingRules.at(FIRST + timedelta(days=30))

    def decode(body: bytes, form: Form) -> None:
        screened = operations.screen(decoder.decode(body, form, now_us=0).columns, rules)
        if len(screened.columns) != READINGS:
            raise SystemExit(f"{form}: {screened.rejects[0]}")

    bodies = dict(_bodies())
    times: dict[str, list[float]] = {name: [] for name in bodies}
    for _ in range(ROUNDS):
        for name, (form, body) in bodies.items():
            times[name].append(_cpu_time(lambda body=body, form=form: decode(body, form)))  # type: ignore[misc]
    for name, seconds in times.items():
        size = len(bodies[name][1]) / READINGS
        best, middle = (READINGS / each / 1e6 for each in (min(seconds), median(seconds)))
        print(f"{name:28} {size:5.1f} B a reading   {best:6.2f} M/s best   {middle:6.2f} M/s median")


def _cpu_time(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _bodies() -> Iterator[tuple[str, tuple[Form, bytes]]]:
    chance = random.Random(7)
    rows: list[dict[str, Any]] = [
        {
            "device": f"pump-{n % DEVICES}",
            "metric": "temperature",
            "ts": (FIRST + timedelta(seconds=n // DEVICES * 10, milliseconds=n % DEVICES)).isoformat(
                timespec="milliseconds"
            )[:-6]
            + "Z",
            "value": round(chance.gauss(20, 5), 2),
        }
        for n in range(READINGS)
    ]
    milliseconds = [int(datetime.fromisoformat(row["ts"]).timestamp() * 1_000) for row in rows]
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in NAMES} | {"ts": milliseconds}
    compact = json.JSONEncoder(separators=(",", ":")).encode
    yield "JSON rows, RFC 3339", (Form.JSON, compact(rows).encode())
    of_numbers = [row | {"ts": ts} for row, ts in zip(rows, milliseconds, strict=True)]
    yield "JSON rows, milliseconds", (Form.JSON, compact(of_numbers).encode())
    yield (
        "JSON columns, milliseconds",
        (Form.JSON, compact(columns | {"metric": "temperature"}).encode()),
    )
    yield "NDJSON, RFC 3339", (Form.NDJSON, "".join(json.dumps(row) + "\n" for row in rows).encode())
    text = io.StringIO()
    writer = csv.DictWriter(text, NAMES)
    writer.writeheader()
    writer.writerows(rows)
    yield "CSV, RFC 3339", (Form.CSV, text.getvalue().encode())
    table = pa.table(
        columns | {"ts": pa.array([ms * 1_000 for ms in milliseconds], pa.timestamp("us", "UTC"))}
    )
    yield "Arrow, text", (Form.ARROW, _arrow(table))
    for place, name in enumerate(("device", "metric")):
        table = table.set_column(place, name, table[name].dictionary_encode())
    yield "Arrow, dictionaries", (Form.ARROW, _arrow(table))
    lines = [
        f"{row['device']} temperature={row['value']} {ms}000000\n"
        for row, ms in zip(rows, milliseconds, strict=True)
    ]
    yield "line protocol", (Form.LINE, "".join(lines).encode())
    four = [
        f"cpu,host=h{n % DEVICES} user={row['value']},system={n}i,idle=99.5,busy=t {ms}000000\n"
        for n, (row, ms) in enumerate(zip(rows, milliseconds, strict=True))
    ]
    yield "line protocol, 4 fields", (Form.LINE, "".join(four[: READINGS // 4]).encode())
    escaped = [line.replace("temperature", "temper\\ ature") for line in lines]
    yield "line protocol, escapes", (Form.LINE, "".join(escaped).encode())


def _arrow(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


if __name__ == "__main__":
    main()
