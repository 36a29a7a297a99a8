"""Times as they are written (RFC 3339), read by the column: microseconds since 1970, rounded down."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from domain.telemetry.reading import microseconds

Int64s = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

TIME_DETAIL: Final = (
    "the time can't be read; send text such as 2026-01-31T12:00:00Z, or milliseconds since 1970"
)
INT64_MAX: Final = 2**63 - 1
LENGTHS_MAX: Final = 40
"""Different lengths of texts that are read by the column; texts of still other lengths are read one by one."""

_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_SHORTEST: Final = len("2026-01-01T00:00:00Z")
_YEARS: Final = 10_000


def time_of_ms(milliseconds: int) -> int | None:
    """Microseconds, or None for a number of no known time."""
    time = milliseconds * 1_000
    return time if -INT64_MAX <= time <= INT64_MAX else None


def time_of_text(text: str) -> int | None:
    """One RFC 3339 text; None if it is none. Digits after the sixth are cut off."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    fraction = (match[7] or "")[:6].ljust(6, "0")
    try:
        at = datetime(*(int(part) for part in match.groups()[:6]), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return None
    time = microseconds(at) + int(fraction)
    if match[8] is None:
        return time
    hours, minutes = int(match[9]), int(match[10])
    if hours > 23 or minutes > 59:
        return None
    offset = (hours * 60 + minutes) * 60_000_000
    return time - offset if match[8] == "+" else time + offset


def times_of_texts(texts: Sequence[str]) -> tuple[Int64s, list[int]]:
    """RFC 3339 texts, and the places of those that can't be read (their time is 0).

    Texts of one length are read together: the time is made of whole columns of digits.
    """
    joined = "".join(texts)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    if not joined.isascii():
        return _one_by_one(texts, np.zeros(len(texts), np.int64), range(len(texts)))
    data = np.frombuffer(joined.encode(), np.uint8)
    first = lengths[0] if len(texts) else 0
    if (lengths == first).all():
        return _finished(texts, *times_of_matrix(data.reshape(len(texts), first)))
    starts = np.cumsum(lengths) - lengths
    times, good = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.bool_)
    for length in np.unique(lengths)[:LENGTHS_MAX].tolist():
        places = np.flatnonzero(lengths == length)
        matrix = data[starts[places, None] + np.arange(length)]
        times[places], good[places] = times_of_matrix(matrix)
    return _finished(texts, times, good)


def times_of_matrix(texts: Bytes) -> tuple[Int64s, npt.NDArray[np.bool_]]:
    """The times of texts of one length, a row each, and which of them could be read so.

    Only the plain form is read, of the shape of the first text: a capital T, Z or an offset, 0 to 9 digits
    of a second. What can't be read so may still be a time.
    """
    count, length = texts.shape
    unread = np.zeros(count, np.int64), np.zeros(count, np.bool_)
    if not count or length < _SHORTEST:
        return unread
    zoned = texts[0, -1] != ord("Z")
    tail = 6 if zoned else 1
    digits = length - tail - 20 if length - tail > 19 else 0
    shape = "9999-19-39T29:59:59" + ("." + "9" * digits if digits else "") + ("+29:59" if zoned else "Z")
    if len(shape) != length or digits > 9:
        return unread
    highest = np.frombuffer(shape.encode(), np.uint8)
    lowest = np.where((highest >= 48) & (highest <= 57), 48, highest).astype(np.uint8)
    if zoned:
        highest, lowest = highest.copy(), lowest.copy()
        highest[-6], lowest[-6] = ord("-"), ord("+")
    good = ((texts >= lowest) & (texts <= highest)).all(axis=1)
    columns = np.ascontiguousarray(texts.T)

    def pair(at: int) -> Bytes:
        # Modulo 256, which no pair of digits reaches; whatever else stands there was not good.
        number: Bytes = columns[at] * np.uint8(10)
        number += columns[at + 1]
        number -= np.uint8(11 * 48 % 256)
        return number

    month = (pair(0).astype(np.int32) * 100 + pair(2)) * 12 + pair(5) - 1
    starts, lengths = _months()
    day, hour = pair(8), pair(11)
    good &= (month >= 12) & (month < len(starts)) & (hour < 24) & (day > 0)
    month = np.where(good, month, 0)
    good &= day <= lengths[month]
    good &= (pair(5) > 0) & (pair(5) < 13)
    minutes = (starts[month] + day) * 1_440 + hour.astype(np.int64) * 60 + pair(14)
    if zoned:
        sign = columns[-6]
        good &= (sign != ord(",")) & (pair(length - 5) < 24)
        offset = pair(length - 5).astype(np.int64) * 60 + pair(length - 2)
        minutes += np.where(sign == ord("-"), offset, -offset)
    times = (minutes * 60 + pair(17)) * 1_000_000
    weight = 100_000
    for at in range(20, 20 + min(digits, 6)):
        times += (columns[at] - np.uint8(48)).astype(np.int64) * weight
        weight //= 10
    return times, good


@functools.cache
def _months() -> tuple[Int64s, npt.NDArray[np.uint8]]:
    """Of each month from January of the year 0: the day before its first, counted from 1970, and its length."""
    firsts = np.arange("0000-01", "10000-01", dtype="M8[M]").astype("M8[D]").astype(np.int64)
    end = np.datetime64("10000-01-01", "D").astype(np.int64)
    return firsts - 1, np.diff(firsts, append=end).astype(np.uint8)


def _finished(texts: Sequence[str], times: Int64s, good: Any) -> tuple[Int64s, list[int]]:
    if good.all():
        return times, []
    return _one_by_one(texts, times, np.flatnonzero(~good).tolist())


def _one_by_one(texts: Sequence[str], times: Int64s, places: Sequence[int]) -> tuple[Int64s, list[int]]:
    faulty = []
    for place in places:
        time = time_of_text(texts[place])
        if time is None:
            faulty.append(place)
            times[place] = 0
        else:
            times[place] = time
    return times, faulty
