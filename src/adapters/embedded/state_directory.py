"""The one folder that a stack writes to: its layout, secrets, lock and the record of what runs."""

from __future__ import annotations

import base64
import dataclasses
import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.embedded.errors import EmbeddedServiceError, StackAlreadyRunning
from adapters.embedded.postgres_roles import RolePasswords

SECRET_BYTES = 32
LOG_BYTES_KEPT = 20_000_000  # a log above this size is moved to NAME.log.1 at the next start


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Random values of one state directory; the repr shows none of them."""

    postgres_superuser: str = field(repr=False)
    postgres_owner: str = field(repr=False)
    postgres_app: str = field(repr=False)
    postgres_system: str = field(repr=False)
    postgres_purge: str = field(repr=False)
    redis: str = field(repr=False)
    django_secret_key: str = field(repr=False)
    payment_gateway_token: str = field(repr=False)
    payment_callback: str = field(repr=False)

    @property
    def payment_callback_secret(self) -> str:
        """As the Standard Webhooks specification writes a secret."""
        return "whsec_" + base64.b64encode(self.payment_callback.encode()).decode()

    @property
    def passwords(self) -> RolePasswords:
        return RolePasswords(
            owner=self.postgres_owner,
            app=self.postgres_app,
            system=self.postgres_system,
            purge=self.postgres_purge,
        )


class StateDirectory:
    """A folder (mode 0700 when made here) that holds everything a stack keeps between starts.

    Layout: `secrets.json` (0600), `stack.json` (what runs, on which ports), `lock`, `logs/`, `postgres/`,
    `redis/`. Nothing is created before it is needed.
    """

    def __init__(self, path: Path | str = "var") -> None:
        self.path = Path(path).absolute()
        self.logs = self.path / "logs"
        self.postgres_data = self.path / "postgres"
        self.redis_data = self.path / "redis"
        self.secrets_file = self.path / "secrets.json"
        self.stack_file = self.path / "stack.json"
        self.lock_file = self.path / "lock"

    def create(self) -> None:
        """Make the folder and `logs/`; an existing folder's mode is left as it is."""
        try:
            if not self.path.exists():
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self.path.mkdir(mode=0o700, exist_ok=True)
            self.logs.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from error

    @property
    def cluster_name(self) -> str:
        """A name for this folder's PostgreSQL that no copy of the folder shares; process titles show it."""
        place = self.path.stat()
        return f"holdwater-{hashlib.sha256(f'{place.st_dev}:{place.st_ino}'.encode()).hexdigest()[:12]}"

    def secrets(self) -> Secrets:
        """The secrets; made on the first call, completed when a newer version knows more of them."""
        self.create()
        stored = _read_json(self.secrets_file)
        if not stored and self.postgres_data.exists():
            raise EmbeddedServiceError(
                f"{self.secrets_file} is missing but {self.postgres_data} exists; bring the file back from a "
                "backup, or choose another state directory"
            )
        names = [entry.name for entry in dataclasses.fields(Secrets)]
        values = {name: stored.get(name) or secrets.token_urlsafe(SECRET_BYTES) for name in names}
        if values != stored:
            write_private_file(self.secrets_file, json.dumps(values, indent=2) + "\n")
        return Secrets(**values)

    def read_stack(self) -> dict[str, Any]:
        """The record of the stack that runs, or ran last; empty when there was none."""
        return _read_json(self.stack_file)

    def write_stack(self, record: dict[str, Any]) -> None:
        """Replace the record of the stack atomically: a reader sees the old one or the new one."""
        write_private_file(self.stack_file, json.dumps(record, indent=2) + "\n")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory for one stack; the kernel lets go when this process ends, however it ends.

        Raises StackAlreadyRunning, which names the holder's pid.
        """
        self.create()
        try:
            descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
                raise StackAlreadyRunning(
                    f"a stack already runs on {self.path} (pid {holder}); "
                    "stop it with `holdwater down`, or choose another --state-dir"
                ) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def open_log(self, name: str) -> int:
        """A descriptor that appends to `logs/NAME.log`; the caller closes it."""
        path = self.log_path(name)
        if path.exists() and path.stat().st_size > LOG_BYTES_KEPT:
            path.replace(path.with_suffix(".log.1"))
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def log_path(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def log_size(self, name: str) -> int:
        """The size in bytes of a log: the offset at which what comes next will stand."""
        path = self.log_path(name)
        return path.stat().st_size if path.exists() else 0

    def log_tail(self, name: str, *, since: int = 0, lines_max: int = 15) -> str:
        """The last lines of a log that stand after the offset `since`."""
        path = self.log_path(name)
        if not path.exists():
            return ""
        with path.open("rb") as log:
            log.seek(max(since, path.stat().st_size - 64_000))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines_max:])

    def _unusable(self, error: OSError) -> EmbeddedServiceError:
        return EmbeddedServiceError(
            f"can't use the state directory {self.path} ({error.strerror}); "
            "choose another one or run as the user who owns it"
        )


def write_private_file(path: Path, text: str, *, owner: tuple[int, int] | None = None) -> None:
    """Write a file of mode 0600 atomically and durably; `owner` is a (uid, gid) to give it to."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        if owner is not None:
            os.fchown(descriptor, *owner)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise EmbeddedServiceError(f"can't read {path} ({error}); repair it or move it away") from error
    return content if isinstance(content, dict) else {}
