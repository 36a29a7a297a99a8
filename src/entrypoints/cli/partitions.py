"""`partitions`: what readings lie in, made ahead, and dropped when all of them have run out."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table

from application.telemetry.drop_partitions import PartitionInUse
from application.telemetry.ensure_partitions import PartitionsMissing
from domain.telemetry.retention import RawRetention
from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.running import environment_of
from entrypoints.cli.state import STATE_DIR_DEFAULT, AsJson, StateDir, out, print_json
from entrypoints.cli.wiring import wired
from entrypoints.container import Container
from entrypoints.settings import RAW_RETENTION_DAYS_MAX

MIB = 1024 * 1024

partitions = typer.Typer(
    name="partitions", help="Partitions of readings: what there is, and what may go.", no_args_is_help=True
)


@partitions.command("list")
def list_partitions(state_dir: StateDir = STATE_DIR_DEFAULT, as_json: AsJson = False) -> None:
    """List the partitions, oldest first: the time that each holds, its size, and the marks that keep it.

    Rows are an estimate, of the last time that PostgreSQL analysed the partition.

    Example: holdwater partitions list --json
    """
    found = _as_system(state_dir).reading_partitions().list()
    if as_json:
        print_json(partitions=[dataclasses.asdict(each) for each in found])
        return
    table = Table("partition", "from", "to", "rows, about", "MiB", "marks")
    for each in found:
        starts, ends = (f"{at:%Y-%m-%d}" for at in (each.starts_at, each.ends_at))
        table.add_row(
            each.name, starts, ends, f"{each.rows:,}", f"{each.bytes / MIB:,.1f}", f"{each.marks:,}"
        )
    out.print(table if found else "There is none; run holdwater partitions ensure.")


@partitions.command("ensure")
def ensure_partitions(state_dir: StateDir = STATE_DIR_DEFAULT, as_json: AsJson = False) -> None:
    """Make the partitions of the present month and the next two, where they are missing.

    The scheduler does it every hour, and a batch that reaches elsewhere makes what it needs by itself.

    Example: holdwater partitions ensure
    """
    try:
        months = [f"{month:%Y-%m}" for month in _as_system(state_dir).ensure_partitions().handle()]
    except PartitionsMissing as error:
        raise CommandFailed(str(error)) from error
    if as_json:
        print_json(months=months)
    else:
        out.print(f"There are partitions for {', '.join(months)}.")


@partitions.command("drop-expired")
def drop_expired(
    keep_days: Annotated[
        int | None,
        typer.Option(
            help="Keep readings of so many days; HOLDWATER_RAW_RETENTION_DAYS by default.",
            min=1,
            max=RAW_RETENTION_DAYS_MAX,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    state_dir: StateDir = STATE_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Drop partitions whose readings have all run out, for good; up to 12 in one run.

    Latest values and rollups stay. A partition stays as long as rollups are due in it. Keep no less than the service
    itself does, or it takes readings in again that were dropped.

    Example: holdwater partitions drop-expired --dry-run
    """
    container = _as_system(state_dir)
    retention = container.settings().raw_retention
    if keep_days is not None:
        retention = RawRetention(timedelta(days=keep_days))
    if retention.keep_for is None:
        raise CommandFailed(
            "readings are kept for good: set HOLDWATER_RAW_RETENTION_DAYS, or pass --keep-days"
        )
    try:
        report = container.drop_partitions().handle(retention, dry_run=dry_run)
    except PartitionInUse as error:
        raise CommandFailed(str(error)) from error
    if as_json:
        print_json(
            dropped=report.dropped,
            marked=report.marked,
            complete=report.is_complete,
            dry_run=dry_run,
            keep_days=retention.keep_for.days,
        )
        return
    verb = "Would drop" if dry_run else "Dropped"
    out.print(f"{verb} {', '.join(report.dropped) or 'nothing'}.")
    if report.marked:
        out.print(f"Rollups are due in {', '.join(report.marked)}, so they stay for now.")
    if not report.is_complete:
        out.print("There is more; run it again.")


def _as_system(state_dir: StateDir) -> Container:
    container = wired(environment_of(state_dir))
    container.require_system_role()
    return container
