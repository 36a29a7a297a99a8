"""Whatever is killed, nothing survives its supervisor, and nothing that was committed is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg2
import pytest

from adapters.embedded.child_process import Account, unprivileged_account
from adapters.embedded.daemon import running_stack, stack_status, stop_stack
from adapters.embedded.errors import EmbeddedServiceError, StopRequested
from adapters.embedded.parent_guard import ParentGuard
from adapters.embedded.processes import identity, postgres_processes
from adapters.embedded.stack import EmbeddedStack
from adapters.embedded.state_directory import StateDirectory
from adapters.embedded.supervisor import Patience
from integration.embedded.conftest import (
    PATIENCE_S,
    PROGRAM,
    all_pids,
    answers,
    assert_shared_memory_is_freed,
    eventually,
    kill,
    processes_about,
    program,
    query,
    shared_memory_files,
)

pytestmark = pytest.mark.timeout(180)

StartInBackground = Callable[..., subprocess.Popen[bytes]]

# A command that ignores SIGTERM and has a child that does the same: the worst that a web server could be.
STUBBORN = (
    "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.fork(); time.sleep(1000)"
)


class TestTheSupervisorIsKilled:
    def test_nothing_is_left_of_its_stack(self, state: StateDirectory, background: StartInBackground) -> None:
        supervisor = background(sys.executable, "-c", STUBBORN)
        status = stack_status(state)
        assert set(status.processes) == {"guard", "postgres", "redis", "web"}
        eventually(lambda: len(_stubborn_pids(state)) == 2)
        before = [*all_pids(status), *processes_about(str(state.path))]
        supervisor.kill()
        supervisor.wait(PATIENCE_S)
        eventually(
            lambda: not any(identity(pid) for pid in before),
            f"still there: {processes_about(str(state.path))}",
        )
        assert processes_about(str(state.path)) == {}
        assert stack_status(state).state == "dead"

    @pytest.mark.allowed_skip("only Linux has a parent-death signal")
    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has the signal")
    def test_the_kernel_alone_ends_the_servers(
        self, state: StateDirectory, background: StartInBackground
    ) -> None:
        supervisor = background()
        status = stack_status(state)
        guard = status.processes["guard"]
        assert guard is not None
        os.kill(guard, signal.SIGSTOP)
        try:
            supervisor.kill()
            supervisor.wait(PATIENCE_S)
            servers = [status.processes["postgres"], status.processes["redis"]]
            eventually(lambda: not any(identity(pid) for pid in servers if pid), "a server lives on")
        finally:
            os.kill(guard, signal.SIGCONT)

    def test_the_guard_alone_ends_a_group(self) -> None:
        """What ties children to their parent where the kernel has no parent-death signal."""
        program = (
            "import subprocess, sys, time\n"
            "from adapters.embedded.parent_guard import ParentGuard\n"
            f"child = subprocess.Popen([sys.executable, '-c', {STUBBORN!r}], start_new_session=True)\n"
            "guard = ParentGuard()\n"
            "guard.add(child.pid, stop_signal=15, grace_s=0.2)\n"
            "print(child.pid, guard.pid, flush=True)\n"
            "time.sleep(1000)\n"
        )
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout is not None
            child, guard = map(int, parent.stdout.readline().split())
            assert identity(child)
            parent.kill()
        eventually(lambda: not _group_lives(child), "the group lives on")
        eventually(lambda: identity(guard) is None, "the guard lives on")

    def test_with_all_its_children_at_once_no_file_is_left_elsewhere(
        self, state: StateDirectory, background: StartInBackground
    ) -> None:
        shared_before = shared_memory_files()
        supervisor = background()
        pids = all_pids(stack_status(state))
        for pid in pids:
            kill(pid)
        supervisor.wait(PATIENCE_S)
        eventually(lambda: processes_about(str(state.path)) == {}, "something lives on")
        assert_shared_memory_is_freed(shared_before)
        assert not list(state.path.rglob("core*.[0-9]*"))
        with EmbeddedStack(state) as stack:
            assert query(stack.urls.app_url, "SELECT 1") == [(1,)]

    def test_the_next_start_finds_what_was_committed(
        self, state: StateDirectory, background: StartInBackground
    ) -> None:
        supervisor = background()
        query(running_stack(state).urls.owner_url, "CREATE TABLE kept AS SELECT 1 AS answer")
        supervisor.kill()
        supervisor.wait(PATIENCE_S)
        with EmbeddedStack(state) as stack:
            assert query(stack.urls.owner_url, "SELECT answer FROM kept") == [(1,)]


class TestAChildIsKilled:
    def test_postgres_comes_back_with_what_was_committed(
        self, state: StateDirectory, background: StartInBackground
    ) -> None:
        """Also with a backend that is busy and notices late that its postmaster is gone."""
        background()
        urls = running_stack(state).urls
        query(urls.owner_url, "CREATE TABLE kept AS SELECT 1 AS answer")
        busy = threading.Thread(target=_query_until_it_breaks, args=(urls.superuser_url,))
        busy.start()
        eventually(lambda: _is_busy(urls.superuser_url), "the backend never got busy")
        first = stack_status(state).processes["postgres"]
        assert first is not None
        kill(first)
        eventually(_is_replaced(state, "postgres", first), "no restart")
        eventually(lambda: answers(urls.owner_url), "PostgreSQL doesn't answer")
        assert query(urls.owner_url, "SELECT answer FROM kept") == [(1,)]
        busy.join(PATIENCE_S)
        assert not busy.is_alive()

    def test_redis_web_and_guard_come_back(
        self, state: StateDirectory, background: StartInBackground
    ) -> None:
        supervisor = background("sleep", "1000")
        before = stack_status(state).processes
        for name in ("redis", "web", "guard"):
            pid = before[name]
            assert pid is not None
            kill(pid)
            eventually(_is_replaced(state, name, pid), f"{name} isn't back")
        supervisor.terminate()
        assert supervisor.wait(PATIENCE_S) == 0
        assert processes_about(str(state.path)) == {}

    def test_what_a_killed_command_left_in_its_group_is_ended(
        self, state: StateDirectory, background: StartInBackground
    ) -> None:
        background(sys.executable, "-c", STUBBORN)
        eventually(lambda: len(_stubborn_pids(state)) == 2)
        first = _stubborn_pids(state)
        leader = stack_status(state).processes["web"]
        assert leader in first
        kill(leader)
        eventually(lambda: not any(identity(pid) for pid in first), "an orphan lives on")

    def test_one_that_keeps_dying_stops_the_stack_and_says_why(self, state: StateDirectory) -> None:
        program = "import time; time.sleep(0.1); raise SystemExit('no luck today')"
        with EmbeddedStack(state, with_redis=False, patience=Patience(back_off_max_s=0.05)) as stack:
            stack.run_command("web", [sys.executable, "-c", program])
            with pytest.raises(EmbeddedServiceError, match=r"web died 6 times(.|\n)*no luck today"):
                stack.run_until_stopped()
        record = state.read_stack()
        assert record["state"] == "failed"
        assert "web died 6 times" in record["error"]
        assert processes_about(str(state.path)) == {}

    def test_one_that_never_gets_ready_fails_with_its_last_words(self, stack: EmbeddedStack) -> None:
        with pytest.raises(EmbeddedServiceError, match=r"ended with status 3 before(.|\n)*out of luck"):
            stack.run_command("ends", ["sh", "-c", "echo out of luck; exit 3"], is_ready=lambda: False)
        with pytest.raises(EmbeddedServiceError, match=r"slow wasn't ready within 0\.2 s"):
            stack.run_command("slow", ["sleep", "1000"], is_ready=lambda: False, ready_timeout_s=0.2)
        assert not {"ends", "slow"} & set(stack.pids)


class TestASignal:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_stops_the_stack_in_order(
        self, state: StateDirectory, background: StartInBackground, number: signal.Signals
    ) -> None:
        supervisor = background("sleep", "1000")
        pids = all_pids(stack_status(state))
        supervisor.send_signal(number)
        assert supervisor.wait(PATIENCE_S) == 0
        assert not any(identity(pid) for pid in pids)
        assert stack_status(state).state == "stopped"
        assert "database system is shut down" in state.log_tail("postgres")

    def test_that_was_to_be_ignored_stays_ignored(self, state: StateDirectory) -> None:
        command = ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh", *program(state)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as supervisor:
            eventually(lambda: stack_status(state).state == "ready")
            supervisor.send_signal(signal.SIGHUP)
            eventually(lambda: answers(running_stack(state).urls.app_url))
            assert supervisor.poll() is None
            supervisor.terminate()
            assert supervisor.wait(PATIENCE_S) == 0

    def test_during_a_start_leaves_nothing_running(self, state: StateDirectory) -> None:
        stack = EmbeddedStack(state, with_redis=False, handle_signals=True)

        def interrupt() -> bool:
            os.kill(os.getpid(), signal.SIGTERM)
            return False

        with pytest.raises(StopRequested), stack:
            stack.run_command("web", ["sleep", "1000"], is_ready=interrupt)
        assert state.read_stack()["state"] == "stopped"
        assert processes_about(str(state.path)) == {}
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL

    def test_children_are_out_of_reach_of_the_terminal(self, stack: EmbeddedStack) -> None:
        """Ctrl-C goes to the foreground process group of a session; each child has its own of both."""
        for pid in stack.pids.values():
            assert os.getsid(pid) == os.getpgid(pid) == pid


class TestAStalePostmasterPid:
    @pytest.mark.parametrize("kind", ["dead", "foreign", "zombie", "empty"])
    def test_does_not_keep_the_server_from_starting(self, state: StateDirectory, kind: str) -> None:
        with EmbeddedStack(state, with_redis=False) as stack:
            query(stack.urls.owner_url, "CREATE TABLE kept ()")
        pid_file = state.postgres_data / "postmaster.pid"
        account = unprivileged_account(state.postgres_data)
        with _process(kind, account) as pid:
            pid_file.write_text(f"{pid}\n{state.postgres_data}\n1\n5432\n\n127.0.0.1\n" if pid else "")
            if account is not None:
                os.chown(pid_file, account.uid, account.gid)
            with EmbeddedStack(state, with_redis=False) as stack:
                assert query(stack.urls.owner_url, "SELECT to_regclass('kept')::text") == [("kept",)]
            if kind == "foreign":
                assert identity(pid), "the foreign process was ended"

    def test_a_server_that_outlived_its_supervisor_is_stopped_first(
        self, state: StateDirectory, background: StartInBackground
    ) -> None:
        """With the guard and the kernel's signal both out of the way: neither may be taken for granted."""
        supervisor = background()
        status = stack_status(state)
        guard, postmaster = status.processes["guard"], status.processes["postgres"]
        assert guard is not None
        assert postmaster is not None
        os.kill(postmaster, signal.SIGSTOP)  # it can't act on the signals before the next start
        os.kill(guard, signal.SIGSTOP)
        try:
            supervisor.kill()
            supervisor.wait(PATIENCE_S)
            thaw = threading.Timer(1.0, os.kill, (postmaster, signal.SIGCONT))
            thaw.start()
            with EmbeddedStack(state) as stack:
                assert identity(postmaster) is None
                assert stack.pids["postgres"] != postmaster
                assert query(stack.urls.app_url, "SELECT 1") == [(1,)]
            thaw.join()
        finally:
            os.kill(guard, signal.SIGCONT)

    def test_an_editor_in_the_data_is_not_taken_for_a_server(self, state: StateDirectory) -> None:
        with EmbeddedStack(state, with_redis=False):
            pass
        command = ["sleep", "1000"]
        with subprocess.Popen(command, cwd=state.postgres_data) as bystander:
            assert postgres_processes(state.cluster_name, state.postgres_data) == []
            with EmbeddedStack(state, with_redis=False):
                assert bystander.poll() is None
            bystander.kill()


