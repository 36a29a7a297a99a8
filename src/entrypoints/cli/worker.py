"""`worker`, `relay` and `scheduler`: background roles alone, for a process manager or container."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import typer

from entrypoints import logs
from entrypoints.cli.running import environment_of
from entrypoints.cli.state import STATE_DIR_DEFAULT, StateDir
from entrypoints.cli.wiring import wired
from entrypoints.container import Container
from entrypoints.heartbeat import Heart
from entrypoints.worker.roles import run_relay, run_scheduler, run_worker
from entrypoints.worker.rounds import holds, stopped_by_signals


def worker(state_dir: StateDir = STATE_DIR_DEFAULT) -> None:
    """Handle messages until SIGTERM, then finish what runs.

    HOLDWATER_WORKER_THREADS says how many at once, HOLDWATER_SAGA_THREADS how many sagas beside them,
    HOLDWATER_INTAKE_THREADS how many batches of readings. Without a broker it looks for work in PostgreSQL itself.

    Example: holdwater worker --state-dir var
    """
    container = _container(state_dir)
    own_relay = () if container.settings().broker_url else (container.require_system_role,)
    _run("worker", run_worker, container, *own_relay)


def relay(state_dir: StateDir = STATE_DIR_DEFAULT) -> None:
    """Wake workers for messages that are due, until SIGTERM. Any number of relays may run.

    Example: holdwater relay --state-dir var
    """
    container = _container(state_dir)
    if not container.settings().broker_url:
        raise typer.BadParameter(
            "there is no broker: set REDIS_URL or BROKER_URL, or run workers alone, which then wake themselves"
        )
    _run("relay", run_relay, container, container.require_system_role)


def scheduler(state_dir: StateDir = STATE_DIR_DEFAULT) -> None:
    """Do from time to time what no caller asks for, until SIGTERM.

    Any number of schedulers may run: each job has a lease, so that one of them does it at a time. It removes expired
    request keys, settled messages, and what orders that were deleted long ago say of persons.

    Example: holdwater scheduler --state-dir var
    """
    container = _container(state_dir)
    _run("scheduler", run_scheduler, container, container.require_system_role, container.require_purge_role)


def _container(state_dir: Path) -> Container:
    container = wired(environment_of(state_dir))
    settings = container.settings()
    logs.configure(settings.log_format, settings.log_level)
    return container


def _run(
    role: str,
    run: Callable[[Container, threading.Event], None],
    container: Container,
    *checks: Callable[[], object],
) -> None:
    """Run with a heartbeat until a signal, once the database's roles are found to be right."""
    all_checks: list[Callable[[], object]] = [container.refuse_void_isolation, *checks]
    with stopped_by_signals() as stop:
        if not all(holds(check, stop=stop) for check in all_checks):
            return
        heart = Heart(container, role)
        heart.start()
        try:
            run(container, stop)
        finally:
            heart.stop()
