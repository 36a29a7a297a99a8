"""Times whose digits all stand at the same places, read by the column: one array operation for each field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_ISO: Final = re.compile(
    r"(?P<Y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)"
    r"(?:[Tt ](?P<H>\d\d):(?P<M>\d\d)(?::(?P<S>\d\d)(?:[.,](?P<f>\d+))?)?"
    r" ?(?P<zone>[Zz]|(?P<sign>[+-])(?P<oh>\d\d):?(?P<om>\d\d))?)?",
    re.ASCII,
)
_DIRECTIVES: Final = {"%Y": 4, "%m": 2, "%d": 2, "%H": 2, "%M": 2, "%S": 2}
_DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the fields of a time stand: Y, m, d, H, M, S, f, and sign, oh, om of an offset."""

    length: int
    fields: Mapping[str, tuple[int, int]]
    """First place, and the one after the last."""
    literals: tuple[tuple[int, int], ...]
    """Place and byte of everything that is no field."""
    is_zoned: bool


def iso_layout(text: str) -> Layout | None:
    """Of all times that are written like this one; None if it is no ISO 8601 time of calendar date and clock."""
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    fields = {name: match.span(name) for name in "Y m d H M S f sign oh om".split() if match[name]}
    return _layout(text, fields, is_zoned=match["zone"] is not None)


def pattern_layout(pattern: str) -> Layout | None:
    """Of a pattern of strptime that has only %Y %m %d %H %M %S and plain characters; None for any other."""
    text, fields, place = "", {}, 0
    while place < len(pattern):
        directive = pattern[place : place + 2]
        if directive in _DIRECTIVES and directive[1] not in fields:
            fields[directive[1]] = (len(text), len(text) + _DIRECTIVES[directive])
            text += "0" * _DIRECTIVES[directive]
            place += 2
        elif pattern[place] == "%" or pattern[place].isspace() or not pattern[place].isascii():
            if pattern[place] != " ":
                return None
            text, place = text + " ", place + 1
        else:
            text, place = text + pattern[place], place + 1
    return _layout(text, fields, is_zoned=False) if {"Y", "m", "d"} <= fields.keys() else None


def read_matrix(layout: Layout, texts: npt.NDArray[np.uint8]) -> tuple[Int64s, Bools]:
    """Microseconds since 1970, as the clock shows or, where the layout has an offset, of UTC; and which are good.

    `texts` has a row of bytes for each time. What isn't good may still be a time that is written in another way.
    """
    columns = np.ascontiguousarray(texts.T)
    good = np.ones(len(texts), np.bool_)
    for place, byte in layout.literals:
        good &= columns[place] == byte
    parts: dict[str, Int64s] = {}
    for name, (first, end) in layout.fields.items():
        if name == "sign":
            continue
        number = np.zeros(len(texts), np.int64)
        for column in columns[first : min(end, first + 6)]:
            digit = column - np.uint8(48)  # what is no digit wraps around to more than 9
            good &= digit <= 9
            number = number * 10 + digit
        for column in columns[first + 6 : end]:
            good &= column - np.uint8(48) <= 9
        parts[name] = number
    times, is_time = _times(parts, layout)
    good &= is_time
    if "sign" in layout.fields:
        sign = columns[layout.fields["sign"][0]]
        good &= ((sign == ord("+")) | (sign == ord("-"))) & (parts["oh"] < 24) & (parts["om"] < 60)
        offset = (parts["oh"] * 60 + parts["om"]) * 60_000_000
        times = np.where(sign == ord("-"), times + offset, times - offset)
    return times, good


def iso_match(text: str) -> re.Match[str] | None:
    """The fields of one ISO 8601 time, by the names of a layout's."""
    return _ISO.fullmatch(text)


def _layout(text: str, fields: Mapping[str, tuple[int, int]], *, is_zoned: bool) -> Layout:
    taken = {place for first, end in fields.values() for place in range(first, end)}
    literals = tuple((place, ord(text[place])) for place in range(len(text)) if place not in taken)
    return Layout(len(text), fields, literals, is_zoned)


def _times(parts: Mapping[str, Int64s], layout: Layout) -> tuple[Int64s, Any]:
    year, month, day = parts["Y"], parts["m"], parts["d"]
    zero = np.zeros_like(year)
    hour, minute, second = (parts.get(name, zero) for name in "HMS")
    good = (year > 0) & (month > 0) & (month < 13) & (day > 0) & (hour < 24) & (minute < 60) & (second < 60)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype("M8[M]")
    good &= months.astype("M8[D]") + day.astype("m8[D]") <= (months + 1).astype("M8[D]")
    days = months.astype("M8[D]").astype(np.int64) + day - 1
    times = days * _DAY_US + ((hour * 60 + minute) * 60 + second) * 1_000_000
    if "f" in parts:
        first, end = layout.fields["f"]
        times += parts["f"] * 10 ** (6 - min(end - first, 6))
    return times, good
