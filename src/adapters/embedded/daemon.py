"""Looks at, attaches to, starts in the background and stops a stack, from another process than its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.embedded.errors import EmbeddedServiceError, StackNotRunning
from adapters.embedded.ports import HOST
from adapters.embedded.postgres_roles import APP, OWNER, PURGE, SYSTEM, DatabaseUrls, database_url
from adapters.embedded.postgres_server import SUPERUSER
from adapters.embedded.processes import POLL_S, identity, is_same_process, send_signal, wait_until
from adapters.embedded.state_directory import Secrets, StateDirectory

START_TIMEOUT_S = (
    180.0  # a first start with a crash recovery in it, and the readiness of the caller's commands
)
STOP_TIMEOUT_S = 120.0  # commands drain, PostgreSQL writes its last checkpoint
REMAINS_TIMEOUT_S = 15.0  # for children after the supervisor has gone
DETACHED_LOG = "supervisor"

# A second process in between, so that the stack is nobody's child and never a zombie of the caller.
_LAUNCHER = """
import os, subprocess, sys
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
process = subprocess.Popen(
    sys.argv[2:], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
)
print(process.pid, flush=True)
os._exit(0)
"""
_LAUNCH_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class StackStatus:
    """What is known of a stack. `state`: absent, starting, ready, stopping, stopped, failed or dead.

    "dead" means that the supervisor ended without saying so. `processes` maps each name to the pid of a live
    process that is really ours, or None. `redis`: embedded, external or none (poll mode).
    """

    state: str
    url: str | None = None
    started_at: str | None = None
    database: str | None = None
    supervisor_pid: int | None = None
    processes: Mapping[str, int | None] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    redis: str = "none"
    error: str | None = None

    @property
    def is_running(self) -> bool:
        return self.supervisor_pid is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningStack:
    """What another process needs to use a stack; `redis_url` is None unless Redis is the stack's own."""

    url: str | None
    urls: DatabaseUrls
    redis: str
    redis_url: str | None = field(repr=False)
    secrets: Secrets
    ports: Mapping[str, int]
    """Of what it is made of, by name."""


def stack_status(state: StateDirectory) -> StackStatus:
    """The state as recorded, checked against the processes that live."""
    record = state.read_stack()
    if not record:
        return StackStatus(state="absent")
    supervisor = _live_pid(record["supervisor"])
    recorded = record["state"]
    was_up = recorded in {"starting", "ready", "stopping"}
    return StackStatus(
        state="dead" if was_up and supervisor is None else recorded,
        url=record["url"],
        started_at=record["started_at"],
        database=record["database"],
        supervisor_pid=supervisor if was_up else None,
        processes={name: _live_pid(process) for name, process in record["processes"].items()},
        ports=record["ports"],
        redis=record["redis"],
        error=record["error"],
    )


def running_stack(state: StateDirectory, database: str | None = None) -> RunningStack:
    """Attach to the stack that runs here; `database` None means the one that it was started for.

    Raises StackNotRunning when there is none that is up.
    """
    status = stack_status(state)
    if status.state not in {"starting", "ready"} or not status.processes.get("postgres"):
        raise StackNotRunning(f"no stack runs on {state.path}; start one with `holdwater up`")
    secrets = state.secrets()
    name, port = database or str(status.database), status.ports["postgres"]

    def url(role: str, password: str) -> str:
        return database_url(role, password, host=HOST, port=port, database=name)

    return RunningStack(
        url=status.url,
        urls=DatabaseUrls(
            owner_url=url(OWNER, secrets.postgres_owner),
            app_url=url(APP, secrets.postgres_app),
            system_url=url(SYSTEM, secrets.postgres_system),
            purge_url=url(PURGE, secrets.postgres_purge),
            superuser_url=url(SUPERUSER, secrets.postgres_superuser),
        ),
        redis=status.redis,
        redis_url=(
            f"redis://:{secrets.redis}@{HOST}:{status.ports['redis']}/0"
            if status.redis == "embedded"
            else None
        ),
        secrets=secrets,
        ports={name: port for name, port in status.ports.items() if name in status.processes},
    )


def start_detached(
    state: StateDirectory,
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_s: float = START_TIMEOUT_S,
) -> StackStatus:
    """Run `argv` (a foreground `holdwater up`) in the background; returns when its stack is ready.

    It gets a session of its own and writes to `logs/supervisor.log`, nothing to the caller's stdout. Raises
    EmbeddedServiceError with the log's tail when it ends before it is ready, or isn't ready in time (it is
    stopped then).
    """
    state.create()
    os.close(state.open_log(DETACHED_LOG))
    offset = state.log_size(DETACHED_LOG)
    launched = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(state.log_path(DETACHED_LOG)), *argv],
        env=None if env is None else dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_LAUNCH_TIMEOUT_S,
    )
    if launched.returncode != 0:
        reason = launched.stderr.strip().splitlines()[-1:] or ["unknown reason"]
        raise EmbeddedServiceError(f"can't run {argv[0]}: {reason[0]}")
    pid = int(launched.stdout)
    started_as = identity(pid)
    deadline = time.monotonic() + timeout_s
    while is_same_process(pid, started_as):
        status = stack_status(state)
        if status.supervisor_pid == pid and status.state == "ready":
            return status
        if time.monotonic() > deadline:
            send_signal(pid, signal.SIGTERM)
            wait_until(lambda: not is_same_process(pid, started_as), STOP_TIMEOUT_S)
            raise EmbeddedServiceError(
                _failure(state, offset, f"the stack wasn't ready within {timeout_s:g} s")
            )
        time.sleep(POLL_S)
    raise EmbeddedServiceError(_failure(state, offset, "the stack ended before it was ready"))


def stop_stack(state: StateDirectory, timeout_s: float = STOP_TIMEOUT_S) -> bool:
    """Stop the stack that runs here and wait until all of it has gone; False when none ran.

    Only a process that is really the recorded one gets a signal. Raises EmbeddedServiceError when it doesn't
    stop in time, or leaves a process behind that can't be ended.
    """
    record = state.read_stack()
    status = stack_status(state)
    if status.supervisor_pid is not None:
        supervisor = record["supervisor"]
        send_signal(supervisor["pid"], signal.SIGTERM)
        if not wait_until(lambda: _live_pid(supervisor) is None, timeout_s):
            raise EmbeddedServiceError(
                f"the stack on {state.path} (pid {supervisor['pid']}) didn't stop in {timeout_s:g} s; "
                f"see {state.log_path(DETACHED_LOG)}, or end it with `kill -9`"
            )
    # After a kill -9 of the supervisor the guard is still ending its children; then it is our turn.
    processes = list(record.get("processes", {}).values())
    if not wait_until(lambda: not any(map(_live_pid, processes)), REMAINS_TIMEOUT_S):
        for process in processes:
            if (pid := _live_pid(process)) is not None:
                send_signal(pid, signal.SIGKILL)
        if not wait_until(lambda: not any(map(_live_pid, processes)), REMAINS_TIMEOUT_S):
            alive = ", ".join(str(pid) for pid in map(_live_pid, processes) if pid)
            raise EmbeddedServiceError(f"these processes of the stack can't be ended: {alive}")
    return status.is_running


def _failure(state: StateDirectory, offset: int, what: str) -> str:
    log = state.log_path(DETACHED_LOG)
    return f"{what}; see {log}, which ends with:\n{state.log_tail(DETACHED_LOG, since=offset)}"


def _live_pid(process: dict[str, Any]) -> int | None:
    return process["pid"] if is_same_process(process["pid"], process["identity"]) else None
