"""PostgreSQL's binary COPY format, built from columns.

PostgreSQL documentation, COPY, "Binary Format": a header, per row the number of fields and each field's length and
big-endian bytes, a trailer.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_POSTGRES_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01, from which the server counts."""

_READING: Final = np.dtype(
    [
        ("fields", ">i2"),
        ("tenant_length", ">i4"),
        ("tenant", "V16"),
        ("series_length", ">i4"),
        ("series", ">i8"),
        ("ts_length", ">i4"),
        ("ts", ">i8"),
        ("value_length", ">i4"),
        ("value", ">f8"),
    ]
)
_STAGED: Final = np.dtype([*_READING.descr, ("n_length", ">i4"), ("n", ">i4")])


def reading_rows(
    tenant_id: UUID, series: NDArray[np.int64], times: NDArray[np.int64], values: NDArray[np.float64]
) -> bytes:
    """(tenant_id uuid, series_id int8, ts timestamptz, value float8)."""
    return _framed(_rows(_READING, tenant_id, series, times, values))


def staged_rows(
    tenant_id: UUID, series: NDArray[np.int64], times: NDArray[np.int64], values: NDArray[np.float64]
) -> bytes:
    """The same, and `n int4`: the place, from 0."""
    rows = _rows(_STAGED, tenant_id, series, times, values)
    rows["n_length"], rows["n"] = 4, np.arange(len(series))
    return _framed(rows)


def _rows(
    dtype: np.dtype[Any],
    tenant_id: UUID,
    series: NDArray[np.int64],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
) -> NDArray[Any]:
    rows = np.empty(len(series), dtype)
    rows["fields"] = 5 if dtype is _STAGED else 4
    rows["tenant_length"], rows["tenant"] = 16, np.void(tenant_id.bytes)
    rows["series_length"], rows["series"] = 8, series
    rows["ts_length"], rows["ts"] = 8, times - _POSTGRES_EPOCH_US
    rows["value_length"], rows["value"] = 8, values
    return rows


def _framed(rows: NDArray[Any]) -> bytes:
    return b"".join((_HEADER, rows.tobytes(), _TRAILER))
