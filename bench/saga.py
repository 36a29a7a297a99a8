"""Fulfilling orders: our sagas beside the same four steps as a workflow of DBOS, interleaved, on one PostgreSQL.

The steps: set the money aside at the gateway, set the goods aside, take the money, tell. Each arm is one process with
threads of its own. The gateway is the same code on both sides, in the process; once more, apart, the sandbox gateway
over HTTP, one ledger for both.

What counts as the same work: an order that somebody has placed is carried to its end. Ours are placed, with their
sagas, before the clock starts; taking them up, which writes a claim, is inside. A workflow of DBOS that a thread
calls writes its row inside the clock instead of a claim; those of the queue are enqueued and taken up inside. The rest
favours DBOS: its arms update one row of stock in a transaction step and have no order, payment, reservation, event or
message; ours keep all of these with row-level security, and a journal of 11 events an order.

CPU time, of the arm's process and of the server while it ran, says the same on a busy machine, where rates do not.

Ours is shown twice: as the service does it, where each saga is told of by itself and one that had to wait is advanced
together with others that wait; and strictly one by one.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import psycopg2
from rich.table import Table

from adapters.embedded.ports import free_port, http_answers
from application.sagas.advance_saga import SAGAS_TOGETHER_MAX
from entrypoints.settings import Settings
from shared.command import Result, measure
from shared.crew import Crew, ask, crew
from shared.machine import Bystanders
from shared.server_time import ServerTime

ROUNDS: Final = 7
ROUND_S: Final = 4.0
WARM_UP_ORDERS: Final = 64
"""Of each arm; how long they take says how many make a round."""
ORDERS_MIN: Final = 32
SKUS: Final = 100
GOAL: Final = 6.0
"""Times DBOS's best arm."""
GATEWAY_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 30.0

FOLDER: Final = Path(__file__).parent
DBOS_PYTHON: Final = FOLDER.parent / ".venv" / "dbos" / "bin" / "python"
"""DBOS has an environment of its own: it brings psycopg 3, which Django would take over psycopg2."""
HOW_TO_INSTALL: Final = (
    "DBOS is not installed; it has an environment of its own: run `make dbos` in the checkout"
)
STOCK_TABLE: Final = "bench_stock"
SCHEMA: Final = "bench_dbos"