class TestDown:
    def test_ends_what_a_killed_supervisor_left(
        self, state: StateDirectory, background: StartInBackground
    ) -> None:
        supervisor = background()
        pids = all_pids(stack_status(state))
        supervisor.kill()
        supervisor.wait(PATIENCE_S)
        assert not stop_stack(state)
        assert not any(identity(pid) for pid in pids)

    def test_signals_no_process_that_merely_has_the_pid(self, state: StateDirectory) -> None:
        with EmbeddedStack(state, with_redis=False):
            record = state.read_stack()
        with subprocess.Popen(["sleep", "1000"]) as stranger:
            record["state"] = "ready"
            record["supervisor"]["pid"] = stranger.pid
            record["processes"]["postgres"]["pid"] = stranger.pid
            state.write_stack(record)
            assert stack_status(state).state == "dead"
            assert stack_status(state).processes["postgres"] is None
            assert not stop_stack(state)
            assert stranger.poll() is None
            stranger.kill()


def test_a_killed_guard_is_told_everything_again() -> None:
    guard = ParentGuard()
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as first:
        guard.add(first.pid, stop_signal=signal.SIGTERM, grace_s=0.2)
        before = guard.pid
        assert before is not None
        kill(before)
        eventually(lambda: identity(before) is None)
        guard.ensure_running()
        assert guard.pid != before
        guard.close()  # what is registered ends with the guard's parent, here by closing the pipe
        assert first.wait(PATIENCE_S) == -signal.SIGTERM


