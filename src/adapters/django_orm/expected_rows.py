"""Rows that are read together when the first of them is asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Generic, TypeVar

from adapters.django_orm.tenant_session import Row

Name = TypeVar("Name", bound=Hashable)


class ExpectedRows(Generic[Name]):
    """What one transaction expects to read, and what it has read of it; each row is handed out as it was read.

    A row that has changed since is refused when it is written over, or is locked.
    """

    def __init__(self, read: Callable[[Collection[Name]], Iterable[tuple[Name, Row]]]) -> None:
        self._read = read
        self._expected: set[Name] = set()
        self._rows: dict[Name, list[Row]] = {}

    def expect(self, names: Iterable[Name]) -> None:
        """They may be asked for."""
        self._expected.update(name for name in names if name not in self._rows)

    def of(self, name: Name) -> list[Row] | None:
        """The rows of that name; None if it was not expected."""
        if name in self._expected:
            for expected in self._expected:
                self._rows[expected] = []
            expected_names = sorted(self._expected)  # type: ignore[type-var]
            self._expected.clear()
            for found, row in self._read(expected_names):
                self._rows[found].append(row)
        return self._rows.get(name)
