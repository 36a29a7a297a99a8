"""A batch of readings: what it came to, and the refusal of one that has to be whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, Self

from domain.errors import DomainError
from domain.telemetry.reading import RejectReason

ROWS_NAMED_MAX: Final = 100
"""Rejected rows that an answer names; the rest is counted (W3)."""
REJECTS_MAX: Final = 20_000
"""Bad rows of a batch that is stored in part; to keep more of them would take longer than a transaction may."""
SENT_LENGTH_MAX: Final = 4_096
"""Characters that are kept of a rejected reading."""
DETAIL_LENGTH_MAX: Final = 500


class Mode(StrEnum):
    """What becomes of a batch with bad rows (W3)."""

    STRICT = "strict"
    """Nothing of it is stored."""
    PARTIAL = "partial"
    """The good rows are stored, the bad ones are kept apart to be read and replayed."""


class Reject(NamedTuple):
    """A reading that was not stored. `row` counts from 0 in what was sent; for lines, `row` + 1 is the line."""

    row: int
    reason: RejectReason
    detail: str
    """What is wrong, and what to do."""
    sent: str
    """The reading as JSON that a replay can decode again, cut at SENT_LENGTH_MAX characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFault:
    """A rejected row, as answers name it."""

    row: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What became of each reading of a batch (W4); accepted, duplicate and rejected make up all of them."""

    accepted: int
    duplicate: int
    """Stored before, in the same series at the same time; with those of `conflict`."""
    conflict: int
    """Duplicates with another value, kept apart under this name (W8)."""
    rejected: int
    faults: tuple[RowFault, ...] = ()
    """The first ROWS_NAMED_MAX of the rejected, in the order of their rows."""


class BatchRefused(DomainError):
    """{rejected} of {rows} readings are refused, so none was stored; mend them, or send with mode=partial."""

    # Not final: which times and devices are acceptable changes, so the same batch may pass later.

    @property
    def faults(self) -> tuple[RowFault, ...]:
        """The first of the bad rows."""
        return tuple(self.data["faults"])  # type: ignore[arg-type]  # as `because_of` puts it

    @classmethod
    def because_of(cls, rejects: Sequence[Reject], *, rows: int) -> Self:
        """The refusal that names the first of them."""
        return cls(rejected=len(rejects), rows=rows, faults=named(rejects), rejects_max=REJECTS_MAX)


class TooManyRejects(BatchRefused):
    """{rejected} of {rows} readings are refused, so none was stored; at most {rejects_max} are kept of a batch."""


def named(rejects: Sequence[Reject]) -> tuple[RowFault, ...]:
    """The first of them, as answers name them."""
    first = sorted(rejects)[:ROWS_NAMED_MAX]
    return tuple(
        RowFault(row=reject.row, reason=reject.reason.value, detail=reject.detail) for reject in first
    )