_LEFT_BEHIND: Final = (
    "message", "late_reply", "saga", "payment", "stock_reservation", "order_line", "customer_order", "event",
    "stock_item", "product",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to fulfil orders; `joins_others`: whether a saga that waits is advanced with others."""

    name: str
    threads: int
    joins_others: bool = False
    uses_queue: bool = False
    over_http: bool = False

    @property
    def is_ours(self) -> bool:
        return self not in (DBOS_THREADS, DBOS_QUEUE, DBOS_HTTP)

    @property
    def place(self) -> str:
        """A word for names in the database."""
        return "".join(letter if letter.isalnum() else "_" for letter in self.name.lower())


OURS: Final = Arm("ours", threads=4, joins_others=True)
ONE_BY_ONE: Final = Arm("ours, one by one", threads=8)
DBOS_THREADS: Final = Arm("DBOS, 8 threads", threads=8)
DBOS_QUEUE: Final = Arm("DBOS, queue", threads=8, uses_queue=True)
OURS_HTTP: Final = Arm("ours, HTTP gateway", threads=8, joins_others=True, over_http=True)
DBOS_HTTP: Final = Arm("DBOS, 8 threads, HTTP gateway", threads=8, over_http=True)
ARMS: Final = (OURS, ONE_BY_ONE, DBOS_THREADS, DBOS_QUEUE, OURS_HTTP, DBOS_HTTP)
PEERS: Final = (DBOS_THREADS, DBOS_QUEUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaResult(Result):
    """Orders a second of each arm, round by round; `cpu_ms` is what one order took of the arm's own process, and
    `server_cpu_ms` of the server (None if it is elsewhere), `cpu_of_dbos` both together, DBOS's best arm by ours.

    `of_dbos`: ours by DBOS's best arm, as the median of the rounds' own ratios; `of_dbos_http`: both over HTTP.
    `cores_of_others` is what processes beside the benchmark took.
    """

    server: str
    rates: dict[str, list[float]]
    medians: dict[str, float]
    cpu_ms: dict[str, float]
    server_cpu_ms: dict[str, float | None]
    cpu_of_dbos: float | None
    cores_of_others: float | None
    of_dbos: float
    one_by_one_of_dbos: float
    of_dbos_http: float

    def to_table(self) -> Table:
        """For people."""
        table = Table(
            title=f"orders carried through four steps, one process an arm, {len(self.rates[OURS.name])} rounds,"
            f" {self.server}",
            caption=f"ours takes {SAGAS_TOGETHER_MAX} sagas to a transaction where that many are due; an order of ours"
            f" takes {_or_unknown(self.cpu_of_dbos and 1 / self.cpu_of_dbos)} of the CPU time of DBOS's best",
            caption_justify="left",
        )
        for column in (
            "arm",
            "orders/s, median",
            "slowest – fastest round",
            "CPU ms an order, arm + server",
            "ours is",
        ):
            table.add_column(column, justify="left" if column == "arm" else "right")
        compared = {
            OURS.name: f"{self.of_dbos:.1f} × DBOS's best, goal {GOAL:g}",
            ONE_BY_ONE.name: f"{self.one_by_one_of_dbos:.1f} ×",
            OURS_HTTP.name: f"{self.of_dbos_http:.1f} × DBOS over HTTP",
        }
        for arm in ARMS:
            rates = self.rates[arm.name]
            table.add_row(
                arm.name,
                f"{self.medians[arm.name]:,.0f}",
                f"{min(rates):,.0f} – {max(rates):,.0f}",
                f"{self.cpu_ms[arm.name]:.2f} + {_or_unknown(self.server_cpu_ms[arm.name])}",
                compared.get(arm.name, ""),
                end_section=arm is DBOS_QUEUE,
            )
        return table


def run(
    settings: Settings,
    *,
    rounds: int = ROUNDS,
    round_s: float = ROUND_S,
    report: Callable[[str], None] = lambda line: None,
) -> SagaResult:
    """Measure on the database of the settings, which must be migrated; needs the application's and the owner's URL.

    What it wrote is removed at the end. `report` gets a line for each round. Raises RuntimeError without DBOS.
    """
    if not DBOS_PYTHON.exists():
        raise RuntimeError(HOW_TO_INSTALL)
    rates: dict[str, list[float]] = {arm.name: [] for arm in ARMS}
    cpu_s, done = dict.fromkeys(rates, 0.0), dict.fromkeys(rates, 0)
    server_s: dict[str, list[float | None]] = {name: [] for name in rates}
    bystanders = Bystanders()
    skus = [f"TEA-{number}-{secrets.token_hex(4)}" for number in range(SKUS)]
    with ExitStack() as stack:
        owner = stack.enter_context(closing(psycopg2.connect(settings.database_owner_url)))
        owner.autocommit = True
        server_time = ServerTime(owner)
        gateway = stack.enter_context(_gateway())
        tenants = {arm.name: stack.enter_context(_tenant(owner)) for arm in ARMS if arm.is_ours}
        given = (stack, owner, settings, skus, tenants, gateway)
        crews = {arm.name: stack.enter_context(_crew(arm, *given)) for arm in ARMS}
        counts = dict.fromkeys(rates, WARM_UP_ORDERS)
        for number in range(rounds + 1):
            for arm in ARMS:
                name = arm.name
                ask(crews[name], str(counts[name]))
                bystanders.look()
                before = server_time.seconds()
                (answer,) = ask(crews[name], "go")
                took, after = json.loads(answer), server_time.seconds()
                rate = counts[name] / took["seconds"]
                done[name] += counts[name]
                if number:
                    rates[name].append(rate)
                    cpu_s[name] += took["cpu_s"] / counts[name]
                    is_known = before is not None and after is not None
                    server_s[name].append((after - before) / counts[name] if is_known else None)
                    report(f"round {number}/{rounds} {name}: {rate:,.0f} orders/s")
                else:
                    counts[name] = max(ORDERS_MIN, int(rate * round_s))
        failures = list(_failures(owner, tenants, done))
        server = f"PostgreSQL {owner.server_version // 10_000}.{owner.server_version % 10_000}"
    best = [max(pair) for pair in zip(*(rates[arm.name] for arm in PEERS), strict=True)]
    of_dbos = _ratio(rates[OURS.name], best)
    cpu_ms = {name: total / rounds * 1_000 for name, total in cpu_s.items()}
    server_cpu_ms = {
        name: None if None in parts else sum(parts) / rounds * 1_000  # type: ignore[arg-type]
        for name, parts in server_s.items()
    }
    return SagaResult(
        server=server,
        rates=rates,
        medians={name: median(values) for name, values in rates.items()},
        cpu_ms=cpu_ms,
        server_cpu_ms=server_cpu_ms,
        cpu_of_dbos=_cpu_ratio(cpu_ms, server_cpu_ms),
        cores_of_others=bystanders.cores,
        warning=bystanders.warning,
        of_dbos=of_dbos,
        one_by_one_of_dbos=_ratio(rates[ONE_BY_ONE.name], best),
        of_dbos_http=_ratio(rates[OURS_HTTP.name], rates[DBOS_HTTP.name]),
        missed_goals=[f"ours is {of_dbos:.1f} times DBOS's best, the goal is {GOAL:g}"]
        if of_dbos < GOAL
        else [],
        failures=failures,
    )


def _ratio(ours: Sequence[float], others: Sequence[float]) -> float:
    return median(mine / other for mine, other in zip(ours, others, strict=True))


def _cpu_ratio(own: Mapping[str, float], server: Mapping[str, float | None]) -> float | None:
    """DBOS's best arm by ours."""
    whole = {name: None if (part := server[name]) is None else own[name] + part for name in own}
    ours, peers = whole[OURS.name], [whole[arm.name] for arm in PEERS]
    known = [peer for peer in peers if peer is not None]
    return min(known) / ours if ours and known else None


def _or_unknown(figure: float | None) -> str:
    return "?" if figure is None else f"{figure:.2f}"


@contextmanager
def _crew(
    arm: Arm,
    stack: ExitStack,
    owner: Any,
    settings: Settings,
    skus: Sequence[str],
    tenants: Mapping[str, str],
    gateway: Mapping[str, str],
) -> Iterator[Crew]:
    order: dict[str, Any] = {
        "threads": arm.threads,
        "skus": list(skus),
        "gateway": dict(gateway) if arm.over_http else None,
    }
    if arm.is_ours:
        program = [sys.executable, "-m", "fulfilment.sagas"]
        order |= {"tenant_id": tenants[arm.name], "joins_others": arm.joins_others}
    else:
        stack.enter_context(_stock(owner, arm, skus))
        program = [str(DBOS_PYTHON), "-m", "fulfilment.dbos_workflows"]
        order |= {
            "url": settings.database_owner_url,
            "schema": f"{SCHEMA}_{arm.place}",
            "table": f"{STOCK_TABLE}_{arm.place}",
            "uses_queue": arm.uses_queue,
        }
    paths = (str(FOLDER), str(FOLDER.parent / "src"))
    program = ["env", f"PYTHONPATH={os.pathsep.join(paths)}", *program]
    with crew(arm.name, program, [json.dumps(order)]) as members:
        yield members


@contextmanager
def _tenant(owner: Any) -> Iterator[str]:
    """A tenant of this run's own; at the end nothing of it is left."""
    tenant_id = str(uuid.uuid4())
    with owner.cursor() as cursor:
        name = f"bench-{secrets.token_hex(8)}"
        cursor.execute("INSERT INTO tenant (id, name, created_at) VALUES (%s, %s, now())", (tenant_id, name))
        try:
            yield tenant_id
        finally:
            for table in _LEFT_BEHIND:
                cursor.execute(f"DELETE FROM {table} WHERE tenant_id = %s", (tenant_id,))  # noqa: S608 - constants
            cursor.execute("DELETE FROM tenant WHERE id = %s", (tenant_id,))


@contextmanager
def _stock(owner: Any, arm: Arm, skus: Sequence[str]) -> Iterator[None]:
    """A table of stock, and at the end neither it nor DBOS's own tables."""
    table, schema = f"{STOCK_TABLE}_{arm.place}", f"{SCHEMA}_{arm.place}"
    drop = f"DROP TABLE IF EXISTS {table}; DROP SCHEMA IF EXISTS {schema} CASCADE"
    with owner.cursor() as cursor:
        try:
            cursor.execute(
                f"{drop}; CREATE TABLE {table} (sku text PRIMARY KEY, on_hand bigint NOT NULL, sold bigint NOT NULL);"
                f" INSERT INTO {table} SELECT unnest(%s), 1000000, 0",
                (list(skus),),
            )
            yield
        finally:
            cursor.execute(drop)


@contextmanager
def _gateway() -> Iterator[dict[str, str]]:
    """The sandbox gateway as a process; what an arm must know to call it."""
    token, port = secrets.token_hex(16), free_port()
    folder = tempfile.TemporaryDirectory(prefix="holdwater-bench-")
    environment = {
        **os.environ,
        "HOLDWATER_PAYMENT_GATEWAY_TOKEN": token,
        "HOLDWATER_PAYMENT_CALLBACK_SECRET": "whsec_" + "c2Vz" * 8,
    }
    program = [sys.executable, "-m", "entrypoints.cli.main", "sandbox-gateway", "--port", str(port)]
    log_file = Path(folder.name) / "gateway.log"
    with folder, log_file.open("ab") as log:
        process = subprocess.Popen(
            [*program, "--state-dir", folder.name],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            deadline = time.monotonic() + GATEWAY_TIMEOUT_S
            while not http_answers(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the gateway did not start: {log_file.read_text()[-2_000:]}")
                time.sleep(0.1)
            yield {"url": f"http://127.0.0.1:{port}", "token": token}
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _failures(owner: Any, tenants: Mapping[str, str], done: Mapping[str, int]) -> Iterator[str]:
    """Each order that counts is at its end, with all that belongs to it."""
    with owner.cursor() as cursor:
        for name, tenant_id in tenants.items():
            for what, query in {
                "orders are confirmed": "count(*) FROM customer_order WHERE status = 'confirmed'",
                "sagas are completed": "count(*) FROM saga WHERE status = 'completed' AND leased_until IS NULL",
                "payments are captured": "count(*) FROM payment WHERE status = 'captured'",
                "pieces are sold": "coalesce(sum(sold), 0) FROM stock_item WHERE reserved = 0",
                "steps succeeded, by four": "count(*) / 4 FROM event WHERE type = 'saga.step_succeeded'",
            }.items():
                cursor.execute(f"SELECT {query} AND tenant_id = %s", (tenant_id,))
                (found,) = cursor.fetchone()
                if found != done[name]:
                    yield f"{name}: {found} {what}, {done[name]} orders were counted"
        for arm in ARMS:
            if not arm.is_ours:
                cursor.execute(f"SELECT sum(sold) FROM {STOCK_TABLE}_{arm.place}")  # noqa: S608 - constants
                (found,) = cursor.fetchone()
                if found != done[arm.name]:
                    yield f"{arm.name}: {found} pieces are sold, {done[arm.name]} orders were counted"


if __name__ == "__main__":
    measure(run, sys.argv[1:], rounds=ROUNDS, round_s=ROUND_S)
