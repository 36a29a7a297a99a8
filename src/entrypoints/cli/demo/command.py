"""`demo`: the main job on real input, start to end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import typer
import urllib3
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from application.access.access_desk import IssueToken
from application.ports.event_store import RecordedEvent
from application.ports.payment_gateway import GatewayRefused, GatewayUnavailable
from application.ports.unit_of_work import CommandContext
from entrypoints.cli.demo.api_client import ApiClient, UnexpectedReply
from entrypoints.cli.demo.checks import (
    faults_of_events,
    faults_of_fulfilment,
    faults_of_placing,
    pieces_of,
    read_back,
    read_gateway,
)
from entrypoints.cli.demo.fulfilment import FulfilmentFollower, ReadLog
from entrypoints.cli.demo.purchases import Purchase, rarity_wishes, read_purchases
from entrypoints.cli.demo.report import Findings, figures, print_report
from entrypoints.cli.demo.temperatures import (
    Temperatures,
    faults_of_temperatures,
    print_temperatures,
    send_temperatures,
)
from entrypoints.cli.demo.workload import Wish, Workload
from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.running import environment_of, url_of
from entrypoints.cli.stack import running_service
from entrypoints.cli.state import STATE_DIR_DEFAULT, AsJson, StateDir, err, out, print_json
from entrypoints.cli.wiring import wired
from entrypoints.container import Container

PURCHASES: Final = Path(__file__).parents[4] / "demo" / "orders-cdnow-sample.txt"
CLIENTS_DEFAULT: Final = 8
OWNER: Final = "demo"


def demo(
    clients: Annotated[
        int, typer.Option(help="Clients that send at the same time.", min=1, max=64)
    ] = CLIENTS_DEFAULT,
    orders: Annotated[int | None, typer.Option(help="Only the first so many purchases.", min=1)] = None,
    state_dir: StateDir = STATE_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Send 6,919 real purchases through the API, with retries, double submissions and races; all are fulfilled.

    A share of them pays in ways that fail; who is declined pays again. More orders than there are pieces want a rarity.
    Prints what happened; exit status 0 only if every order is there once, confirmed, charged once and sold once, the
    rarity's others are cancelled and let go, and the totals equal the file's. Then 8,759 hourly temperatures go in,
    twice, and each has to be there once. Uses the running stack of the state directory; starts one, and stops it at the
    end, if there is none.

    Example: holdwater demo --clients 16
    """
    with ExitStack() as cleanup:
        url, ours = url_of(state_dir), False
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
            url, ours = service.url, True
        container = wired(environment_of(state_dir))
        try:
            findings, temperatures, faults = _run(
                url, container, clients, read_purchases(PURCHASES)[:orders], journals=state_dir / "ingest"
            )
        except urllib3.exceptions.HTTPError as error:
            raise CommandFailed(f"the service does not answer ({error}); see `holdwater status`") from error
        except (GatewayRefused, GatewayUnavailable) as error:
            raise CommandFailed(str(error)) from error
        print_report(out, findings)
        print_temperatures(out, temperatures)
        if not ours:
            out.print(f"The stack goes on: {url}/docs")
    if ours:
        out.print(f"The stack is stopped; its data and logs are in {state_dir}. To look around: holdwater up")
    if as_json:
        readings = {"readings": len(temperatures.readings), "readings_per_s": temperatures.rate}
        print_json(**figures(findings), **readings, faults=faults)
    if faults:
        raise CommandFailed("the demo found faults: " + "; ".join(faults))


def _run(
    url: str, container: Container, clients: int, purchases: list[Purchase], *, journals: Path
) -> tuple[Findings, Temperatures, list[str]]:
    run = f"demo-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
    desk = container.access_desk()
    tenant_id = desk.create_tenant(run)
    token = desk.issue(IssueToken(tenant=run, owner=OWNER, scopes=("all",))).secret
    is_fulfilled = container.settings().fulfils_orders
    client = ApiClient(url, token, connections=2 * clients)
    try:
        pieces = pieces_of(purchases)
        for sku, quantity in pieces.items():
            _stock(client, run, sku, quantity)
        wishes: list[Wish] = [*rarity_wishes(after=len(purchases)), *purchases]
        workload = Workload(client, run, threads=clients)
        follower = FulfilmentFollower(_log_of(container, tenant_id), client, run, threads=clients)
        with _progress() as progress:
            placing = progress.add_task("orders", total=len(wishes))
            started = time.perf_counter()
            tally = workload.send(wishes, sent=lambda: progress.advance(placing))
            placing_s = time.perf_counter() - started
            if is_fulfilled:
                fulfilling = progress.add_task("fulfilled", total=len(wishes))
                follower.follow(len(wishes), moved=lambda ended: progress.update(fulfilling, completed=ended))
            follower.catch_up()
        books = read_back(client, tuple(pieces))
        temperatures = send_temperatures(client, url, token, journals)
    finally:
        client.close()
    gateway = read_gateway(container.payment_gateway(), books) if is_fulfilled else None
    faults = faults_of_placing(purchases, tally, books)
    faults += faults_of_events(purchases, tally, books, follower.seen, is_fulfilled=is_fulfilled)
    faults += faults_of_temperatures(temperatures)
    if gateway is not None:
        faults += faults_of_fulfilment(purchases, books, gateway, follower.seen)
    findings = Findings(
        purchases=purchases,
        tally=tally,
        books=books,
        seen=follower.seen,
        gateway=gateway,
        clients=clients,
        placing_s=placing_s,
    )
    return findings, temperatures, faults


def _stock(client: ApiClient, run: str, sku: str, quantity: int) -> None:
    for path, body in (
        ("/v1/products", {"sku": sku, "name": f"Compact disc {sku}"}),
        (f"/v1/products/{sku}/receipts", {"quantity": quantity}),
    ):
        reply = client.insist("POST", path, body, key=f"{run}-{path.rpartition('/')[2]}-{sku}")
        if reply.status not in {200, 201}:
            raise UnexpectedReply("POST", path, reply)


def _log_of(container: Container, tenant_id: UUID) -> ReadLog:
    context = CommandContext(tenant_id=tenant_id, actor=OWNER, correlation_id=OWNER, causation_id=OWNER)

    def read(after_position: int) -> Sequence[RecordedEvent]:
        with container.unit_of_work(context) as uow:
            events: Sequence[RecordedEvent] = uow.events.read(after_position)
        return events

    return read


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
    )
