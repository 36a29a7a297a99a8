"""What is wrong with a row of a file, found before it is sent or told by the service."""

from __future__ import annotations

from typing import Final, NamedTuple

from domain.telemetry.reading import RejectReason

NONEXISTENT_TIME: Final = "nonexistent-time"
"""The clock of that zone never showed this time: it was put forward over it."""


class Fault(NamedTuple):
    """Why a reading was refused. `line` counts from 1: the file's line, or the row of a table without lines."""

    line: int
    reason: str
    detail: str


class Problem(NamedTuple):
    """Why, without where."""

    reason: str
    detail: str


def malformed(detail: str) -> Problem:
    """The row is no reading."""
    return Problem(RejectReason.MALFORMED.value, detail)


def shown(text: object) -> str:
    """A text of the file, short enough to be quoted."""
    quoted = repr(text)
    return quoted if len(quoted) <= 60 else f"{quoted[:57]}…"
