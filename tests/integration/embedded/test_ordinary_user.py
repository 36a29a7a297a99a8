"""The stack as an ordinary user; run as root, the tests become one for its length."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.embedded.daemon import StackStatus, running_stack, stack_status, stop_stack
from adapters.embedded.processes import identity
from adapters.embedded.stack import EmbeddedStack
from adapters.embedded.state_directory import StateDirectory
from integration.embedded.conftest import all_pids, eventually, kill, program, query

pytestmark = pytest.mark.timeout(120)
IS_ROOT = os.geteuid() == 0


@pytest.fixture
def own_state() -> Iterator[StateDirectory]:
    """A state directory in a folder that the ordinary user owns and can reach."""
    folder = Path(tempfile.mkdtemp(prefix="holdwater-"))
    if IS_ROOT:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    state = StateDirectory(folder / "state")
    yield state
    stop_stack(state)
    shutil.rmtree(folder)


def as_ordinary_user(command: list[str]) -> list[str]:
    if not IS_ROOT:
        return command
    nobody = pwd.getpwnam("nobody")
    user = [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    # Root's interpreter may lie in a folder of root's own; the right to read it is all that is kept.
    right = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=+dac_read_search"]
    return ["setpriv", *user, *right, *command]


def start_as_ordinary_user(state: StateDirectory) -> StackStatus:
    source = (
        "from adapters.embedded.daemon import start_detached\n"
        "from adapters.embedded.state_directory import StateDirectory\n"
        f"start_detached(StateDirectory({str(state.path)!r}), {program(state)!r})"
    )
    subprocess.run(as_ordinary_user([sys.executable, "-c", source]), check=True, timeout=90)
    return stack_status(state)


class TestAnOrdinaryUser:
    def test_runs_a_stack_as_itself(self, own_state: StateDirectory) -> None:
        status = start_as_ordinary_user(own_state)
        urls = running_stack(own_state).urls
        assert query(urls.app_url, "SELECT 1") == [(1,)]
        owners = {Path(f"/proc/{pid}").stat().st_uid for pid in all_pids(status)}
        assert owners == {own_state.path.stat().st_uid}
        assert owners != {0}
        assert stop_stack(own_state)
        assert not any(identity(pid) for pid in all_pids(status))

    def test_leaves_nothing_when_its_supervisor_is_killed(self, own_state: StateDirectory) -> None:
        status = start_as_ordinary_user(own_state)
        assert status.supervisor_pid is not None
        kill(status.supervisor_pid)
        eventually(lambda: not any(identity(pid) for pid in all_pids(status)), "something lives on")
        assert stack_status(own_state).state == "dead"

    @pytest.mark.allowed_skip("an ordinary user can't become root")
    @pytest.mark.skipif(not IS_ROOT, reason="needs root")
    def test_is_who_the_server_runs_as_when_root_takes_over(self, own_state: StateDirectory) -> None:
        start_as_ordinary_user(own_state)
        stop_stack(own_state)
        owner = own_state.postgres_data.stat().st_uid
        with EmbeddedStack(own_state, with_redis=False) as stack:
            assert Path(f"/proc/{stack.pids['postgres']}").stat().st_uid == owner != 0
