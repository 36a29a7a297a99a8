"""`up`, `down`, `status`, `doctor`, `migrate`: the stack on one machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from adapters.embedded.ports import free_port
from adapters.embedded.stack import EmbeddedStack
from adapters.embedded.state_directory import StateDirectory
from integration.cli.conftest import Stack, StartStack, get, holdwater

pytestmark = pytest.mark.timeout(200)

WITHOUT_ANY_REDIS = """
from adapters.embedded import stack
choose = stack.choose_redis
stack.choose_redis = lambda url, **_: choose(url, search_path="", wheel=None)
from entrypoints.cli.main import main
main()
"""


def processes_that_mention(path: Path) -> list[str]:
    """Command lines of live processes that name the path."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(path) in line and not line.startswith("ps ")]


class TestARunningStack:
    def test_answers_with_the_token_that_up_printed(self, stack: Stack) -> None:
        assert get(f"{stack.url}/v1/orders", stack.token) == 200

    def test_says_what_runs(self, stack: Stack) -> None:
        status = stack.holdwater("status", "--json")
        assert (status.status, status.json["state"], status.json["url"]) == (0, "ready", stack.url)
        assert status.json["processes"]["web"] > 0
        assert stack.url in stack.holdwater("status").stdout

    def test_is_found_healthy_by_the_doctor(self, stack: Stack) -> None:
        doctor = stack.holdwater("doctor", "--json")
        assert (doctor.status, doctor.json["healthy"]) == (0, True)
        assert {"database", "database role", "schema", "connection budget", "payment gateway"} <= {
            check["name"] for check in doctor.json["checks"]
        }

    def test_has_its_schema_and_migrates_to_nothing(self, stack: Stack) -> None:
        assert stack.holdwater("migrate", "--json").json["applied"] == []

    def test_keeps_its_state_directory_to_itself(self, stack: Stack) -> None:
        second = holdwater("up", "--port", str(free_port()), "--state-dir", stack.state_dir)
        assert second.status == 1
        assert "a stack already runs" in second.stderr
        assert second.stderr.count("\n") == 1

    def test_keeps_its_port_to_itself(self, stack: Stack, tmp_path: Path) -> None:
        port = stack.url.rpartition(":")[2]
        second = holdwater("up", "--port", port, "--state-dir", tmp_path / "var")
        assert second.status == 1
        assert f"port {port} is in use" in second.stderr
        assert not (tmp_path / "var").exists()

    def test_is_told_when_a_connection_budget_is_too_small(self, stack: Stack) -> None:
        doctor = holdwater(
            "doctor", "--json", "--state-dir", stack.state_dir, env={"HOLDWATER_WEB_WORKERS": "64"}
        )
        faults = {check["name"] for check in doctor.json["checks"] if check["problem"]}
        assert (doctor.status, faults) == (1, {"connection budget"})

    def test_shows_no_secret_in_any_command_line_or_log(self, stack: Stack) -> None:
        secrets = StateDirectory(stack.state_dir).secrets()
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        logged = "".join(log.read_text(errors="replace") for log in (stack.state_dir / "logs").iterdir())
        for secret in (stack.token, secrets.postgres_app, secrets.postgres_owner, secrets.redis):
            assert secret not in listed
            assert secret not in logged


class TestAStackThatWasStopped:
    def test_leaves_no_process_and_finds_its_data_and_token_again(
        self, start_stack: StartStack, tmp_path: Path
    ) -> None:
        state_dir = tmp_path / "var"
        first = start_stack(state_dir)
        first.holdwater("tenant", "create", "acme")
        assert first.holdwater("down", "--json").json == {"stopped": True}
        assert processes_that_mention(state_dir) == []
        assert first.holdwater("status").status == 1
        assert first.holdwater("down", "--json").json == {"stopped": False}

        second = start_stack(state_dir)
        assert second.token == first.token
        assert second.holdwater("tenant", "create", "acme").status != 0
        assert second.holdwater("token", "list", "--tenant", "acme").status == 0

    def test_is_named_by_a_command_that_needs_it(self, tmp_path: Path) -> None:
        command = holdwater("token", "list", "--tenant", "acme", "--state-dir", tmp_path / "var")
        assert command.status == 1
        assert "start one with `holdwater up`" in command.stderr


class TestAMachineWithoutRedis:
    def test_runs_in_poll_mode_and_says_what_to_install(self, tmp_path: Path) -> None:
        demo = holdwater("demo", "--orders", "20", "--state-dir", tmp_path / "var", program=WITHOUT_ANY_REDIS)
        assert demo.status == 0, demo.stderr
        assert "poll mode" in demo.stderr
        assert "redis-server" in demo.stderr


class TestServersOfOnesOwn:
    def test_are_used_and_none_is_started(
        self, postgres: EmbeddedStack, tmp_path: Path, request: pytest.FixtureRequest
    ) -> None:
        urls = postgres.create_database("holdwater_cli")
        request.addfinalizer(lambda: postgres.drop_database("holdwater_cli"))
        state_dir = tmp_path / "var"
        environment = {
            "DATABASE_URL": urls.app_url,
            "DATABASE_OWNER_URL": urls.owner_url,
            "DATABASE_SYSTEM_URL": urls.system_url,
        }
        up = holdwater(
            "up", "--port", str(free_port()), "--state-dir", state_dir, "--detach", "--json", env=environment
        )
        request.addfinalizer(lambda: holdwater("down", "--state-dir", state_dir))
        assert up.status == 0, up.stderr
        assert get(f"{up.json['url']}/v1/products", up.json["token"]) == 200
        status = holdwater("status", "--state-dir", state_dir, "--json").json
        assert "postgres" not in status["processes"]
        assert not (state_dir / "postgres").exists()

    @pytest.mark.promise("A1")
    @pytest.mark.parametrize("role", ["superuser_url", "owner_url", "system_url"])
    def test_are_refused_by_web_as_a_role_that_sees_every_tenant(
        self, postgres: EmbeddedStack, role: str, request: pytest.FixtureRequest
    ) -> None:
        urls = postgres.create_database("holdwater_roles")
        request.addfinalizer(lambda: postgres.drop_database("holdwater_roles"))
        owner = {"DATABASE_URL": urls.app_url, "DATABASE_OWNER_URL": urls.owner_url}
        assert holdwater("migrate", env=owner).status == 0
        web = holdwater("web", "--port", str(free_port()), env={"DATABASE_URL": getattr(urls, role)})
        assert web.status == 1
        assert "refusing to serve" in web.stderr
        assert "holdwater_app" in web.stderr
