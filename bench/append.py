"""Appending events: ours beside a bare INSERT and beside the table lock, interleaved, on one server.

Each arm has its own writer processes, each with one connection; every event is a transaction of its own,
sent as one message, with the same columns, the same two unique indexes and the same 300 bytes of data.
Rounds alternate A B C A B C, so that a machine that slows down slows all of them down.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import IO, Any, Final

import psycopg2
from rich.table import Table

from entrypoints.settings import Settings
from shared.command import Result, measure
from shared.crew import READY, Crew, ask, crew

WRITERS: Final = 8
ROUNDS: Final = 15
ROUND_S: Final = 1.0
WARM_UP_S: Final = 1.0
GOAL_OF_BARE: Final = 0.75
GOAL_OF_TABLE_LOCK: Final = 2.0

_DATA: Final = json.dumps({"note": "x" * 280})
_COLUMNS: Final = (
    "tenant_id, position, event_id, stream_kind, stream_id, version, type, schema_version, occurred_at, actor,"
    " correlation_id, causation_id, traceparent, data"
)
# Table names below are those of ARMS.
_INSERT: Final = (
    f"INSERT INTO {{table}} ({_COLUMNS})"  # noqa: S608
    " VALUES (%s, nextval('{table}_position'), %s, 'bench', %s, 1,"
    " 'bench.appended', 1, %s, 'bench', 'bench', 'bench', NULL, %s)"
)
_OURS: Final = (
    "SELECT append_event(%s, 'bench', 'bench', 'bench', NULL, %s, 'bench', %s, 1,"
    " 'bench.appended', 1, %s, %s)"
)


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to append; `table` is where its events go, `statement` one event's message."""

    name: str
    does: str
    role: str
    table: str
    statement: str


