"""Readings over HTTP into partitions: ours beside the usual way with DRF, and beside COPY alone; interleaved.

Every arm gets the same readings, 10,000 a batch, from four gateways with 250 sensors each, whose batches were made
before the clock starts. The web servers are alike: granian with the same workers and threads, on one database as the
application's role. Each arm has a month, and with it a partition, of its own. With repeats a tenth of each batch was
in the batch before, and each fifth batch comes twice; without them every reading is new.

A rate counts what was sent. A round of which not exactly the right readings are stored afterwards is no result.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import psycopg2
from ingestion.batches import ROWS, Gateway
from ingestion.database import (
    BARE_TABLE,
    Month,
    Stored,
    bare_table,
    copied_table,
    months,
    partition_of,
    stored_in,
    stored_of_ours,
    tenant,
)
from ingestion.sender import Sent, Target, first_line, run_sender
from ingestion.stream import MILLIONS, run_stream
from rich.table import Table

from adapters.embedded.ports import free_port
from entrypoints.settings import Settings
from shared.command import Result, measure
from shared.crew import Crew, ask, crew
from shared.machine import Bystanders
from shared.server_time import FamilyTime, ServerTime
from shared.servers import bare_web, our_web

GATEWAYS: Final = 4
COPIERS: Final = 2
"""Connections that copy, each for two of the gateways."""
ROUNDS: Final = 5
ROUND_S: Final = 3.0
WARM_UP_BATCHES: Final = (1, 2)
"""Of each gateway: the first registers its sensors, the others say how many make a round."""
BATCHES_MIN: Final = 2
_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Arm:
    """One way in; `of_copy` is its goal as a part of raw COPY by time, `of_bare` in times of the bare application."""

    name: str
    form: str
    to: str
    repeats: bool = False
    of_bare: float | None = None
    of_copy: float | None = None


OURS, BARE, COPY = "ours", "bare DRF", "COPY"
ARMS: Final = (
    Arm("ours, JSON rows, repeats", "rows", OURS, repeats=True, of_bare=10.0, of_copy=0.4),
    Arm("ours, JSON rows", "rows", OURS, of_copy=0.6),
    Arm("ours, JSON columns", "columns", OURS),
    Arm("ours, line protocol", "lines", OURS, of_copy=0.35),
    Arm("ours, Arrow", "arrow", OURS, of_copy=0.6),
    Arm("bare DRF, JSON rows, repeats", "numbered", BARE, repeats=True),
    Arm("raw COPY, by time", "copied", COPY),
    Arm("raw COPY, by key", "copied sorted", COPY),
)
BARE_ARM, COPY_ARM, COPY_BY_KEY_ARM = (arm.name for arm in ARMS[-3:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds of CPU time that a million readings took; None: not known."""

    web: float | None
    server: float | None
    clients: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestResult(Result):
    """Readings a second of each arm, round by round, and how ours compares, as medians of the rounds' own ratios.

    `of_copy` is by COPY of the rows in the order in which they come, which is what ours gets; `of_copy_by_key`, by COPY
    of rows that were sorted by the key before the clock started, which ours does while it runs. `cpu_s` is of a million
    readings. `cores_of_others` is what processes beside the benchmark took.
    """

    rows_a_batch: int
    gateways: int
    round_s: float
    server: str
    web: str
    rates: dict[str, list[float]]
    medians: dict[str, float]
    cpu_s: dict[str, Cost]
    of_bare: dict[str, float]
    of_copy: dict[str, float]
    of_copy_by_key: dict[str, float]
    cores_of_others: float | None

    def to_table(self) -> Table:
        """For people."""
        others = "not known" if self.cores_of_others is None else f"{self.cores_of_others:.2f}"
        table = Table(
            title=f"{self.gateways} clients, {self.rows_a_batch:,} readings a batch,"
            f" {len(self.rates[ARMS[0].name])} rounds of {self.round_s:g} s, {self.server}, web: {self.web}",
            caption="CPU: seconds of a million readings, web server + PostgreSQL; those of the clients are"
            f" {max(cost.clients for cost in self.cpu_s.values()):.2f} at most. Goals stand in brackets.\n"
            f"Cores that others took meanwhile: {others}.",
            caption_justify="left",
        )
        for column in ("arm", "k/s, median", "range", "CPU", "× bare DRF", "of COPY by time", "by key"):
            table.add_column(column, justify="left" if column == "arm" else "right", no_wrap=column == "arm")
        for arm in ARMS:
            rates, cost = self.rates[arm.name], self.cpu_s[arm.name]
            table.add_row(
                arm.name,
                f"{self.medians[arm.name] / 1_000:,.1f}",
                f"{min(rates) / 1_000:,.1f} – {max(rates) / 1_000:,.1f}",
                f"{_seconds(cost.web)} + {_seconds(cost.server)}",
                _compared(self.of_bare.get(arm.name), arm.of_bare, 1),
                _compared(self.of_copy.get(arm.name), arm.of_copy, 2),
                _compared(self.of_copy_by_key.get(arm.name), None, 2),
            )
        return table


