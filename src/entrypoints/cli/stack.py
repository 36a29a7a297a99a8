"""`up`: the whole stack on one machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final

import typer

from adapters.embedded.daemon import start_detached
from adapters.embedded.errors import EmbeddedServiceError, StopRequested
from adapters.embedded.ports import free_port, http_answers, port_is_free
from adapters.embedded.postgres_roles import DatabaseUrls
from adapters.embedded.stack import EmbeddedStack
from adapters.embedded.state_directory import StateDirectory, write_private_file
from adapters.embedded.supervisor import USUAL_PATIENCE, Patience
from application.access.access_desk import AccessDesk, IssueToken
from application.access.authenticate import AuthenticateHandler
from domain.access import NotAuthenticated
from domain.errors import NotFound
from entrypoints.cli.running import GATEWAY, development_token_file, url_of, variables_of
from entrypoints.cli.state import STATE_DIR_DEFAULT, AsJson, StateDir, err, out, print_json
from entrypoints.cli.wiring import wired
from entrypoints.settings import Settings, child_environment

DEVELOPMENT: Final = "development"
"""The tenant, and the owner of the token, that `up` makes."""
PORT_DEFAULT: Final = 8000
READY_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running stack, as its user sees it."""

    url: str
    token: str
    desk: AccessDesk


@contextmanager
def running_service(
    state_dir: Path,
    *,
    port: int | None,
    workers: int | None,
    report: Callable[[str], None],
    handle_signals: bool,
    processes: Mapping[str, int] = MappingProxyType({}),
    patience: Patience = USUAL_PATIENCE,
) -> Iterator[tuple[EmbeddedStack, Service]]:
    """Start the whole stack, ready for requests, and stop it at the end. `port` None takes a free one.

    `processes` says how many of a background role are started, if not one.
    """
    settings = Settings.from_environment()
    state = StateDirectory(state_dir)
    if port is not None and not port_is_free(port):
        raise EmbeddedServiceError(
            f"port {port} is in use; stop what listens there, or choose another --port"
        )
    external = (
        DatabaseUrls(
            owner_url=settings.database_owner_url or settings.database_url,
            app_url=settings.database_url,
            system_url=settings.database_system_url or settings.database_url,
            purge_url=settings.database_purge_url or settings.database_url,
            superuser_url="",
        )
        if settings.database_url
        else None
    )
    with EmbeddedStack(
        state,
        database_urls=external,
        redis_url=settings.redis_url or None,
        handle_signals=handle_signals,
        report=report,
        patience=patience,
    ) as stack:
        port = port or free_port()
        gateway_port = free_port() if _pays_through_sandbox(settings, report) else None
        environment = variables_of(stack.urls, stack.redis_url, state.secrets(), gateway_port=gateway_port)
        if workers is not None:
            environment["HOLDWATER_WEB_WORKERS"] = str(workers)
        container = wired(environment)
        container.migrate()
        url = f"http://127.0.0.1:{port}"
        if gateway_port is not None:
            callback_url = f"{url}/v1/payment-callbacks/sandbox"
            own = [
                "--port",
                str(gateway_port),
                "--callback-url",
                callback_url,
                "--state-dir",
                str(state.path),
            ]
            stack.run_command(
                GATEWAY,
                [sys.executable, "-m", "entrypoints.cli.main", GATEWAY, *own],
                env=child_environment(environment),
                port=gateway_port,
            )
        # First those that nobody waits for: they load while web does, and end after it.
        for role in _background_roles(settings, stack, report):
            for number in range(1, processes.get(role, 1) + 1):
                stack.run_command(
                    role if number == 1 else f"{role}-{number}",
                    [sys.executable, "-m", "entrypoints.cli.main", role],
                    env=child_environment(environment),
                )
        stack.run_command(
            "web",
            [sys.executable, "-m", "entrypoints.cli.main", "web", "--port", str(port)],
            env=child_environment(environment),
            is_ready=lambda: http_answers(port, "/readyz"),
            ready_timeout_s=READY_TIMEOUT_S,
        )
        token = _development_token(state, container.access_desk(), container.authenticate())
        stack.mark_ready(url)
        yield stack, Service(url=url, token=token, desk=container.access_desk())


