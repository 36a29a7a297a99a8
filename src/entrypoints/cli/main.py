"""The `holdwater` command: each sub-command is one function of a sibling file."""

from __future__ import annotations

import sys

import typer
import urllib3

from application.ports.readiness import NotFit
from domain.errors import DomainError
from entrypoints.cli import access, bench, database, delivery, purge, stack, web, worker
from entrypoints.cli.demo.api_client import UnexpectedReply
from entrypoints.cli.demo.command import demo
from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.state import err
from entrypoints.error_table import verdict_of
from entrypoints.settings import SettingInvalid

app = typer.Typer(
    help="Holdwater: orders and sensor readings, kept correct under concurrency, retries and crashes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(stack.up)
app.command()(stack.down)
app.command()(stack.status)
app.command()(demo)
app.command()(web.web)
app.command()(worker.worker)
app.command()(worker.relay)
app.command()(database.migrate)
app.command()(database.doctor)
app.command()(purge.purge)
app.command()(delivery.lag)
app.add_typer(delivery.dead_letters, name="dead-letters")
app.add_typer(access.tenants, name="tenant")
app.add_typer(access.tokens, name="token")
app.command()(bench.bench)


def main() -> None:
    """Run the command line; a failure that has a name is one line on stderr and a status other than 0."""
    try:
        app()
    except DomainError as error:
        _fail(str(error), verdict_of(type(error)).exit_code)
    except (CommandFailed, NotFit, SettingInvalid, UnexpectedReply) as error:
        _fail(str(error), 1)
    except urllib3.exceptions.HTTPError as error:
        _fail(f"the service does not answer ({error}); see `holdwater status`", 1)


def _fail(message: str, status: int) -> None:
    err.print(f"holdwater: {message}", markup=False, soft_wrap=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