class _Running:
    """An arm while it is measured; `place` is that among the targets of each client."""

    def __init__(self, arm: Arm, place: int, month: Month, clients: Crew, web: FamilyTime | None) -> None:
        self.arm, self.month = arm, month
        self._place, self._clients, self._web = place, clients, web
        self.batches = 0
        self.batches_a_round = BATCHES_MIN
        self.sent: list[list[Sent]] = []
        self.rates: list[float] = []
        self.costs: list[Cost] = []

    @property
    def gateways(self) -> list[Gateway]:
        return [_gateway(self.arm, self.month, number) for number in range(GATEWAYS)]

    def round(self, batches: int, server: FamilyTime, bystanders: Bystanders | None) -> float:
        """Send so many batches of each gateway; the rate."""
        ask(self._clients, f"{self._place} {batches}")
        if bystanders:
            bystanders.look()
        before = self._cpu(server)
        started = time.perf_counter()
        answers = ask(self._clients, "go")
        took_s = time.perf_counter() - started
        after = self._cpu(server)
        self.batches += batches
        done = [Sent.of_line(line) for line in answers]
        self.sent.append(done)
        rows = sum(part.rows for part in done)
        self.rates.append(rows / took_s)
        web_s, server_s = (
            None if None in pair else (pair[1] - pair[0]) / rows * _MILLION  # type: ignore[operator]
            for pair in zip(before, after, strict=True)
        )
        clients_s = sum(part.cpu_s for part in done) / rows * _MILLION
        self.costs.append(Cost(web=web_s, server=server_s, clients=clients_s))
        return self.rates[-1]

    def _cpu(self, server: FamilyTime) -> tuple[float | None, float | None]:
        return self._web.seconds() if self._web else None, server.seconds()

    def forget_warm_up(self, round_s: float) -> None:
        """The last rate says how many batches make a round; what was sent still counts."""
        self.batches_a_round = max(BATCHES_MIN, round(self.rates[-1] * round_s / ROWS / GATEWAYS))
        self.rates.clear()
        self.costs.clear()

    def failures(self, owner: Any, tenant_id: str) -> Iterator[str]:
        """What is not as it must be: what was answered, and what is stored."""
        name, parts = self.arm.name, [part for done in self.sent for part in done]
        expected = [gateway.stored(self.batches) for gateway in self.gateways]
        rows, cents = sum(each[0] for each in expected), sum(each[1] for each in expected)
        if self.arm.to == OURS:
            stored = stored_of_ours(owner, tenant_id, self.month)
            accepted = sum(part.accepted for part in parts)
            told = accepted + sum(part.duplicate for part in parts)
            if (accepted, told) != (rows, sum(part.rows for part in parts)):
                yield f"{name}: {accepted} accepted of {told} were answered, {rows} were new"
        else:
            stored = stored_in(owner, BARE_TABLE if self.arm.to == BARE else partition_of(self.month))
        if stored != Stored(rows, cents):
            yield f"{name}: {stored} is there, {rows} readings with the sum {cents} should be"


def run(
    settings: Settings,
    *,
    rounds: int = ROUNDS,
    round_s: float = ROUND_S,
    report: Callable[[str], None] = lambda line: None,
) -> IngestResult:
    """Measure on the database of the settings, which must be migrated; needs the application's and the owner's URL.

    What it wrote is removed at the end. `report` gets a line for each round.
    """
    bystanders = Bystanders()
    with ExitStack() as stack:
        owner = stack.enter_context(closing(psycopg2.connect(settings.database_owner_url)))
        owner.autocommit = True
        tenant_id, token = stack.enter_context(tenant(owner))
        stack.enter_context(bare_table(owner))
        own_months = stack.enter_context(months(owner, len(ARMS)))
        stack.enter_context(copied_table(owner, own_months))
        arms = _arms(stack, settings, own_months, token)
        server_time = ServerTime(owner)
        for running in arms:
            for batches in WARM_UP_BATCHES:
                running.round(batches, server_time, None)
            running.forget_warm_up(round_s)
        for number in range(1, rounds + 1):
            for running in arms:
                rate = running.round(running.batches_a_round, server_time, bystanders)
                report(f"round {number}/{rounds} {running.arm.name}: {rate:,.0f} readings/s")
        failures = [failure for running in arms for failure in running.failures(owner, tenant_id)]
        server = f"PostgreSQL {owner.server_version // 10_000}.{owner.server_version % 10_000}"
    rates = {running.arm.name: running.rates for running in arms}
    ours = [arm for arm in ARMS if arm.to == OURS]
    of_bare, of_copy, of_copy_by_key = (
        {arm.name: _ratio(rates[arm.name], rates[other]) for arm in ours}
        for other in (BARE_ARM, COPY_ARM, COPY_BY_KEY_ARM)
    )
    return IngestResult(
        rows_a_batch=ROWS,
        gateways=GATEWAYS,
        round_s=round_s,
        server=server,
        web=f"{settings.web_workers} × {settings.web_threads} threads",
        rates=rates,
        medians={name: median(values) for name, values in rates.items()},
        cpu_s={running.arm.name: _mean(running.costs) for running in arms},
        of_bare=of_bare,
        of_copy=of_copy,
        of_copy_by_key=of_copy_by_key,
        cores_of_others=bystanders.cores,
        warning=bystanders.warning,
        missed_goals=list(_missed(of_bare, of_copy)),
        failures=failures,
    )


