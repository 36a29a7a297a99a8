"""Out of the bytes of a request: readings in columns, whatever form they were written in (W4)."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from application.ports.readings import Decoded
from domain.errors import DomainError


class Form(StrEnum):
    """How readings are written."""

    JSON = "json"
    """A list of objects, or one object, each a reading; or an object of columns."""
    NDJSON = "ndjson"
    """An object a line."""
    CSV = "csv"
    """With a header; columns other than device, metric, ts and value are labels."""
    ARROW = "arrow"
    """An Arrow IPC stream, or file; columns as in CSV."""
    LINE = "line"
    """InfluxDB's line protocol."""


class Precision(StrEnum):
    """The unit of a line's time."""

    NS = "ns"
    US = "us"
    MS = "ms"
    S = "s"


class MalformedBatch(DomainError):
    """The body can't be read: {problem}."""


class BatchTooLarge(DomainError):
    """The body has more than {readings_max} readings; send them in several requests."""


class ReadingDecoder(Protocol):
    """What can be told apart by row is judged by row; only what can't be cut into rows is refused as a whole."""

    def decode(
        self,
        body: bytes,
        form: Form,
        *,
        now_us: int,
        precision: Precision = Precision.NS,
        device: str | None = None,
        metric: str | None = None,
    ) -> Decoded:
        """The readings in their order, and each fault by its row.

        `now_us` is the time of lines without one, `precision` the unit of lines with one. `device` and `metric` are
        those of CSV and Arrow that have no such columns. Times are rounded down to microseconds. The values of the
        columns are not judged yet (NaN, infinity), nor their times: `ColumnOperations.screen` does that.
        Raises MalformedBatch, and BatchTooLarge above READINGS_MAX readings; nothing else, whatever the bytes.
        """
        ...

    def decode_sent(self, sent: str) -> Decoded:
        """What a reject kept of a reading, decoded again; a line keeps the time at which it first came.

        Raises MalformedBatch if `sent` was cut, or was never readable.
        """
        ...
