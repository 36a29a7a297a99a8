"""Clock times of a zone, by the column: which moment they mean, which never were, and which were twice."""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from entrypoints.cli.errors import CommandFailed

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of an IANA zone; `fold` says which of two moments a time means that was shown twice (PEP 495)."""

    zone: str
    fold: int = 0

    def __post_init__(self) -> None:
        try:
            zoneinfo.ZoneInfo(self.zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise CommandFailed.usage(
                f"there is no time zone {self.zone!r}; --timezone takes a name such as Europe/Berlin, or UTC"
            ) from None

    def moments(self, shown: Int64s) -> tuple[Int64s, Bools, Bools]:
        """Microseconds since 1970 UTC of what the clock showed; which never were; which were twice.

        Both are counted as microseconds from 1970-01-01T00:00:00, of UTC and of the clock.
        """
        local = pa.array(shown.view("M8[us]"))
        first = self._assumed(local, ambiguous="earliest", nonexistent="earliest")
        second = self._assumed(local, ambiguous="latest", nonexistent="earliest")
        behind_the_gap = self._assumed(local, ambiguous="earliest", nonexistent="latest")
        return (second if self.fold else first), first != behind_the_gap, first != second

    def _assumed(self, local: pa.Array, *, ambiguous: str, nonexistent: str) -> Int64s:
        assumed = pc.assume_timezone(local, self.zone, ambiguous=ambiguous, nonexistent=nonexistent)
        return np.asarray(assumed.cast(pa.int64()))
