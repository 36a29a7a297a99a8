"""Readings in columns, and where they go.

A batch never becomes an object for each reading: it is four columns of numbers, in memory that an adapter views as
it likes (the buffer protocol), and the distinct series they belong to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from uuid import UUID

from domain.telemetry.batch import Reject
from domain.telemetry.reading import ReadingRules, RejectReason, SeriesKey


@dataclass(frozen=True, slots=True, eq=False)
class ReadingColumns:
    """Readings, column by column; all four have the same length."""

    keys: tuple[SeriesKey, ...]
    """The distinct series, in no order; one that no row names any more may stay, whatever it is called."""
    key_of: memoryview
    """int32: the place in `keys` of each row's series."""
    times: memoryview
    """int64: microseconds since 1970, UTC."""
    values: memoryview
    """float64."""
    rows: memoryview
    """int32: each row's place in what was sent, from 0; a line with two fields is two rows with the same place."""

    def __len__(self) -> int:
        return len(self.times)


class Decoded(NamedTuple):
    """What came out of a request's body: what can be read, and what can't."""

    columns: ReadingColumns
    rejects: tuple[Reject, ...]

    @property
    def total(self) -> int:
        """Readings that were sent."""
        return len(self.columns) + len(self.rejects)


class ColumnOperations(Protocol):
    """What is done to whole columns; NumPy's way and a plain loop have to agree to the bit."""

    def screen(self, columns: ReadingColumns, rules: ReadingRules) -> Decoded:
        """The rows that `rules.fault_of` finds nothing in, in their order, with −0 as 0; and the others."""
        ...

    def without(self, columns: ReadingColumns, refused: Mapping[int, tuple[RejectReason, str]]) -> Decoded:
        """The rows of series that are not refused; `refused` has reason and detail by place in `keys`."""
        ...

    def named(self, columns: ReadingColumns) -> ReadingColumns:
        """The same rows, and of the keys those that a row names."""
        ...

    def months(self, columns: ReadingColumns) -> Mapping[int, int]:
        """The first microsecond of each month (UTC) that has rows, and how many."""
        ...

    def without_months(
        self, columns: ReadingColumns, refused: Mapping[int, tuple[RejectReason, str]]
    ) -> Decoded:
        """The rows that lie in none of these months."""
        ...


class SeriesFound(NamedTuple):
    """What the catalogue knows of a key."""

    series_id: int | None
    """None: there is no such series yet, or it is refused."""
    refusal: RejectReason | None
    """UNKNOWN_DEVICE, DEVICE_DELETED; None with no id: the device is there, the series is not."""


class SeriesCatalogue(Protocol):
    """The series of tenants; each call is a transaction of its own. Raises StoreUnavailable, TransactionConflict."""

    def find(self, tenant_id: UUID, keys: Sequence[SeriesKey]) -> list[SeriesFound]:
        """Of each key, in their order.

        A deleted device refuses its readings, unless a live one has its name.
        """
        ...

    def add(self, tenant_id: UUID, keys: Sequence[SeriesKey]) -> None:
        """Series of live devices, where they are not there yet; keys without a live device are left out."""
        ...

    def count(self, tenant_id: UUID) -> tuple[int, int]:
        """How many live devices and how many series the tenant has."""
        ...

    def registers_devices(self, tenant_id: UUID) -> bool:
        """Whether unknown devices of the tenant register themselves."""
        ...


class Written(NamedTuple):
    """What became of rows that were written."""

    accepted: int
    duplicate: int
    """With the conflicts."""
    conflicts: tuple[Reject, ...]
    """Rows whose series has another value at that time, or had it earlier in the same batch (W8)."""


class ReadingWriter(Protocol):
    """The bulk writer, part of a unit of work: readings, marks and latest values commit together (W1, G1, G7)."""

    def write(self, columns: ReadingColumns, series_ids: Sequence[int]) -> Written:
        """Store what is new, mark the hours it falls in, and keep the latest value of each series.

        `series_ids` goes with `columns.keys`; a place that no row names may have 0. The months have partitions.
        Of rows with the same series and time the first stays. Nothing that is stored is changed.
        """
        ...


class RejectWriter(Protocol):
    """Keeps what was not stored, part of a unit of work."""

    def keep(self, rejects: Sequence[Reject]) -> None:
        """All of them, under the id of the request that the unit of work is for."""
        ...

    def mark_replayed(self, reject_id: UUID) -> None:
        """Say of a committed one that it is being replayed; of several who do so at once, one succeeds.

        Raises NotFound, RejectReplayed.
        """
        ...


class PartitionKeeper(Protocol):
    """Makes room for readings ahead of them; each call is a transaction of its own."""

    def ensure(self, months: Sequence[int]) -> Mapping[int, str]:
        """Make partitions for months (their first microsecond), as many as PARTITIONS_NEW_MAX in one call.

        What could not be made comes back, with why: the others are there. Nothing happens for months that have one.
        Raises StoreUnavailable, TransactionConflict.
        """
        ...
