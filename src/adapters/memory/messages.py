"""The committed messages of the in-memory database: who may take which, under the database's latch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from application.ports.outbox import Wake

Row = dict[str, Any]


class MessageTable:
    """Rows by key, in version order. Not safe by itself: each call is one step under the latch."""

    def __init__(self) -> None:
        self._rows: defaultdict[Wake, list[Row]] = defaultdict(list)

    def insert(self, rows: Iterable[Row], at: datetime) -> None:
        """Add rows of a transaction that commits; versions of a stream arrive in order."""
        for row in rows:
            times = {"created_at": at, "due_at": at, "wake_at": at, "parked_at": None, "settled_at": None}
            self._rows[row["wake"]].append(
                {**row, **times, "fence": 0, "tries": 0, "failures": 0, "error": ""}
            )

    def head(self, wake: Wake) -> Row | None:
        """The first row of the key that isn't settled."""
        return next((row for row in self._rows.get(wake, ()) if row["settled_at"] is None), None)

    def held(self, wake: Wake, version: int, fence: int) -> Row | None:
        """That row, if the fence is still the one of its last claim and it isn't settled."""
        row = self.head(wake)
        return row if row is not None and (row["version"], row["fence"]) == (version, fence) else None

    def due_heads(self, at: datetime, limit: int) -> list[Row]:
        """First rows of their keys that may be woken, oldest first."""
        heads = [row for wake in self._rows if (row := self.head(wake)) is not None]
        due = [row for row in heads if row["wake_at"] is not None and row["wake_at"] <= at]
        return sorted(due, key=lambda row: row["wake_at"])[:limit]

    def where(self, wanted: Callable[[Row], bool]) -> Iterator[Row]:
        """Every row that is wanted, in no order."""
        return (row for rows in self._rows.values() for row in rows if wanted(row))

    def drop(self, unwanted: Callable[[Row], bool], limit: int) -> int:
        """Remove up to `limit` rows; how many."""
        dropped = list(self.where(unwanted))[:limit]
        for row in dropped:
            self._rows[row["wake"]].remove(row)
        return len(dropped)

    def by_id(self, tenant_id: UUID, message_id: UUID) -> Row | None:
        """The row with that id."""
        return next(
            self.where(lambda row: row["id"] == message_id and row["wake"].tenant_id == tenant_id), None
        )


def postpone(row: Row, at: datetime, delay: timedelta) -> None:
    """Neither claimed nor woken before then."""
    row["due_at"] = row["wake_at"] = at + delay