def _arms(stack: ExitStack, settings: Settings, own_months: list[Month], token: str) -> list[_Running]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdwater-bench-")))
    ports = {OURS: free_port(), BARE: free_port()}
    webs = {
        OURS: stack.enter_context(our_web(ports[OURS], folder, {"HOLDWATER_RAW_RETENTION_DAYS": ""})),
        BARE: stack.enter_context(bare_web(ports[BARE], folder, settings)),
    }
    where: dict[str, dict[str, Any]] = {
        OURS: {"port": ports[OURS], "path": "/v1/readings", "headers": {"Authorization": f"Bearer {token}"}},
        BARE: {"port": ports[BARE], "path": "/readings"},
        COPY: {"url": settings.database_owner_url},
    }
    targets: list[list[Target]] = [[] for _ in range(GATEWAYS)]
    for arm, month in zip(ARMS, own_months, strict=True):
        gateways = [asdict(_gateway(arm, month, number)) for number in range(GATEWAYS)]
        members = COPIERS if arm.to == COPY else GATEWAYS
        for number, of_client in enumerate(targets):
            mine = gateways[number::members] if number < members else []
            of_client.append(Target(form=arm.form, gateways=mine, table=partition_of(month), **where[arm.to]))
    clients = stack.enter_context(
        crew("clients", [sys.executable, __file__, "--client"], [first_line(each) for each in targets])
    )
    return [
        _Running(arm, place, month, clients, FamilyTime(webs[arm.to].pid) if arm.to in webs else None)
        for place, (arm, month) in enumerate(zip(ARMS, own_months, strict=True))
    ]


def _gateway(arm: Arm, month: Month, number: int) -> Gateway:
    return Gateway(f"{arm.form}{'-again' * arm.repeats}-{number}", number, month.first_us, arm.repeats)


def _missed(of_bare: Mapping[str, float], of_copy: Mapping[str, float]) -> Iterator[str]:
    for arm in ARMS:
        if arm.of_bare and of_bare[arm.name] < arm.of_bare:
            yield f"{arm.name}: {of_bare[arm.name]:.1f} times bare DRF, the goal is {arm.of_bare:g}"
        if arm.of_copy and of_copy[arm.name] < arm.of_copy:
            yield f"{arm.name}: {of_copy[arm.name]:.2f} of COPY by time, the goal is {arm.of_copy:g}"


def _ratio(ours: list[float], others: list[float]) -> float:
    return median(mine / other for mine, other in zip(ours, others, strict=True))


def _mean(costs: list[Cost]) -> Cost:
    return Cost(
        web=_mean_of([cost.web for cost in costs]),
        server=_mean_of([cost.server for cost in costs]),
        clients=sum(cost.clients for cost in costs) / len(costs),
    )


def _mean_of(figures: list[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) / len(known) if known and len(known) == len(figures) else None


def _seconds(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:.2f}"


def _compared(ratio: float | None, goal: float | None, digits: int) -> str:
    if ratio is None:
        return ""
    return f"{ratio:.{digits}f}" + ("" if goal is None else f" ({goal:g})")


if __name__ == "__main__":
    if "--client" in sys.argv:
        run_sender(sys.stdin, sys.stdout)
    elif "--memory" in sys.argv:
        arguments = [argument for argument in sys.argv[1:] if argument != "--memory"]
        measure(partial(run_stream, client=__file__), arguments, rounds=MILLIONS, round_s=0)
    else:
        measure(run, sys.argv[1:], rounds=ROUNDS, round_s=ROUND_S)
