"""`audit`: whether what is stored is what happened."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Final
from uuid import UUID

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from application.ports.audit import NO_GATEWAY, AuditReport
from application.ports.readiness import NotFit
from domain.errors import DomainError
from entrypoints.cli.running import environment_of
from entrypoints.cli.state import STATE_DIR_DEFAULT, AsJson, StateDir, err, out, print_json
from entrypoints.cli.wiring import wired
from entrypoints.settings import SettingInvalid

PRINTED_MAX: Final = 100
DIFFERS: Final = 1
COULD_NOT_CHECK: Final = 2


def audit(
    tenant: Annotated[str | None, typer.Option(help="Of one tenant alone; of all by default.")] = None,
    state_dir: StateDir = STATE_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Recompute all state from events, and money from the gateway's ledger.

    Compares every column of every row with what the events make of it, payments with the gateway's own ledger, and
    stock with its law of conservation, in one snapshot; changes nothing. Exit status 0: all agrees; 1: there are
    differences; 2: something could not be checked.

    Example: holdwater audit --tenant acme
    """
    try:
        report = _audited(tenant, environment_of(state_dir))
    except (DomainError, NotFit, SettingInvalid) as error:
        err.print(f"holdwater: {error}", markup=False, soft_wrap=True)
        raise typer.Exit(COULD_NOT_CHECK) from error
    if as_json:
        _print_json(report)
    else:
        _print(report)
    if not report.is_clean:
        raise typer.Exit(DIFFERS)
    if not report.is_complete:
        raise typer.Exit(COULD_NOT_CHECK)


def _audited(tenant: str | None, environment: dict[str, str]) -> AuditReport:
    container = wired(environment)
    container.require_system_role()
    tenant_id: UUID | None = None
    if tenant is not None:
        tenant_id = container.access_administration().tenant_id(tenant)
    columns = (
        TextColumn("events"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("", total=None, rate="")

        def show(events: int, events_total: int) -> None:
            speed = bar.tasks[0].speed
            rate = "" if speed is None else f"{speed:,.0f}/s"
            bar.update(task, completed=events, total=max(events, events_total), rate=rate)

        report: AuditReport = container.auditor().audit(tenant_id, progress=show)
    return report


def _print_json(report: AuditReport) -> None:
    print_json(
        clean=report.is_clean,
        complete=report.is_complete,
        taken_at=report.taken_at.isoformat(),
        seconds=round(report.seconds, 3),
        events_per_s=round(report.events_per_s),
        checked=dict(report.checked),
        difference_count=report.difference_count,
        differences=[
            {**dataclasses.asdict(difference), "sentence": difference.sentence}
            for difference in report.differences
        ],
        in_flight_count=report.in_flight_count,
        ahead_count=report.ahead_count,
        ahead=list(report.ahead),
        undecided=list(report.undecided),
        ledger_asked=report.ledger_not_asked is None,
        ledger_not_asked=report.ledger_not_asked,
    )


def _print(report: AuditReport) -> None:
    table = Table(
        "checked", "number", title=f"As of {report.taken_at:%Y-%m-%d %H:%M:%S} UTC", title_justify="left"
    )
    table.columns[1].justify = "right"
    for name, count in report.checked.items():
        table.add_row(name, f"{count:,}")
    out.print(table)
    out.print(f"{report.seconds:,.1f} s, {report.events_per_s:,.0f} events/s")
    out.print(
        f"In flight: {report.in_flight_count:,} orders; the gateway is ahead of our record in {report.ahead_count:,} "
        "of them, as it may be.",
        soft_wrap=True,
    )
    if report.ledger_not_asked is not None:
        reason = report.ledger_not_asked
        cure = "set HOLDWATER_PAYMENT_GATEWAY_URL" if reason == NO_GATEWAY else "mend it and audit again"
        out.print(
            f"THE LEDGER WAS NOT ASKED: {reason}; {cure}. Money is checked against our own payments alone."
        )
    if report.undecided:
        out.print(
            f"Undecided: {len(report.undecided):,} orders changed each time they were looked at; audit again: "
            + ", ".join(report.undecided[:PRINTED_MAX]),
            soft_wrap=True,
        )
    for difference in report.differences[:PRINTED_MAX]:
        out.print(difference.sentence, markup=False, soft_wrap=True)
    if report.difference_count > PRINTED_MAX:
        out.print(f"… and more: --json tells {len(report.differences):,} of them.")
    verdict = "All agrees." if report.is_clean else f"{report.difference_count:,} differences."
    out.print(verdict)
