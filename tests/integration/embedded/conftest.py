"""State directories and background stacks whose processes are ended whatever a test does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psycopg2
import pytest

from adapters.embedded.daemon import StackStatus, stack_status, stop_stack
from adapters.embedded.processes import identity, send_signal
from adapters.embedded.stack import EmbeddedStack
from adapters.embedded.state_directory import StateDirectory

PROGRAM = Path(__file__).with_name("stack_program.py")
PATIENCE_S = 45.0


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDirectory]:
    """A state directory that doesn't exist yet; whatever runs on it is stopped at the end."""
    directory = StateDirectory(tmp_path / "state")
    yield directory
    stop_stack(directory)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """One running stack for the tests of a module that leave it as they found it."""
    with EmbeddedStack(StateDirectory(tmp_path_factory.mktemp("stack"))) as running:
        yield running


@pytest.fixture
def background(state: StateDirectory) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts stack_program.py on `state` as a child of the test and returns when it is ready."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            program(state, command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        started.append(process)
        eventually(
            lambda: (status := stack_status(state)).state == "ready" and status.supervisor_pid == process.pid
        )
        return process

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)


def program(state: StateDirectory, command: Sequence[str] = ()) -> list[str]:
    return [sys.executable, str(PROGRAM), str(state.path), *command]


def eventually(condition: Callable[[], bool], what: str = "it never happened") -> None:
    """Wait for a condition for at most PATIENCE_S seconds; fail with `what` when it doesn't come."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def shared_memory_files() -> set[str]:
    """The names of all shared memory files of the machine."""
    return set(os.listdir("/dev/shm"))


def assert_shared_memory_is_freed(before: set[str]) -> None:
    """Nothing is left beside `before` once the processes under test are gone.

    A file of theirs would stay, for nobody is left to remove it; those of other servers, being set up at this
    moment beside this test, go by themselves.
    """
    left = shared_memory_files() - before
    eventually(lambda: not left & shared_memory_files(), f"left in shared memory: {left}")


def query(url: str, statement: str) -> list[tuple[object, ...]]:
    """Run one statement on a connection of its own and return its rows, if it gives any."""
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def processes_about(text: str) -> dict[int, str]:
    """Live processes whose command line, working directory or open log names `text`, by pid."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid() or identity(int(entry.name)) is None:
            continue
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            places = [os.readlink(entry / "cwd"), *(os.readlink(link) for link in (entry / "fd").iterdir())]
        except OSError:
            continue
        if any(text in place for place in (line, *places)):
            found[int(entry.name)] = line
    return found


def all_pids(status: StackStatus) -> list[int]:
    """The pids of every process that a stack's record names."""
    pids = [status.supervisor_pid, *status.processes.values()]
    return [pid for pid in pids if pid is not None]


def kill(pid: int) -> None:
    assert identity(pid) is not None, "the process to kill is dead already"
    send_signal(pid, signal.SIGKILL)


def answers(url: str) -> bool:
    """Whether PostgreSQL does."""
    try:
        return query(url, "SELECT 1") == [(1,)]
    except psycopg2.OperationalError:
        return False
