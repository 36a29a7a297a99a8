"""`holdwater bench ingest --memory`: what web workers and a worker hold in memory while readings stream in."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import psycopg2
from rich.table import Table

from adapters.embedded.ports import free_port
from entrypoints.settings import Settings
from ingestion.batches import ROWS, Gateway
from ingestion.database import Stored, months, stored_of_ours, tenant
from ingestion.sender import Sent, Target, first_line
from shared.command import Result
from shared.crew import ask, crew
from shared.server_time import FamilyTime, memory_peak
from shared.servers import our_web, process

GATEWAYS: Final = 4
MILLIONS: Final = 5
BATCHES_A_MILLION: Final = 1_000_000 // ROWS // GATEWAYS
"""Of each gateway."""
GROWTH_MAX: Final = 1.5
"""The last peak of any process may be so many times the highest after the first million: it rises as long as more of
the clients' batches happen to meet in one process than did before, and all of them at once are the end of it."""
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamResult(Result):
    """Peaks of memory in MiB, by process: before the first reading, then after each million."""

    rate: float
    peaks_mib: dict[str, list[float]]

    def to_table(self) -> Table:
        """For people."""
        millions = len(next(iter(self.peaks_mib.values()))) - 1
        table = Table(
            title=f"{millions} million readings as JSON rows from {GATEWAYS} clients, {ROWS:,} a batch,"
            f" {self.rate:,.0f}/s: most memory held so far"
        )
        table.add_column("process")
        for column in ("before", *(f"{number} M" for number in range(1, millions + 1))):
            table.add_column(column, justify="right")
        for name, peaks in self.peaks_mib.items():
            table.add_row(name, *(f"{peak:.0f} MiB" for peak in peaks))
        return table


def run_stream(
    settings: Settings,
    *,
    client: str,
    rounds: int = MILLIONS,
    round_s: float = 0,
    report: Callable[[str], None] = lambda line: None,
) -> StreamResult:
    """Send so many million readings as JSON rows; `client` is the file that runs as a client process. A round
    takes as long as its million does, whatever `round_s` says.

    What it wrote is removed at the end. `report` gets a line for each million. Raises RuntimeError.
    """
    with ExitStack() as stack:
        owner = stack.enter_context(closing(psycopg2.connect(settings.database_owner_url)))
        owner.autocommit = True
        tenant_id, token = stack.enter_context(tenant(owner))
        (month,) = stack.enter_context(months(owner, 1))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdwater-bench-")))
        port = free_port()
        worker = stack.enter_context(process("worker", ["-m", "entrypoints.cli.main", "worker"], {}, folder))
        web = stack.enter_context(our_web(port, folder, {"HOLDWATER_RAW_RETENTION_DAYS": ""}))
        pids = {f"web worker {n}": pid for n, pid in enumerate(FamilyTime(web.pid).children(), 1)}
        pids["worker"] = worker.pid
        gateways = [
            Gateway(f"stream-{number}", number, month.first_us, repeats=False) for number in range(GATEWAYS)
        ]
        where: dict[str, Any] = {
            "port": port,
            "path": "/v1/readings",
            "headers": {"Authorization": f"Bearer {token}"},
        }
        orders = [first_line([Target(form="rows", gateways=[asdict(each)], **where)]) for each in gateways]
        clients = stack.enter_context(crew("stream", [sys.executable, client, "--client"], orders))
        peaks = {name: [_peak_mib(pid)] for name, pid in pids.items()}
        accepted, took_s = 0, 0.0
        for number in range(1, rounds + 1):
            ask(clients, f"0 {BATCHES_A_MILLION}")
            started = time.perf_counter()
            accepted += sum(Sent.of_line(line).accepted for line in ask(clients, "go"))
            took_s += time.perf_counter() - started
            for name, pid in pids.items():
                peaks[name].append(_peak_mib(pid))
            told = ", ".join(f"{name} {found[-1]:.0f} MiB" for name, found in peaks.items())
            report(f"{number} million: {told}")
        expected = [gateway.stored(rounds * BATCHES_A_MILLION) for gateway in gateways]
        must_be = Stored(sum(rows for rows, _ in expected), sum(cents for _, cents in expected))
        stored = stored_of_ours(owner, tenant_id, month)
    after_one_million = max(found[1] for found in peaks.values())
    return StreamResult(
        rate=accepted / took_s,
        peaks_mib=peaks,
        missed_goals=[
            f"{name} holds {found[-1]:.0f} MiB, no process held more than {after_one_million:.0f} MiB after the first"
            " million"
            for name, found in peaks.items()
            if found[-1] > GROWTH_MAX * after_one_million
        ],
        failures=[]
        if stored == must_be and accepted == must_be.rows
        else [f"{stored} is there and {accepted} were accepted; {must_be} should be"],
    )


def _peak_mib(pid: int) -> float:
    peak = memory_peak(pid)
    if peak is None:
        raise RuntimeError(
            f"how much memory process {pid} takes can't be read; this needs Linux, and it alive"
        )
    return peak / _MIB
