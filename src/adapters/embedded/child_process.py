"""Starts a child that can't outlive the supervisor, never as root where it mustn't be, writing to a log."""

from __future__ import annotations

import os
import pwd
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.embedded.errors import EmbeddedServiceError

# The servers get these and nothing of the caller's environment: no PGDATA and no locale gets in their way.
SERVER_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
_TOOL_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


@dataclass(frozen=True, slots=True)
class Account:
    """A uid and gid that a server runs under, for PostgreSQL refuses to run as root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to execute. `env` None means the caller's environment; `account` None means the caller's user."""

    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    account: Account | None = None


def unprivileged_account(data: Path) -> Account | None:
    """The account for a server whose files are (or will be) in `data`: None when the caller isn't root.

    For root it is the one that owns the data already (a user who was there before), else `nobody`.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedServiceError(
            "PostgreSQL can't run as root and there is no user `nobody`; run as an ordinary user"
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def private_folder(path: Path, account: Account | None) -> None:
    """Make a folder of mode 0700 inside the state directory that belongs to the account."""
    path.mkdir(mode=0o700, exist_ok=True)
    if account is not None:
        os.chown(path, account.uid, account.gid)


def spawn(command: Command, *, log: int, parent_death_signal: int) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, reading nothing and writing to the descriptor `log`.

    Linux ends it with `parent_death_signal` when the *thread* that called this ends (prctl(2)), so call it
    from the main thread, or from one that lives as long as the stack. Core files are off for it.
    """
    search_path = None if command.env is None else command.env.get("PATH")
    if shutil.which(command.argv[0], path=search_path) is None:
        raise EmbeddedServiceError(
            f"can't find the program {command.argv[0]}; install it, or put it on the PATH"
        )
    argv = wrapped(command, parent_death_signal)
    try:
        with _no_core_files():
            return subprocess.Popen(
                argv,
                env=None if command.env is None else dict(command.env),
                cwd=command.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    except OSError as error:
        raise EmbeddedServiceError(
            f"can't run {command.argv[0]} ({error.strerror}); is it installed and executable?"
        ) from error


def wrapped(command: Command, parent_death_signal: int) -> list[str]:
    """The command line with the changes of user and the parent-death signal in front of it.

    setpriv does both, in the order that works: a signal set before the change of uid is cleared by it. A
    `preexec_fn` would run Python between fork and exec, which may hang when the caller has threads.
    CAP_DAC_OVERRIDE lets `nobody` pass through folders that are root's alone, so that none is opened for it.
    """
    setpriv = shutil.which("setpriv", path=_TOOL_PATH) if sys.platform.startswith("linux") else None
    if setpriv is None:
        if command.account is not None:
            raise EmbeddedServiceError(
                "starting a server as root needs setpriv; install util-linux, or run as an ordinary user"
            )
        return list(command.argv)  # the guard process alone ties it to its parent
    options = [f"--pdeathsig={signal.Signals(parent_death_signal).name.removeprefix('SIG')}"]
    if command.account is not None:
        options += [
            f"--reuid={command.account.uid}",
            f"--regid={command.account.gid}",
            "--clear-groups",
            "--inh-caps=+dac_override",
            "--ambient-caps=+dac_override",
        ]
    return [setpriv, *options, "--", *command.argv]


@contextmanager
def _no_core_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
