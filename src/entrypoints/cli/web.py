"""`web`: the HTTP server alone, for a process manager or container."""

from __future__ import annotations

from typing import Annotated

import typer

from entrypoints import web_server
from entrypoints.cli.running import environment_of
from entrypoints.cli.state import STATE_DIR_DEFAULT, StateDir
from entrypoints.cli.wiring import wired


def web(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)] = 8000,
    state_dir: StateDir = STATE_DIR_DEFAULT,
) -> None:
    """Serve the API until SIGTERM, then finish what was accepted.

    Refuses to start with a database role that could see past a tenant (superuser, owner, BYPASSRLS).

    Example: holdwater web --host 0.0.0.0 --port 8000
    """
    container = wired(environment_of(state_dir))
    container.refuse_void_isolation()
    web_server.serve(container.settings(), host=host, port=port, state_dir=state_dir)
