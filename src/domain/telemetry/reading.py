"""A sensor reading: the series it belongs to, its time and value, and why it may be refused.

These rules say what holds for one reading; the adapters that check a million at once are held to them by a property
test. Times are integers, in microseconds since 1970-01-01T00:00:00Z.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from domain.errors import InvalidInput
from domain.text import require_text

DEVICE_NAME_LENGTH_MAX: Final = 200
METRIC_LENGTH_MAX: Final = 200
LABELS_MAX: Final = 32
LABEL_LENGTH_MAX: Final = 200
"""Of a label's name, and of its value."""
LABELS_LENGTH_MAX: Final = 1_500
"""Of all names and values of one series together, in bytes of UTF-8."""

SERIES_PER_TENANT_MAX: Final = 1_000_000
"""Of live and of deleted devices together: readings that are kept need their series."""
SERIES_NEW_PER_BATCH_MAX: Final = 10_000

VALUE_MAX: Final = 1e100
"""The largest absolute value of a reading (W7)."""
INTEGER_MAX: Final = 2**53
"""The largest absolute integer that a double holds exactly (W7)."""

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
FUTURE_MAX: Final = timedelta(days=1)
"""How far a device's clock may be ahead."""

READINGS_MAX: Final = 200_000
"""Readings of one batch."""

_EPOCH: Final = EARLIEST
_MICROSECOND: Final = timedelta(microseconds=1)


class RejectReason(StrEnum):
    """Why a reading was not stored, by name (W7)."""

    MALFORMED = "malformed"
    """Not a reading: a field is missing, unknown or not of its type."""
    NOT_A_NUMBER = "not-a-number"
    """The value is text, NaN or null."""
    INFINITE = "infinite"
    TOO_LARGE = "too-large"
    """Above VALUE_MAX, or an integer above INTEGER_MAX."""
    INVALID_TIME = "invalid-time"
    """The time can't be read."""
    TOO_EARLY = "too-early"
    """Before EARLIEST."""
    IN_THE_FUTURE = "in-the-future"
    """More than FUTURE_MAX ahead of the service's clock."""
    BEYOND_RETENTION = "beyond-retention"
    """Older than readings are kept for."""
    INVALID_NAME = "invalid-name"
    """Device, metric or labels break their rules."""
    UNKNOWN_DEVICE = "unknown-device"
    """Nobody has registered it, and devices don't register themselves."""
    DEVICE_DELETED = "device-deleted"
    TOO_MANY_SERIES = "too-many-series"
    """The tenant has as many devices or series as it may have, or the batch brings too many new ones."""
    NO_PARTITION = "no-partition"
    """The batch reaches into too many months that nothing is stored for yet."""
    CONFLICT = "conflict"
    """Its series has another value at this time; the first one stays (W8)."""


class SeriesKey(NamedTuple):
    """What a series is known by: one device, one metric, and labels sorted by name."""

    device: str
    metric: str
    labels: tuple[tuple[str, str], ...] = ()

    @staticmethod
    def of(device: str, metric: str, labels: Iterable[tuple[str, str]] = ()) -> SeriesKey:
        """The key, checked. Raises InvalidInput that names the field."""
        key = SeriesKey(device, metric, tuple(sorted(labels)))
        key.require_valid()
        return key

    def require_valid(self) -> None:
        """Raise InvalidInput that names the field."""
        require_text("device", self.device, length_max=DEVICE_NAME_LENGTH_MAX)
        require_text("metric", self.metric, length_max=METRIC_LENGTH_MAX)
        if len(self.labels) > LABELS_MAX:
            raise InvalidInput(field="labels", problem=f"must be at most {LABELS_MAX}")
        for name, value in self.labels:
            require_text("labels", name, length_max=LABEL_LENGTH_MAX)
            require_text("labels", value, length_max=LABEL_LENGTH_MAX)
        if len({name for name, _ in self.labels}) < len(self.labels):
            raise InvalidInput(field="labels", problem="must each have another name")
        if sum(len(name.encode()) + len(value.encode()) for name, value in self.labels) > LABELS_LENGTH_MAX:
            raise InvalidInput(
                field="labels", problem=f"must have at most {LABELS_LENGTH_MAX} bytes together"
            )


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """What a reading's time may be at present; both bounds are acceptable themselves."""

    horizon_us: int
    """Nothing older is accepted: where retention begins, or EARLIEST."""
    latest_us: int

    @staticmethod
    def at(now: datetime, *, horizon: datetime | None = None) -> ReadingRules:
        """The rules of that moment; `horizon` is where retention begins, None keeps readings for good."""
        return ReadingRules(microseconds(max(horizon or EARLIEST, EARLIEST)), microseconds(now + FUTURE_MAX))

    def fault_of(self, time_us: int, value: float) -> RejectReason | None:
        """Why that reading is refused; its value's faults come before its time's."""
        if math.isnan(value):
            return RejectReason.NOT_A_NUMBER
        if math.isinf(value):
            return RejectReason.INFINITE
        if abs(value) > VALUE_MAX:
            return RejectReason.TOO_LARGE
        if time_us < 0:
            return RejectReason.TOO_EARLY
        if time_us > self.latest_us:
            return RejectReason.IN_THE_FUTURE
        if time_us < self.horizon_us:
            return RejectReason.BEYOND_RETENTION
        return None


def microseconds(at: datetime) -> int:
    """Since 1970, of an aware time."""
    return (at - _EPOCH) // _MICROSECOND


def moment(time_us: int) -> datetime:
    """The time of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=time_us)
