"""`down`, and where the running stack answers: needs neither Django nor the servers' own modules."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from adapters.embedded.daemon import running_stack, stack_status, stop_stack
from adapters.embedded.ports import HOST
from adapters.embedded.postgres_roles import DatabaseUrls
from adapters.embedded.state_directory import Secrets, StateDirectory
from entrypoints.cli.state import STATE_DIR_DEFAULT, AsJson, StateDir, out, print_json
from entrypoints.settings import Settings

GATEWAY: Final = "sandbox-gateway"
"""Its name among the processes of a stack."""


def environment_of(state_dir: Path) -> dict[str, str]:
    """The variables that lead to the services: none where the environment names them, else those of the stack here.

    Raises StackNotRunning where there is neither.
    """
    if Settings.from_environment().database_url:
        return {}
    stack = running_stack(StateDirectory(state_dir))
    return variables_of(stack.urls, stack.redis_url, stack.secrets, gateway_port=stack.ports.get(GATEWAY))


def url_of(state_dir: Path) -> str | None:
    """Where the stack of that directory answers; None if none is ready."""
    status = stack_status(StateDirectory(state_dir))
    return status.url if status.state == "ready" else None


def development_token_file(state_dir: Path) -> Path:
    """Where `up` keeps the token of the development tenant, readable by its owner alone."""
    return StateDirectory(state_dir).path / "development-token"


def variables_of(
    urls: DatabaseUrls, redis_url: str | None, secrets: Secrets, *, gateway_port: int | None
) -> dict[str, str]:
    """The variables that lead a process to these services; `gateway_port` None: no sandbox gateway is among them."""
    variables = {
        "DATABASE_URL": urls.app_url,
        "DATABASE_OWNER_URL": urls.owner_url,
        "DATABASE_SYSTEM_URL": urls.system_url,
        "DATABASE_PURGE_URL": urls.purge_url,
        "REDIS_URL": redis_url or "",
        "HOLDWATER_SECRET_KEY": secrets.django_secret_key,
    }
    if gateway_port is not None:
        variables |= {
            "HOLDWATER_PAYMENT_GATEWAY_URL": f"http://{HOST}:{gateway_port}",
            "HOLDWATER_PAYMENT_GATEWAY_TOKEN": secrets.payment_gateway_token,
            "HOLDWATER_PAYMENT_CALLBACK_SECRET": secrets.payment_callback_secret,
        }
    return variables


def gateway_secrets_of(state_dir: Path) -> tuple[str, str]:
    """The payment gateway's token and the secret of its callbacks: the environment's, else the state directory's."""
    settings = Settings.from_environment()
    token, callback_secret = settings.payment_gateway_token, settings.payment_callback_secret
    if token and callback_secret:
        return token, callback_secret
    own = StateDirectory(state_dir).secrets()
    return token or own.payment_gateway_token, callback_secret or own.payment_callback_secret


def down(state_dir: StateDir = STATE_DIR_DEFAULT, as_json: AsJson = False) -> None:
    """Stop the stack of this state directory; its data stays.

    Example: holdwater down --state-dir var
    """
    stopped = stop_stack(StateDirectory(state_dir))
    if as_json:
        print_json(stopped=stopped)
    else:
        out.print("Stopped." if stopped else f"No stack runs on {state_dir}.")
