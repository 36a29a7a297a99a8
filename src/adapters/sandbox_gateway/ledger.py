"""The sandbox's books: SQLite, one transaction a call, on the disk before the call is answered.

An effect, the answer under its key and the callback that tells of it commit together, so a kill at any moment loses
no answered call and doubles none. Calls that wait for the disk at the same time wait for one synchronisation of
SQLite's write-ahead log (https://www.sqlite.org/wal.html) together.
"""

from __future__ import annotations

import itertools
import logging
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from adapters.sandbox_gateway import behaviours
from adapters.sandbox_gateway.behaviours import Fault
from adapters.sandbox_gateway.calls import Answer, Call, CallRefused
from application.ports.payment_gateway import Operation

PAGE_MAX: Final = 200
"""Payments on one page of the ledger."""
LOG_PAGES_MAX: Final = 10_000
"""Pages of 4 KiB in the write-ahead log before they are moved to the books; SQLite's own 1,000 halve the rate."""
LOCK_TIMEOUT_S: Final = 2.0
"""For a predecessor on the same books to end."""

_log: Final = logging.getLogger("holdwater.sandbox_gateway")
_synchronise: Final[Callable[[int], None]] = getattr(os, "fdatasync", os.fsync)
_SCHEMA: Final = """
create table if not exists payments (
    number integer primary key, id text not null unique, order_id text not null, method text not null,
    currency text not null, authorised integer not null default 0, captured integer not null default 0,
    refunded integer not null default 0, voided integer not null default 0,
    check (refunded <= captured and captured <= authorised and not (voided and captured)));
create table if not exists answers (
    number integer primary key, key text not null unique, parameters text not null, operation text not null,
    payment integer not null references payments, amount integer not null, declined text, at text not null);
create index if not exists answers_by_payment on answers (payment);
create table if not exists tries (key text primary key, count integer not null) without rowid;
create table if not exists late_calls (key text primary key, parameters text not null, due real not null) without rowid;
create table if not exists callbacks (
    answer integer primary key references answers, id text not null, tries integer not null default 0,
    due real not null);
create index if not exists callbacks_by_due on callbacks (due);
"""
_ANSWER: Final = """
select a.key, a.operation, p.id as payment_id, a.amount, p.currency, a.declined, a.at, a.parameters
from answers a join payments p on p.number = a.payment where a.key = ?
"""
_EFFECTS_OF: Final = """
select payment, key, operation, amount, at from answers
where payment between ? and ? and declined is null order by payment, number
"""
_DUE_CALLBACKS: Final = """
select c.answer, c.id, c.tries, a.key, a.operation, p.id as payment_id, a.amount, p.currency, a.declined, a.at
from callbacks c join answers a on a.number = c.answer join payments p on p.number = a.payment
where c.due <= ? order by c.answer limit ?
"""


class LedgerUnusable(Exception):
    """The books can't be opened; the message says why."""


@dataclass(frozen=True, slots=True)
class Callback:
    """An answer that the caller has yet to be told of; `id` is the same on every try."""

    number: int
    id: str
    tries: int
    answer: Answer


