"""`demo`: the main job on real input, start to end."""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
import urllib3
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from application.access.access_desk import AccessDesk, IssueToken
from entrypoints.cli.demo.api_client import ApiClient, UnexpectedReply
from entrypoints.cli.demo.purchases import Purchase, read_purchases
from entrypoints.cli.demo.report import faults, print_report, read_back
from entrypoints.cli.demo.workload import Workload
from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.running import environment_of, url_of
from entrypoints.cli.stack import running_service
from entrypoints.cli.state import STATE_DIR_DEFAULT, StateDir, err, out
from entrypoints.cli.wiring import wired

PURCHASES: Final = Path(__file__).parents[4] / "demo" / "orders-cdnow-sample.txt"
CLIENTS_DEFAULT: Final = 8


def demo(
    clients: Annotated[
        int, typer.Option(help="Clients that send at the same time.", min=1, max=64)
    ] = CLIENTS_DEFAULT,
    orders: Annotated[int | None, typer.Option(help="Only the first so many purchases.", min=1)] = None,
    state_dir: StateDir = STATE_DIR_DEFAULT,
) -> None:
    """Send 6,919 real purchases through the API, with retries, double submissions and races.

    Prints what happened; exit status 0 only if every order is there once, and the totals equal the file's.
    Uses the running stack of the state directory; starts one, and stops it at the end, if there is none.

    Example: holdwater demo --clients 16
    """
    with ExitStack() as cleanup:
        url = url_of(state_dir)
        if url is None:
            _, service = cleanup.enter_context(
                running_service(
                    state_dir,
                    port=None,
                    workers=None,
                    report=err.print,
                    handle_signals=False,
                )
            )
            url, desk, ours = service.url, service.desk, True
        else:
            desk, ours = wired(environment_of(state_dir)).access_desk(), False
        try:
            found = _run(url, desk, clients, read_purchases(PURCHASES)[:orders])
        except urllib3.exceptions.HTTPError as error:
            raise CommandFailed(f"the service does not answer ({error}); see `holdwater status`") from error
        if not ours:
            out.print(f"The stack goes on: {url}/docs")
    if ours:
        out.print(f"The stack is stopped; its data and logs are in {state_dir}. To look around: holdwater up")
    if found:
        raise CommandFailed("the demo found faults: " + "; ".join(found))


def _run(url: str, desk: AccessDesk, clients: int, purchases: list[Purchase]) -> list[str]:
    run = f"demo-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
    desk.create_tenant(run)
    token = desk.issue(IssueToken(tenant=run, owner="demo", scopes=("all",))).secret
    client = ApiClient(url, token, connections=2 * clients)
    try:
        _stock_the_shop(client, run, len(purchases))
        workload = Workload(client, run, threads=clients)
        started = time.perf_counter()
        with _progress() as progress:
            task = progress.add_task("orders", total=len(purchases))
            tally = workload.send(purchases, sent=lambda: progress.advance(task))
        seconds = time.perf_counter() - started
        ledger = read_back(client)
    finally:
        client.close()
    print_report(out, purchases, tally, ledger, seconds, clients)
    return faults(purchases, tally, ledger)


def _stock_the_shop(client: ApiClient, run: str, pieces: int) -> None:
    for path, body in (
        ("/v1/products", {"sku": "CD", "name": "Compact disc"}),
        ("/v1/products/CD/receipts", {"quantity": pieces}),
    ):
        reply = client.insist("POST", path, body, key=f"{run}-{path.rpartition('/')[2]}")
        if reply.status not in {200, 201}:
            raise UnexpectedReply("POST", path, reply)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
    )