ARMS: Final = (
    Arm(
        "ours",
        "append_event as the application's role: ticket, position, row; row-level security on",
        "app",
        "event",
        _OURS,
    ),
    Arm(
        "bare INSERT",
        "plain INSERT as the application's role into a copy of the table; no order, no row-level security",
        "app",
        "bench_bare_event",
        _INSERT,
    ),
    Arm(
        "table lock",
        "LOCK TABLE … IN EXCLUSIVE MODE and the same INSERT as the owner, into another copy",
        "owner",
        "bench_locked_event",
        "BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE; " + _INSERT + "; COMMIT",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendResult(Result):
    """Events a second of each arm, round by round; how ours compares, as the median of the rounds' own
    ratios.

    """

    writers: int
    round_s: float
    server: str
    rates: dict[str, list[float]]
    medians: dict[str, float]
    of_bare: float
    of_table_lock: float

    def to_table(self) -> Table:
        """For people."""
        table = Table(
            title=f"{self.writers} writers, one event a transaction, {len(self.rates['ours'])} rounds of "
            f"{self.round_s:g} s, {self.server}"
        )
        for column in ("arm", "events/s, median", "slowest – fastest round", "ours is", "what it does"):
            table.add_column(column, justify="left" if column in {"arm", "what it does"} else "right")
        compared = {
            "bare INSERT": f"{self.of_bare:.2f} of it, goal {GOAL_OF_BARE}",
            "table lock": f"{self.of_table_lock:.2f} of it, goal {GOAL_OF_TABLE_LOCK}",
        }
        for arm in ARMS:
            slowest, fastest = min(self.rates[arm.name]), max(self.rates[arm.name])
            spread = f"{slowest:,.0f} – {fastest:,.0f}"
            table.add_row(
                arm.name, f"{self.medians[arm.name]:,.0f}", spread, compared.get(arm.name, ""), arm.does
            )
        return table


def run(
    settings: Settings,
    *,
    rounds: int = ROUNDS,
    round_s: float = ROUND_S,
    writers: int = WRITERS,
    report: Callable[[str], None] = lambda line: None,
) -> AppendResult:
    """Measure on the database of the settings, which must be migrated; needs the application's and the
    owner's URL.

    Its tables and events are removed at the end. `report` gets a line for each round.
    """
    urls = {"app": settings.database_url, "owner": settings.database_owner_url}
    tenant_id = uuid.uuid4()
    rates: dict[str, list[float]] = {arm.name: [] for arm in ARMS}
    appended = dict.fromkeys(rates, 0)
    with closing(psycopg2.connect(urls["owner"])) as owner, _tables(owner, tenant_id), ExitStack() as stack:
        crews = {
            arm.name: stack.enter_context(
                crew(
                    arm.name,
                    [sys.executable, __file__, "--writer"],
                    [_order(urls[arm.role], arm, tenant_id)] * writers,
                )
            )
            for arm in ARMS
        }
        for number in range(rounds + 1):
            for arm in ARMS:
                events, seconds = _round(crews[arm.name], round_s if number else min(WARM_UP_S, round_s))
                appended[arm.name] += events
                if number:
                    rates[arm.name].append(events / seconds)
                    report(f"round {number}/{rounds} {arm.name}: {events / seconds:,.0f} events/s")
        failures = [
            f"{arm.name}: {stored} events are stored, {appended[arm.name]} were appended"
            for arm in ARMS
            if (stored := _stored(owner, arm.table, tenant_id)) != appended[arm.name]
        ]
        server = f"PostgreSQL {owner.server_version // 10_000}.{owner.server_version % 10_000}"
    ours, bare, locked = (rates[arm.name] for arm in ARMS)
    of_bare = median(mine / other for mine, other in zip(ours, bare, strict=True))
    of_table_lock = median(mine / other for mine, other in zip(ours, locked, strict=True))
    missed_goals = [
        f"ours is {ratio:.2f} of the {name}, the goal is {goal}"
        for name, ratio, goal in (
            ("bare INSERT", of_bare, GOAL_OF_BARE),
            ("table lock", of_table_lock, GOAL_OF_TABLE_LOCK),
        )
        if ratio < goal
    ]
    return AppendResult(
        writers=writers,
        round_s=round_s,
        server=server,
        rates=rates,
        medians={name: median(values) for name, values in rates.items()},
        of_bare=of_bare,
        of_table_lock=of_table_lock,
        missed_goals=missed_goals,
        failures=failures,
    )


@contextmanager
def _tables(owner: Any, tenant_id: uuid.UUID) -> Iterator[None]:
    """The copies of the event table while the benchmark runs, each with a sequence of its own."""
    owner.autocommit = True
    copies = [arm.table for arm in ARMS if arm.table != "event"]
    with owner.cursor() as cursor:
        try:
            for table in copies:
                cursor.execute(
                    f"DROP TABLE IF EXISTS {table}; CREATE TABLE {table} (LIKE event INCLUDING ALL);"
                    f" CREATE SEQUENCE {table}_position AS bigint CACHE 1 OWNED BY {table}.position;"
                    f" GRANT SELECT, INSERT ON {table} TO holdwater_app;"
                    f" GRANT USAGE ON SEQUENCE {table}_position TO holdwater_app"
                )
            yield
        finally:
            cursor.execute("DELETE FROM event WHERE tenant_id = %s", (str(tenant_id),))
            for table in copies:
                cursor.execute(f"DROP TABLE IF EXISTS {table}")


def _stored(owner: Any, table: str, tenant_id: uuid.UUID) -> int:
    with owner.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", (str(tenant_id),))  # noqa: S608
        return int(cursor.fetchone()[0])


def _order(url: str, arm: Arm, tenant_id: uuid.UUID) -> str:
    """The first line for a writer."""
    statement = arm.statement.format(table=arm.table)
    return json.dumps({"url": url, "statement": statement, "tenant_id": str(tenant_id)})


def _round(writers: Crew, seconds: float) -> tuple[int, float]:
    """Let all writers append for so long; how many events, in how many seconds."""
    begin = time.perf_counter()
    answers = ask(writers, str(seconds))
    return sum(map(int, answers)), time.perf_counter() - begin


def _write(orders: IO[str], answers: IO[str]) -> None:
    """A writer process: connect, then append for the seconds of each line, until the pipe closes."""
    order = json.loads(orders.readline())
    with closing(psycopg2.connect(order["url"])) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("SELECT set_config('app.tenant', %s, false)", (order["tenant_id"],))
        print(READY, file=answers, flush=True)
        for line in orders:
            end, count = time.perf_counter() + float(line), 0
            while time.perf_counter() < end:
                event: list[object] = [str(_new_id()), str(_new_id()), datetime.now(UTC), _DATA]
                cursor.execute(order["statement"], (order["tenant_id"], *event))
                count += 1
            print(count, file=answers, flush=True)


def _new_id() -> uuid.UUID:
    """A random id behind the time, as in version 7, so that index pages fill in order in all arms alike."""
    return uuid.UUID(int=(time.time_ns() // 1_000_000 << 80) | secrets.randbits(80))


if __name__ == "__main__":
    if "--writer" in sys.argv:
        _write(sys.stdin, sys.stdout)
    else:
        measure(run, sys.argv[1:], rounds=ROUNDS, round_s=ROUND_S)