class Ledger:
    """All methods may be called by several threads; one at a time is at work."""

    def __init__(self, file: Path, *, late_s: float, with_callbacks: bool) -> None:
        """Open or make the books. Raises LedgerUnusable, also while another process has them open."""
        self._late_s, self._with_callbacks = late_s, with_callbacks
        self._lock = threading.Lock()
        self.told = threading.Event()
        """Set when there is a new callback."""
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                file, timeout=LOCK_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._db.row_factory = sqlite3.Row
            # Exclusive: a second process would not notice in its memory what this one has written.
            self._db.execute("pragma locking_mode = exclusive")
            self._db.execute("pragma journal_mode = wal")
            # SQLite itself synchronises when it moves the log to the books; `_reach_disk` does for each call.
            self._db.execute("pragma synchronous = normal")
            self._db.execute(f"pragma wal_autocheckpoint = {LOG_PAGES_MAX}")
            self._db.executescript(_SCHEMA)
            self._log = os.open(f"{file}-wal", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except (OSError, sqlite3.Error) as error:
            raise LedgerUnusable(
                f"can't open the ledger {file} ({error}); end the gateway that has it open, "
                "or choose another --state-dir"
            ) from error
        self._next_late = self._first_due()
        self._disk, self._written, self._on_disk = threading.Lock(), 1, 0

    def close(self) -> None:
        """Let the running call finish; none works afterwards."""
        with self._disk, self._lock:
            self._db.close()
            os.close(self._log)

    def attempt(
        self, key: str, call: Call, *, answer_by: float | None, waited: bool
    ) -> tuple[Answer | None, Fault | None]:
        """Carry the call out, unless its key has been, and say what should fail on the way back.

        `answer_by`: seconds of the epoch; later than that nothing is begun. `waited`: the caller has been kept
        waiting where the method is a slow one. Raises CallRefused.
        """
        with self._transaction() as now:
            known = self._answer(key, call)
            if known is not None:
                return known, None
            if answer_by is not None and now > answer_by:
                raise CallRefused(HTTPStatus.REQUEST_TIMEOUT, "too_late", "the caller waits no longer")
            method = call.method or self._payment(call)["method"]
            if behaviours.is_slow(method) and not waited:
                return None, Fault.SLOW
            fault = self._fault(key, call.operation, method)
            if fault in (Fault.UNAVAILABLE, Fault.NO_ANSWER):
                return None, fault
            if fault is Fault.NO_ANSWER_THEN_EFFECT:
                due = now + self._late_s
                self._db.execute("insert into late_calls values (?, ?, ?)", (key, call.parameters, due))
                self._next_late = min(self._next_late, due)
                return None, fault
            return self._carry_out(key, call, now), fault

    def ask(self, key: str) -> Answer | None:
        """What became of a key; None if it is unknown, or its effect is still to come."""
        with self._transaction():
            row = self._db.execute(_ANSWER, (key,)).fetchone()
        return _answer_of(row) if row else None

    def payment(self, payment_id: str) -> dict[str, Any] | None:
        """One payment with its effects."""
        with self._transaction():
            rows = self._db.execute("select * from payments where id = ?", (payment_id,)).fetchall()
            return next(iter(self._entries(rows)), None)

    def page(self, after: int) -> tuple[list[dict[str, Any]], int | None]:
        """Payments that were authorised after that one, by number, at most PAGE_MAX; the number to go on after."""
        with self._transaction():
            rows = self._db.execute(
                "select * from payments where number > ? order by number limit ?", (after, PAGE_MAX)
            ).fetchall()
            entries = self._entries(rows)
        return entries, rows[-1]["number"] if len(rows) == PAGE_MAX else None

    def due_callbacks(self, count_max: int) -> list[Callback]:
        """Callbacks whose time has come, oldest answers first."""
        with self._transaction() as now:
            rows = self._db.execute(_DUE_CALLBACKS, (now, count_max)).fetchall()
        return [Callback(row["answer"], row["id"], row["tries"], _answer_of(row)) for row in rows]

    def note_callbacks(self, taken: list[int], put_off: list[tuple[int, float]]) -> None:
        """Forget those that were taken; count a try of the others, and let them wait so many seconds."""
        with self._transaction() as now:
            self._db.executemany("delete from callbacks where answer = ?", [(number,) for number in taken])
            self._db.executemany(
                "update callbacks set tries = tries + 1, due = ? where answer = ?",
                [(now + pause_s, number) for number, pause_s in put_off],
            )

    @contextmanager
    def _transaction(self) -> Iterator[float]:
        """The time of the transaction, in seconds of the epoch; what is late and due by then has been carried out.

        It ends when what was written or read is on the disk. A refusal keeps what was settled; nothing else is
        written before one.
        """
        refusal: CallRefused | None = None
        with self._lock:
            self._db.execute("begin immediate")
            try:
                now, before = time.time(), self._db.total_changes
                self._settle(now)
                try:
                    yield now
                except CallRefused as error:
                    refusal = error
                self._db.execute("commit")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                    # What memory says of late calls may have been rolled back: look again.
                    self._next_late = 0.0
                raise
            self._written += self._db.total_changes > before
            seen = self._written
        self._reach_disk(seen)
        if refusal:
            raise refusal

    def _reach_disk(self, seen: int) -> None:
        """Wait until the writes up to that one are on the disk; who comes first synchronises for all."""
        with self._disk:
            if self._on_disk >= seen:
                return
            written = self._written
            try:
                _synchronise(self._log)
            except OSError:
                # What the disk holds is unknown from here on, and a second try would hide it.
                _log.critical("the ledger's disk fails; nothing is answered from it any more", exc_info=True)
                with self._lock:
                    self._db.close()
                raise
            self._on_disk = written

    def _settle(self, now: float) -> None:
        if now < self._next_late:
            return
        rows = self._db.execute("select * from late_calls where due <= ? order by due", (now,)).fetchall()
        for row in rows:
            self._carry_out(row["key"], Call.from_parameters(row["parameters"]), row["due"])
            self._db.execute("delete from late_calls where key = ?", (row["key"],))
        self._next_late = self._first_due()

    def _first_due(self) -> float:
        due: float | None = self._db.execute("select min(due) from late_calls").fetchone()[0]
        return float("inf") if due is None else due

    def _answer(self, key: str, call: Call) -> Answer | None:
        """What was answered under the key. Raises CallRefused if it was for another call, or is on its way."""
        row = self._db.execute(_ANSWER, (key,)).fetchone()
        late = self._db.execute("select parameters from late_calls where key = ?", (key,)).fetchone()
        earlier = row or late
        if earlier and earlier["parameters"] != call.parameters:
            raise CallRefused(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "key_reused",
                "the key was used with other parameters; use a new key for another call",
            )
        if late:
            raise CallRefused(
                HTTPStatus.CONFLICT, "key_in_progress", "an earlier call with the key is still on its way"
            )
        return _answer_of(row) if row else None

    def _fault(self, key: str, operation: Operation, method: str) -> Fault | None:
        if not behaviours.may_fail(method):
            return None
        (count,) = self._db.execute(
            "insert into tries values (?, 1) on conflict (key) do update set count = count + 1 returning count",
            (key,),
        ).fetchone()
        return behaviours.fault_of(method, operation, count)

    def _payment(self, call: Call) -> sqlite3.Row:
        row: sqlite3.Row | None = self._db.execute(
            "select * from payments where id = ?", (call.payment_id,)
        ).fetchone()
        if row is None:
            raise CallRefused(HTTPStatus.NOT_FOUND, "unknown_payment", "there is no such payment")
        if call.currency and call.currency != row["currency"]:
            raise CallRefused(
                HTTPStatus.BAD_REQUEST, "wrong_currency", f"the payment is in {row['currency']}"
            )
        return row

    def _carry_out(self, key: str, call: Call, at: float) -> Answer:
        """Have the effect, or decline it; keep the answer, and the callback that tells of it."""
        if call.operation is Operation.AUTHORISE:
            payment, declined = self._open_payment(call), behaviours.decline_of(call.method)
        else:
            payment = self._payment(call)
            declined = _reason_against(payment, call)
        amount = call.amount or (0 if declined else payment["authorised"])
        if declined is None:
            self._db.execute(_EFFECTS[call.operation], (amount, payment["number"]))
        answer: Answer = {
            "key": key,
            "operation": str(call.operation),
            "payment_id": payment["id"],
            "amount": amount,
            "currency": payment["currency"],
            "declined": declined,
            "at": datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds"),
        }
        number = self._db.execute(
            "insert into answers (key, parameters, operation, payment, amount, declined, at) "
            "values (?, ?, ?, ?, ?, ?, ?)",
            (key, call.parameters, str(call.operation), payment["number"], amount, declined, answer["at"]),
        ).lastrowid
        if self._with_callbacks:
            self._db.execute(
                "insert into callbacks (answer, id, due) values (?, ?, ?)", (number, uuid.uuid4().hex, at)
            )
            self.told.set()
        return answer

    def _open_payment(self, call: Call) -> sqlite3.Row:
        row: sqlite3.Row = self._db.execute(
            "insert into payments (id, order_id, method, currency) values (?, ?, ?, ?) returning *",
            (f"pay_{uuid.uuid4().hex}", call.order_id, call.method, call.currency),
        ).fetchone()
        return row

    def _entries(self, payments: list[sqlite3.Row]) -> list[dict[str, Any]]:
        """Payments whose numbers follow one another, with their effects."""
        if not payments:
            return []
        effects = self._db.execute(_EFFECTS_OF, (payments[0]["number"], payments[-1]["number"])).fetchall()
        by_payment = {
            number: [{name: row[name] for name in ("key", "operation", "amount", "at")} for row in rows]
            for number, rows in itertools.groupby(effects, key=lambda row: row["payment"])
        }
        return [
            {
                "payment_id": row["id"],
                **{name: row[name] for name in ("order_id", "method", "currency")},
                **{name: row[name] for name in ("authorised", "captured", "refunded")},
                "voided": bool(row["voided"]),
                "effects": by_payment.get(row["number"], []),
            }
            for row in payments
        ]


_EFFECTS: Final = {
    Operation.AUTHORISE: "update payments set authorised = ? where number = ?",
    Operation.CAPTURE: "update payments set captured = ? where number = ?",
    Operation.VOID: "update payments set voided = (? > 0) where number = ?",
    Operation.REFUND: "update payments set refunded = refunded + ? where number = ?",
}


def _reason_against(payment: sqlite3.Row, call: Call) -> str | None:
    if call.operation is Operation.REFUND:
        if not payment["captured"]:
            return "not_captured"
        return "amount_too_large" if payment["refunded"] + call.amount > payment["captured"] else None
    if not payment["authorised"]:
        return "not_authorised"
    if payment["captured"]:
        return "already_captured"
    if payment["voided"]:
        return "already_voided"
    return "amount_too_large" if call.amount > payment["authorised"] else None


def _answer_of(row: sqlite3.Row) -> Answer:
    return {
        name: row[name] for name in ("key", "operation", "payment_id", "amount", "currency", "declined", "at")
    }
