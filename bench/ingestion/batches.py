"""The batches of a gateway in every form: 250 sensors, each read once a second, 40 seconds a batch.

The value of a sensor at a time is always the same, so that what is sent twice is a duplicate, and what must be stored
can be told from the times alone.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np
import pyarrow as pa

from adapters.django_orm.copy_format import reading_rows

SENSORS: Final = 250
TICKS: Final = 40
"""Seconds of a batch."""
ROWS: Final = SENSORS * TICKS
METRIC: Final = "temperature"
REPEATED_TICKS: Final = 4
"""Of each batch, where there are repeats: a tenth of it was in the batch before."""
SENT_TWICE_EVERY: Final = 5
"""Where there are repeats, each fifth batch comes twice, as from a client that has not heard the answer."""

MEDIA_TYPES: Final = {
    "rows": "application/json",
    "columns": "application/json",
    "lines": "text/plain",
    "arrow": "application/vnd.apache.arrow.stream",
    "numbered": "application/json",
}
"""By form; those of COPY go to no HTTP server. `numbered` is `rows` with a number instead of names."""

_CENTS_MIN, _CENTS = 1_000, 9_000
_TEXTS: Final = [f"{cents // 100}.{cents % 100:02}" for cents in range(_CENTS_MIN, _CENTS_MIN + _CENTS)]


@dataclass(frozen=True, slots=True)
class Gateway:
    """Who sends: its sensors are its own; `first_us` is the time of its first reading, `number` counts from 0."""

    name: str
    number: int
    first_us: int
    repeats: bool

    def ticks(self, batch: int) -> range:
        """The seconds that a batch is about, from 0."""
        step = TICKS - REPEATED_TICKS if self.repeats else TICKS
        return range(batch * step, batch * step + TICKS)

    def times_sent(self, batch: int) -> int:
        """How often the batch is sent."""
        return 2 if self.repeats and batch % SENT_TWICE_EVERY == SENT_TWICE_EVERY - 1 else 1

    def stored(self, batches: int) -> tuple[int, int]:
        """After so many batches: how many readings must be there, and the sum of their hundredths."""
        ticks = range(self.ticks(batches - 1).stop if batches else 0)
        return len(ticks) * SENSORS, int(_cents(ticks).sum())

    def body(self, form: str, batch: int) -> bytes:
        """One batch; rows come by time, as they are read."""
        return _FORMS[form](self, self.ticks(batch))


def _cents(ticks: range) -> Any:
    """Of each tick and sensor."""
    tick, sensor = np.arange(ticks.start, ticks.stop)[:, None], np.arange(SENSORS)
    return (tick * 7_919 + sensor * 104_729) % _CENTS + _CENTS_MIN


def _texts(gateway: Gateway, ticks: range) -> tuple[list[str], list[str], list[list[str]]]:
    """The names of the sensors, each tick's time, and the values of each tick."""
    names = [f"{gateway.name}-{sensor:03}" for sensor in range(SENSORS)]
    first = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=gateway.first_us)
    times = [
        (first + timedelta(seconds=tick)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for tick in ticks
    ]
    values = [[_TEXTS[cents - _CENTS_MIN] for cents in row] for row in _cents(ticks).tolist()]
    return names, times, values


def _rows(gateway: Gateway, ticks: range) -> bytes:
    names, times, values = _texts(gateway, ticks)
    heads = [f'{{"device":"{name}","metric":"{METRIC}","ts":"' for name in names]
    return _list_of(heads, times, values)


def _numbered(gateway: Gateway, ticks: range) -> bytes:
    _, times, values = _texts(gateway, ticks)
    heads = [f'{{"sensor":{_series_ids(gateway)[sensor]},"ts":"' for sensor in range(SENSORS)]
    return _list_of(heads, times, values)


def _list_of(heads: list[str], times: list[str], values: list[list[str]]) -> bytes:
    rows = (
        f'{head}{time}","value":{value}}}'
        for time, of_tick in zip(times, values, strict=True)
        for head, value in zip(heads, of_tick, strict=True)
    )
    return f"[{','.join(rows)}]".encode()


def _columns(gateway: Gateway, ticks: range) -> bytes:
    names, times, _ = _texts(gateway, ticks)
    columns = {
        "device": names * TICKS,
        "metric": METRIC,
        "ts": [time for time in times for _ in names],
        "value": (_cents(ticks) / 100).ravel().tolist(),
    }
    return json.dumps(columns, separators=(",", ":")).encode()


def _lines(gateway: Gateway, ticks: range) -> bytes:
    names, _, values = _texts(gateway, ticks)
    lines = (
        f"{name} {METRIC}={value} {gateway.first_us + tick * 1_000_000}000\n"
        for tick, of_tick in zip(ticks, values, strict=True)
        for name, value in zip(names, of_tick, strict=True)
    )
    return "".join(lines).encode()


def _arrow(gateway: Gateway, ticks: range) -> bytes:
    names, _, _ = _texts(gateway, ticks)
    devices = pa.DictionaryArray.from_arrays(np.tile(np.arange(SENSORS, dtype=np.int32), TICKS), names)
    table = pa.table(
        {
            "device": devices,
            "metric": pa.DictionaryArray.from_arrays(np.zeros(ROWS, np.int32), [METRIC]),
            "ts": pa.array(_times(gateway, ticks), pa.timestamp("us", "UTC")),
            "value": (_cents(ticks) / 100).ravel(),
        }
    )
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _copied(gateway: Gateway, ticks: range) -> bytes:
    """Binary COPY of (tenant_id, series_id, ts, value)."""
    series = np.tile(_series_ids(gateway), TICKS)
    return reading_rows(UUID(int=0), series, _times(gateway, ticks), (_cents(ticks) / 100).ravel())


def _copied_sorted(gateway: Gateway, ticks: range) -> bytes:
    """The same in the order of the key, which is kinder to its index."""
    series = np.repeat(_series_ids(gateway), TICKS)
    times = np.tile(_times(gateway, ticks)[::SENSORS], SENSORS)
    return reading_rows(UUID(int=0), series, times, (_cents(ticks) / 100).T.ravel())


def _series_ids(gateway: Gateway) -> Any:
    return np.arange(SENSORS, dtype=np.int64) + gateway.number * SENSORS


def _times(gateway: Gateway, ticks: range) -> Any:
    return np.repeat(np.arange(ticks.start, ticks.stop) * 1_000_000 + gateway.first_us, SENSORS)


_FORMS: Final = {
    "rows": _rows,
    "numbered": _numbered,
    "columns": _columns,
    "lines": _lines,
    "arrow": _arrow,
    "copied": _copied,
    "copied sorted": _copied_sorted,
}
