"""The `holdwater` command: each sub-command is one function of a sibling file, imported when it is called."""

from __future__ import annotations

import sys
from typing import Final

import typer

from application.ports.readiness import NotFit
from domain.errors import DomainError
from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.lazy import SubCommand, lazy_group, stand_in
from entrypoints.cli.state import err
from entrypoints.error_table import verdict_of
from entrypoints.settings import SettingInvalid

SUB_COMMANDS: Final = (
    SubCommand("up", "entrypoints.cli.stack:up", "Start the whole stack and keep it running."),
    SubCommand(
        "down", "entrypoints.cli.running:down", "Stop the stack of this state directory; its data stays."
    ),
    SubCommand("status", "entrypoints.cli.status:status", "Show what runs, and how far it is."),
    SubCommand("demo", "entrypoints.cli.demo.command:demo", "Send 6,919 real purchases through the API."),
    SubCommand(
        "ingest", "entrypoints.cli.ingest.command:ingest", "Send files of readings to a running service."
    ),
    SubCommand(
        "web", "entrypoints.cli.web:web", "Serve the API until SIGTERM, then finish what was accepted."
    ),
    SubCommand(
        "worker", "entrypoints.cli.worker:worker", "Handle messages until SIGTERM, then finish what runs."
    ),
    SubCommand("relay", "entrypoints.cli.worker:relay", "Wake workers for messages that are due."),
    SubCommand(
        "scheduler",
        "entrypoints.cli.worker:scheduler",
        "Do from time to time what no caller asks for, until SIGTERM.",
    ),
    SubCommand(
        "sandbox-gateway",
        "entrypoints.cli.sandbox_gateway:sandbox_gateway",
        "Answer as a payment provider would, until SIGTERM.",
    ),
    SubCommand("lag", "entrypoints.cli.delivery:lag", "Show what each consumer has before it."),
    SubCommand(
        "dead-letters",
        "entrypoints.cli.delivery:dead_letters",
        "Messages that no further try is made for.",
    ),
    SubCommand(
        "sagas", "entrypoints.cli.sagas:sagas", "Sagas: how orders are fulfilled, and what got stuck."
    ),
    SubCommand(
        "migrate",
        "entrypoints.cli.database:migrate",
        "Bring the database's schema to what this version expects.",
    ),
    SubCommand("doctor", "entrypoints.cli.database:doctor", "Check every dependency and setting."),
    SubCommand(
        "partitions",
        "entrypoints.cli.partitions:partitions",
        "Partitions of readings: what there is, and what may go.",
    ),
    SubCommand("purge", "entrypoints.cli.purge:purge", "Redact orders that were deleted long ago."),
    SubCommand(
        "audit",
        "entrypoints.cli.audit:audit",
        "Recompute all state from events, and money from the gateway's ledger.",
    ),
    SubCommand("tenant", "entrypoints.cli.access:tenants", "Tenants: whose data is whose."),
    SubCommand("token", "entrypoints.cli.access:tokens", "Access tokens: who may do what for a tenant."),
    SubCommand("bench", "entrypoints.cli.bench:bench", "Measure, and print ratios."),
)

app = typer.Typer(
    cls=lazy_group(SUB_COMMANDS),
    help="Holdwater: orders and sensor readings, kept correct under concurrency, retries and crashes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _sub_command in SUB_COMMANDS:
    app.command(_sub_command.name, help=_sub_command.summary)(stand_in)


def main() -> None:
    """Run the command line; a failure that has a name is one line on stderr and a status other than 0."""
    try:
        app()
    except DomainError as error:
        _fail(str(error), verdict_of(type(error)).exit_code)
    except CommandFailed as error:
        _fail(str(error), error.exit_code)
    except (NotFit, SettingInvalid) as error:
        _fail(str(error), 1)


def _fail(message: str, status: int) -> None:
    err.print(f"holdwater: {message}", markup=False, soft_wrap=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
