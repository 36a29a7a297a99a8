"""`purge`: remove for good what is no longer to be kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from domain.retention import RetentionPolicy
from entrypoints.cli.running import environment_of
from entrypoints.cli.state import STATE_DIR_DEFAULT, AsJson, StateDir, out, print_json
from entrypoints.cli.wiring import wired
from entrypoints.settings import KEEP_DELETED_DAYS_MAX


def purge(
    keep_days: Annotated[
        int | None,
        typer.Option(
            help="Leave what was deleted since; HOLDWATER_KEEP_DELETED_DAYS by default.",
            min=1,
            max=KEEP_DELETED_DAYS_MAX,
        ),
    ] = None,
    state_dir: StateDir = STATE_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Redact orders that were deleted long ago.

    Expired request keys, messages that were settled and readings that were refused long ago go as well. What an
    order says of persons can't be brought back; its amounts, lines and dates stay. Works as the role of
    DATABASE_PURGE_URL, in batches; may be stopped and run again at any time.

    Example: holdwater purge --keep-days 90
    """
    container = wired(environment_of(state_dir))
    container.require_purge_role()
    days = keep_days if keep_days is not None else container.settings().keep_deleted_days
    report = container.purge_deleted().handle(RetentionPolicy(timedelta(days=days)))
    if as_json:
        print_json(
            orders=report.orders,
            keys=report.keys,
            messages=report.messages,
            rejects=report.rejects,
            complete=report.is_complete,
            keep_days=days,
        )
    else:
        rest = "" if report.is_complete else " There is more; run it again."
        out.print(
            f"Purged {report.orders} orders that were deleted more than {days} days ago, "
            f"{report.keys} expired request keys, {report.messages} settled messages and "
            f"{report.rejects} old rejects.{rest}"
        )
