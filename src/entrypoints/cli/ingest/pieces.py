"""A file in pieces: each has so many rows, the line of each row, and the place where the file goes on after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.ingest.faults import Fault

Int64s = npt.NDArray[np.int64]

READ_BYTES: Final = 1 << 20
PIECE_BYTES_MAX: Final = 4 << 20
"""A piece of text may have that much: the service loads it while the request waits."""
_NEWLINE, _QUOTE, _RETURN = ord("\n"), ord('"'), ord("\r")


class Place(NamedTuple):
    """Where a file is gone on with: `at` counts bytes of a text or rows of a table, `line` is the next line or row."""

    at: int
    line: int


@dataclass(slots=True)
class Piece:
    """A stretch of a file. `lines`: of each of its rows; `columns` and `labels`: of a table, by name."""

    after: Place
    lines: Int64s
    columns: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, Any] = field(default_factory=dict)
    """Labels that the rows bring under their own names."""
    text: bytes = b""
    """Line protocol, as it stands in the file."""
    faults: list[Fault] = field(default_factory=list)
    """Rows that could not be read; they are not among `lines`."""


class Source(Protocol):
    """A file that is open."""

    names: Sequence[str] | None
    """Its columns; None where it has none."""
    begin: Place
    total: int | None
    """What `Place.at` is at the end; None if that isn't known."""
    unit: str
    """`line` or `row`: what faults count."""

    def pieces(self, start: Place, columns: Sequence[str]) -> Iterator[Piece]:
        """From there on. The same file, cut from any piece's `after` on, gives the same further pieces."""
        ...


class Stretch(NamedTuple):
    """Whole records of a text; blank ones are in `body`, and nowhere else."""

    body: bytes
    starts: Int64s
    """Of each record, in `body`."""
    lines: Int64s
    """Of each record, where it begins."""
    after: Place

    def records(self) -> Iterator[tuple[bytes, int]]:
        """Each, with its newline and the blank ones behind it, and its line."""
        places = [*self.starts.tolist(), len(self.body)]
        for number, line in enumerate(self.lines.tolist()):
            yield self.body[places[number] : places[number + 1]], line


def stretches(file: IO[bytes], start: Place, rows: int, *, quoted: bool) -> Iterator[Stretch]:
    """The text from there on, cut behind each `rows` records, or earlier where they are long.

    With `quoted` a newline inside double quotes ends no record (RFC 4180). Raises CommandFailed for a record
    that has no end.
    """
    file.seek(start.at)
    text, at_end = b"", False
    while True:
        ends = _ends(text, quoted=quoted)
        while len(ends) < rows and len(text) < PIECE_BYTES_MAX and not at_end:
            more = file.read(READ_BYTES)
            at_end = not more
            text += more
            ends = _ends(text, quoted=quoted)
        if not text:
            return
        if len(ends) < rows and at_end and (not len(ends) or ends[-1] < len(text)):
            ends = np.append(ends, len(text))
        if not len(ends):
            raise CommandFailed(
                f"line {start.line}: a quote is never closed, or the line has more than {PIECE_BYTES_MAX >> 20} MiB"
            )
        ends = ends[: min(rows, max(int(np.searchsorted(ends, PIECE_BYTES_MAX, "right")), 1))]
        stretch = _stretch(text[: ends[-1]], ends, start)
        text, start = text[ends[-1] :], stretch.after
        yield stretch


def _ends(text: bytes, *, quoted: bool) -> Int64s:
    """Where each record ends, behind its newline."""
    data = np.frombuffer(text, np.uint8)
    newlines = np.flatnonzero(data == _NEWLINE)
    if quoted and b'"' in text:
        quotes = np.flatnonzero(data == _QUOTE)
        newlines = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
    return newlines + 1


def _stretch(body: bytes, ends: Int64s, start: Place) -> Stretch:
    data = np.frombuffer(body, np.uint8)
    newlines = np.flatnonzero(data == _NEWLINE)
    starts = np.concatenate(([0], ends[:-1]))
    lines = start.line + np.searchsorted(newlines, starts)
    first = data[starts]
    second = data[np.minimum(starts + 1, len(data) - 1)]
    blank = (first == _NEWLINE) | ((first == _RETURN) & ((second == _NEWLINE) | (starts + 1 == len(data))))
    after = Place(start.at + len(body), start.line + len(newlines))
    return Stretch(body, starts[~blank], lines[~blank], after)