def _pays_through_sandbox(settings: Settings, report: Callable[[str], None]) -> bool:
    """Where nobody has set a gateway, and the data is a development's."""
    if settings.database_url and not settings.payment_gateway_url:
        report("HOLDWATER_PAYMENT_GATEWAY_URL is not set: orders can be placed and cancelled, not fulfilled")
    return not settings.database_url and not settings.payment_gateway_url


def _background_roles(
    settings: Settings, stack: EmbeddedStack, report: Callable[[str], None]
) -> tuple[str, ...]:
    """Those that find a database login of their own; the others are named."""
    is_ours = not settings.database_url
    if not is_ours and not settings.database_system_url:
        report("DATABASE_SYSTEM_URL is not set: no worker is started, and messages wait for one")
        return ()
    delivering = ("worker", "relay") if stack.redis_url or settings.broker_url else ("worker",)
    if not is_ours and not settings.database_purge_url:
        report("DATABASE_PURGE_URL is not set: no scheduler is started, and nothing is purged")
        return delivering
    return (*delivering, "scheduler")


@contextmanager
def servers_alone(state_dir: Path) -> Iterator[dict[str, str]]:
    """A migrated database, and Redis, without a service, for the time of the block; the variables that lead there."""
    state = StateDirectory(state_dir)
    redis_url = Settings.from_environment().redis_url or None
    with EmbeddedStack(state, redis_url=redis_url, report=err.print) as stack:
        environment = variables_of(stack.urls, stack.redis_url, state.secrets(), gateway_port=None)
        wired(environment).migrate()
        yield environment


def up(
    port: Annotated[
        int, typer.Option(help="Where the API answers, on 127.0.0.1.", min=1, max=65535)
    ] = PORT_DEFAULT,
    state_dir: StateDir = STATE_DIR_DEFAULT,
    workers: Annotated[int | None, typer.Option(help="Web processes.", min=1, max=64)] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Go to the background when ready.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start the whole stack and keep it running.

    Uses DATABASE_URL and REDIS_URL where they are set; starts PostgreSQL and Redis of its own otherwise, and a payment
    gateway that moves no money (see `holdwater sandbox-gateway`) unless HOLDWATER_PAYMENT_GATEWAY_URL is set.

    Example: holdwater up --port 8000 --detach --json
    """
    if detach:
        argv = [
            sys.executable,
            "-m",
            "entrypoints.cli.main",
            "up",
            "--port",
            str(port),
            "--state-dir",
            str(state_dir),
        ]
        argv += ["--workers", str(workers)] if workers is not None else []
        start_detached(StateDirectory(state_dir), argv)
        _announce(
            url_of(state_dir) or "",
            development_token_file(state_dir).read_text().strip(),
            state_dir,
            as_json,
        )
        return
    with (
        suppress(StopRequested),
        running_service(state_dir, port=port, workers=workers, report=err.print, handle_signals=True) as (
            stack,
            service,
        ),
    ):
        _announce(service.url, service.token, state_dir, as_json)
        stack.run_until_stopped()


def _announce(url: str, token: str, state_dir: Path, as_json: bool) -> None:
    if as_json:
        print_json(url=url, token=token, state_dir=str(state_dir.absolute()))
        sys.stdout.flush()
    else:
        # Where this is no terminal it is a log, and a log holds no secret.
        shown = token if out.is_terminal else f"in {development_token_file(state_dir)}"
        out.print(
            f"Holdwater is ready.\n  API    {url}/v1\n  docs   {url}/docs\n  token  {shown}", soft_wrap=True
        )
        out.print(
            f"  logs   {state_dir / 'logs'}\nCtrl-C or `holdwater down --state-dir {state_dir}` stops it."
        )


def _development_token(state: StateDirectory, desk: AccessDesk, authenticate: AuthenticateHandler) -> str:
    """The token of the last start if it still works, else a new one; kept readable by its owner alone."""
    file = development_token_file(state.path)
    if file.exists():
        secret = file.read_text().strip()
        try:
            authenticate.handle(secret)
            return secret
        except NotAuthenticated:
            pass
    command = IssueToken(tenant=DEVELOPMENT, owner=DEVELOPMENT, scopes=("all",))
    try:
        secret = desk.issue(command).secret
    except NotFound:
        desk.create_tenant(DEVELOPMENT)
        secret = desk.issue(command).secret
    write_private_file(file, secret + "\n")
    return secret
