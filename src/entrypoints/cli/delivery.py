"""`lag` and `dead-letters`: how far messages are, and what became of those that nobody could deliver."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Final
from uuid import UUID

import typer
from rich.table import Table

from entrypoints.cli.running import environment_of
from entrypoints.cli.state import STATE_DIR_DEFAULT, AsJson, StateDir, out, print_json
from entrypoints.cli.wiring import wired

LISTED_MAX: Final = 500

dead_letters = typer.Typer(
    name="dead-letters", help="Messages that no further try is made for.", no_args_is_help=True
)

Tenant = Annotated[str, typer.Option(help="Of which tenant.")]


def lag(state_dir: StateDir = STATE_DIR_DEFAULT, as_json: AsJson = False) -> None:
    """Show what each consumer has before it, over all tenants.

    Example: holdwater lag --json
    """
    container = wired(environment_of(state_dir))
    container.require_system_role()
    found = container.backlog().lag()
    if as_json:
        print_json(consumers=[dataclasses.asdict(consumer) for consumer in found])
        return
    table = Table("consumer", "pending", "oldest", "dead letters", "settled in the last minute")
    for each in found:
        oldest = "" if each.oldest_age_s is None else f"{each.oldest_age_s:,.0f} s"
        table.add_row(
            each.consumer, f"{each.pending:,}", oldest, f"{each.parked:,}", f"{each.settled_last_minute:,}"
        )
    out.print(table if found else "No message is on its way.")


@dead_letters.command("list")
def list_dead_letters(
    tenant: Tenant,
    after: Annotated[UUID | None, typer.Option(help="Only those after this one, to go on.")] = None,
    state_dir: StateDir = STATE_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """List up to 500 dead letters, each with the error of its last try.

    Example: holdwater dead-letters list --tenant acme
    """
    container = wired(environment_of(state_dir))
    tenant_id = container.access_administration().tenant_id(tenant)
    found = container.dead_letters().list(tenant_id, after=after, limit=LISTED_MAX)
    if as_json:
        print_json(dead_letters=[dataclasses.asdict(letter) for letter in found])
        return
    table = Table("id", "consumer", "event", "tries", "parked", "error")
    for letter in found:
        event = f"{letter.event_type} of {letter.stream_kind} {letter.stream_id}"
        parked = f"{letter.parked_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(str(letter.id), letter.consumer, event, str(letter.tries), parked, letter.error)
    out.print(table if found else "There is no dead letter.")


@dead_letters.command("replay")
def replay_dead_letter(
    message_id: Annotated[UUID, typer.Argument(help="Its id, as `dead-letters list` shows it.")],
    tenant: Tenant,
    state_dir: StateDir = STATE_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Let a dead letter be tried again; those that wait behind it follow in order.

    Example: holdwater dead-letters replay 01a20d1b-cdf6-72ed-b538-1c02f61e6c7d --tenant acme
    """
    container = wired(environment_of(state_dir))
    tenant_id = container.access_administration().tenant_id(tenant)
    container.dead_letters().replay(tenant_id, message_id)
    if as_json:
        print_json(replayed=message_id)
    else:
        out.print(f"Dead letter {message_id} will be tried again.")
