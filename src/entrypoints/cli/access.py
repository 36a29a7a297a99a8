"""`tenant` and `token`: who may use the service."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from application.access.access_desk import AccessDesk, IssuedToken, IssueToken
from entrypoints.cli.running import environment_of
from entrypoints.cli.state import STATE_DIR_DEFAULT, AsJson, StateDir, out, print_json
from entrypoints.cli.wiring import wired

tenants = typer.Typer(name="tenant", help="Tenants: whose data is whose.", no_args_is_help=True)
tokens = typer.Typer(name="token", help="Access tokens: who may do what for a tenant.", no_args_is_help=True)

Days = Annotated[int, typer.Option(help="Days until it expires.", min=1, max=3650)]
TokenId = Annotated[UUID, typer.Argument(help="The token's id, as `token list` shows it.")]


@tenants.command("create")
def create_tenant(
    name: Annotated[str, typer.Argument(help="A name of your choice, unique.")],
    state_dir: StateDir = STATE_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Create a tenant.

    Example: holdwater tenant create acme
    """
    tenant_id = _desk(state_dir).create_tenant(name)
    if as_json:
        print_json(tenant=name, id=tenant_id)
    else:
        out.print(f"Tenant {name} is there. Next: holdwater token create --tenant {name} --scopes all")


@tenants.command("devices")
def settle_devices(
    name: Annotated[str, typer.Argument(help="Which tenant.")],
    themselves: Annotated[
        bool,
        typer.Option(
            "--register-themselves/--only-registered",
            help="Whether a reading of an unknown device registers it, or is refused.",
        ),
    ],
    state_dir: StateDir = STATE_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Settle what becomes of readings of devices that nobody has registered.

    Unless told otherwise they register their device. Example: holdwater tenant devices acme --only-registered
    """
    _desk(state_dir).let_devices_register(name, themselves=themselves)
    if as_json:
        print_json(tenant=name, devices_register_themselves=themselves)
    elif themselves:
        out.print(f"From now on a reading of an unknown device registers it with tenant {name}.")
    else:
        out.print(f"From now on tenant {name} takes readings of registered devices alone.")


@tokens.command("create")
def create_token(
    tenant: Annotated[str, typer.Option(help="For which tenant.")],
    scopes: Annotated[str, typer.Option(help="What it allows: names separated by commas, or `all`.")],
    owner: Annotated[
        str, typer.Option(help="Who uses it; idempotency keys belong to the owner.")
    ] = "default",
    days: Days = 90,
    state_dir: StateDir = STATE_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Create a token; its secret is shown this once.

    Example: holdwater token create --tenant acme --scopes orders:write,products:write
    """
    issued = _desk(state_dir).issue(
        IssueToken(tenant=tenant, owner=owner, scopes=tuple(scopes.split(",")), lifetime=timedelta(days=days))
    )
    _show(issued, as_json)


@tokens.command("list")
def list_tokens(
    tenant: Annotated[str, typer.Option(help="Of which tenant.")],
    state_dir: StateDir = STATE_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """List a tenant's tokens, the expired and revoked included; never their secrets.

    Example: holdwater token list --tenant acme
    """
    found = _desk(state_dir).tokens(tenant)
    if as_json:
        print_json(
            tokens=[
                {
                    "id": token.id,
                    "owner": token.owner,
                    "scopes": token.scopes,
                    "expires_at": token.expires_at,
                    "last_used_at": token.last_used_at,
                    "revoked_at": token.revoked_at,
                }
                for token in found
            ]
        )
        return
    table = Table()
    for name in ("id", "owner", "scopes", "expires", "last used", "revoked"):
        table.add_column(name, no_wrap=name == "id", overflow="fold")
    for token in found:
        times = (token.expires_at, token.last_used_at, token.revoked_at)
        table.add_row(
            str(token.id),
            token.owner,
            " ".join(token.scopes),
            *(f"{time:%Y-%m-%d %H:%M}" if time else "" for time in times),
        )
    out.print(table)


@tokens.command("rotate")
def rotate_token(
    token_id: TokenId, days: Days = 90, state_dir: StateDir = STATE_DIR_DEFAULT, as_json: AsJson = False
) -> None:
    """Revoke a token and create its successor, with the same owner and scopes.

    Example: holdwater token rotate 01a20c24-2dc3-7683-b7fe-e5069205f924
    """
    _show(_desk(state_dir).rotate(token_id, timedelta(days=days)), as_json)


@tokens.command("revoke")
def revoke_token(token_id: TokenId, state_dir: StateDir = STATE_DIR_DEFAULT, as_json: AsJson = False) -> None:
    """Refuse a token from now on.

    Example: holdwater token revoke 01a20c24-2dc3-7683-b7fe-e5069205f924
    """
    _desk(state_dir).revoke(token_id)
    if as_json:
        print_json(revoked=token_id)
    else:
        out.print("Revoked; the next request with it is refused.")


def _show(issued: IssuedToken, as_json: bool) -> None:
    if as_json:
        print_json(token=issued.secret, id=issued.id)
    else:
        out.print(f"id     {issued.id}\ntoken  {issued.secret}\nThe token is not stored: keep it now.")


def _desk(state_dir: StateDir) -> AccessDesk:
    return wired(environment_of(state_dir)).access_desk()