@contextmanager
def _process(kind: str, account: Account | None) -> Iterator[int]:
    """The pid of a process of this kind, under the uid that the server runs under; 0 for "empty"."""
    if kind == "empty":
        yield 0
        return
    user = {} if account is None else {"user": account.uid, "group": account.gid}
    process = subprocess.Popen(["sleep", "1000"], **user)  # type: ignore[call-overload]
    try:
        if kind == "dead":
            process.kill()
            process.wait(PATIENCE_S)
        elif kind == "zombie":
            process.kill()
            eventually(lambda: identity(process.pid) is None)
        yield process.pid
    finally:
        process.kill()
        process.wait(PATIENCE_S)


def _is_replaced(state: StateDirectory, name: str, killed: int) -> Callable[[], bool]:
    return lambda: stack_status(state).processes.get(name) not in {None, killed}


def _stubborn_pids(state: StateDirectory) -> list[int]:
    """The command and its child; the supervisor, which was told the command by argument, isn't meant."""
    lines = processes_about(str(state.path)).items()
    return [pid for pid, line in lines if STUBBORN in line and PROGRAM.name not in line]


def _group_lives(pid: int) -> bool:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    for member in pids:
        try:
            if os.getpgid(member) == pid and identity(member):
                return True
        except ProcessLookupError:
            continue
    return False


def _query_until_it_breaks(url: str) -> None:
    with suppress(psycopg2.OperationalError):
        query(url, "SELECT count(*) AS busy FROM generate_series(1, 300000000) AS n WHERE sqrt(n) < 0")


def _is_busy(url: str) -> bool:
    active = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%AS busy%'"
    return len(query(url, active + " AND pid <> pg_backend_pid()")) > 0
