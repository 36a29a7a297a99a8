"""`worker`, `relay` and `scheduler`: background roles alone, for a process manager or container."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from entrypoints import logs
from entrypoints.cli.running import environment_of
from entrypoints.cli.state import STATE_DIR_DEFAULT, StateDir
from entrypoints.cli.wiring import wired
from entrypoints.container import Container
from entrypoints.heartbeat import Heart
from entrypoints.worker.roles import run_relay, run_scheduler, run_worker
from entrypoints.worker.rounds import stopped_by_signals


def worker(state_dir: StateDir = STATE_DIR_DEFAULT) -> None:
    """Handle messages until SIGTERM, then finish what runs.

    HOLDWATER_WORKER_THREADS says how many at once. Without a Redis it looks for work in PostgreSQL itself.

    Example: holdwater worker --state-dir var
    """
    container = _started(state_dir)
    if not container.settings().redis_url:
        container.require_system_role()
    with _running(container, "worker") as stop:
        run_worker(container, stop)


def relay(state_dir: StateDir = STATE_DIR_DEFAULT) -> None:
    """Wake workers for messages that are due, until SIGTERM. Any number of relays may run.

    Example: holdwater relay --state-dir var
    """
    container = _started(state_dir)
    if not container.settings().redis_url:
        raise typer.BadParameter(
            "there is no broker: set REDIS_URL, or run workers alone, which then wake themselves"
        )
    container.require_system_role()
    with _running(container, "relay") as stop:
        run_relay(container, stop)


def scheduler(state_dir: StateDir = STATE_DIR_DEFAULT) -> None:
    """Do from time to time what no caller asks for, until SIGTERM.

    Any number of schedulers may run: each job has a lease, so that one of them does it at a time. It removes expired
    request keys, settled messages, and what orders that were deleted long ago say of persons.

    Example: holdwater scheduler --state-dir var
    """
    container = _started(state_dir)
    container.require_system_role()
    container.require_purge_role()
    with _running(container, "scheduler") as stop:
        run_scheduler(container, stop)


@contextmanager
def _running(container: Container, role: str) -> Iterator[threading.Event]:
    """With a heartbeat, until a signal."""
    heart = Heart(container, role)
    with stopped_by_signals() as stop:
        heart.start()
        try:
            yield stop
        finally:
            heart.stop()


def _started(state_dir: StateDir) -> Container:
    container = wired(environment_of(state_dir))
    settings = container.settings()
    logs.configure(settings.log_format, settings.log_level)
    container.refuse_void_isolation()
    return container
