"""The gateway's ledger as it was read once, on disk: it may be larger than memory, and is asked by order."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from adapters.audit.money_law import Entry
from application.ports.payment_gateway import LedgerEntry, Operation, PaymentLedger

BATCH: Final = 1_000

_SCHEMA: Final = """
CREATE TABLE entry (
    number INTEGER PRIMARY KEY, order_id TEXT, payment_id TEXT, currency TEXT, authorised INTEGER, captured INTEGER,
    refunded INTEGER, voided INTEGER, captures INTEGER, is_known INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX entry_by_order ON entry (order_id);
"""
_COLUMNS: Final = "order_id, payment_id, currency, authorised, captured, refunded, voided, captures"
_INSERT: Final = f"INSERT INTO entry ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
_OF_ORDER: Final = f"SELECT {_COLUMNS} FROM entry WHERE order_id = ? ORDER BY number"  # noqa: S608 - constants
_UNKNOWN: Final = f"SELECT {_COLUMNS} FROM entry WHERE is_known = 0 ORDER BY order_id, number"  # noqa: S608


class LedgerSpool:
    """SQLite's own temporary file, which goes with the connection."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.count = 0

    def entries(self, order_id: str) -> list[Entry]:
        """Of that order; it is known from now on."""
        found = [_entry_of(row) for row in self._db.execute(_OF_ORDER, (order_id,))]
        if found:
            self._db.execute("UPDATE entry SET is_known = 1 WHERE order_id = ?", (order_id,))
        return found

    def know(self, order_ids: Iterable[str]) -> None:
        """These orders exist, though nobody asks for them here."""
        self._db.executemany(
            "UPDATE entry SET is_known = 1 WHERE order_id = ?", ((order_id,) for order_id in order_ids)
        )

    def of_unknown_orders(self) -> Iterator[Entry]:
        """What nobody has asked for, order by order."""
        for row in self._db.execute(_UNKNOWN):
            yield _entry_of(row)


@contextmanager
def spooled(
    ledger: PaymentLedger, *, only: Collection[str] | None = None, stay_awake: Callable[[], None]
) -> Iterator[LedgerSpool]:
    """Read the whole ledger; keep what belongs to `only` these orders, or all. Raises as the ledger does."""
    db = sqlite3.connect("", isolation_level=None)
    try:
        db.executescript(_SCHEMA)
        spool = LedgerSpool(db)
        entries = ledger.entries()
        while batch := list(itertools.islice(entries, BATCH)):
            rows = [_row_of(entry) for entry in batch if only is None or str(entry.order_id) in only]
            db.execute("BEGIN")
            db.executemany(_INSERT, rows)
            db.execute("COMMIT")
            spool.count += len(batch)
            stay_awake()
        db.execute("BEGIN")
        yield spool
    finally:
        db.close()


def _row_of(entry: LedgerEntry) -> tuple[Any, ...]:
    return (
        str(entry.order_id),
        entry.payment_id,
        entry.authorised.currency,
        entry.authorised.minor,
        entry.captured.minor,
        entry.refunded.minor,
        entry.voided,
        sum(effect.operation is Operation.CAPTURE for effect in entry.effects),
    )


def _entry_of(row: tuple[Any, ...]) -> Entry:
    *own, voided, captures = row
    return Entry._make((*own, bool(voided), captures))
