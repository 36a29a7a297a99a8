"""A stack in the background: started, looked at, attached to and stopped from other processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from adapters.embedded.daemon import running_stack, stack_status, start_detached, stop_stack
from adapters.embedded.errors import EmbeddedServiceError, StackNotRunning
from adapters.embedded.processes import identity
from adapters.embedded.state_directory import StateDirectory
from integration.embedded.conftest import all_pids, processes_about, program, query

pytestmark = pytest.mark.timeout(120)


class TestADetachedStack:
    def test_is_ready_on_return_and_gone_after_down(self, state: StateDirectory) -> None:
        status = start_detached(state, program(state))
        assert status.state == "ready"
        assert status.is_running
        assert status.url == "http://127.0.0.1:1"
        assert status == stack_status(state)
        pids = all_pids(status)
        assert len(pids) == 4
        attached = running_stack(state)
        assert query(attached.urls.app_url, "SELECT current_user") == [("holdwater_app",)]
        assert attached.redis_url is not None
        assert stop_stack(state)
        assert not any(identity(pid) for pid in pids)
        assert stack_status(state).state == "stopped"
        assert not stop_stack(state)
        assert processes_about(str(state.path)) == {}

    def test_is_nobodys_child_and_in_a_session_of_its_own(self, state: StateDirectory) -> None:
        pid = start_detached(state, program(state)).supervisor_pid
        assert pid is not None
        assert os.getsid(pid) == pid
        with pytest.raises(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)

    def test_keeps_no_hold_of_the_callers_stdout(self, state: StateDirectory) -> None:
        """A caller whose output is a pipe ends when it returns, not when the stack does."""
        source = (
            "import sys; from adapters.embedded.daemon import start_detached\n"
            "from adapters.embedded.state_directory import StateDirectory\n"
            f"print(start_detached(StateDirectory({str(state.path)!r}), {program(state)!r}).state)"
        )
        result = subprocess.run(
            [sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=60
        )
        assert result.stdout == "ready\n"
        assert stack_status(state).state == "ready"

    def test_that_fails_shows_the_end_of_its_log(self, state: StateDirectory) -> None:
        with pytest.raises(EmbeddedServiceError, match=r"ended before it was ready(.|\n)*no-such-program"):
            start_detached(state, program(state, ["no-such-program"]))
        assert stack_status(state).state == "failed"
        assert "no-such-program" in str(stack_status(state).error)
        assert processes_about(str(state.path)) == {}

    def test_that_is_not_ready_in_time_is_stopped(self, state: StateDirectory) -> None:
        with pytest.raises(EmbeddedServiceError, match=re.escape("wasn't ready within 0.5 s")):
            start_detached(state, [sys.executable, "-c", "import time; time.sleep(1000)"], timeout_s=0.5)
        assert processes_about(str(state.path)) == {}

    def test_of_an_unknown_program_fails_in_one_line(self, state: StateDirectory) -> None:
        with pytest.raises(EmbeddedServiceError, match=r"^can't run no-such-program: .*$"):
            start_detached(state, ["no-such-program"])


class TestNoStack:
    def test_is_absent_and_cant_be_attached_to(self, state: StateDirectory) -> None:
        assert stack_status(state).state == "absent"
        assert not state.path.exists()
        assert not stop_stack(state)
        with pytest.raises(StackNotRunning, match="holdwater up"):
            running_stack(state)
