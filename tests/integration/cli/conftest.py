"""The command line as a person uses it: processes of its own, on a state directory of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3

from adapters.embedded.ports import free_port

COMMAND_TIMEOUT_S = 100
REQUEST_TIMEOUT_S = 10.0
# The services' addresses would lead a command past the stack of its state directory.
HIDDEN = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "DATABASE_SYSTEM_URL",
    "DATABASE_PURGE_URL",
    "REDIS_URL",
    "HOLDWATER_STATE_DIR",
)


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        """The last line of stdout, which is what --json promises."""
        found: dict[str, Any] = json.loads(self.stdout.splitlines()[-1])
        return found


def holdwater(
    *args: str | Path, env: Mapping[str, str] | None = None, program: str | None = None
) -> Finished:
    """Run `holdwater ARGS`; `program` is Python code to run instead of its entry point."""
    start = ["-c", program] if program else ["-m", "entrypoints.cli.main"]
    inherited = {name: value for name, value in os.environ.items() if name not in HIDDEN}
    ended = subprocess.run(
        [sys.executable, *start, *map(str, args)],
        env={**inherited, **(env or {})},
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    return Finished(ended.returncode, ended.stdout, ended.stderr)


def get(url: str, token: str) -> int:
    """The status of a GET with the token."""
    headers = {"Authorization": f"Bearer {token}"}
    return urllib3.request("GET", url, headers=headers, retries=False, timeout=REQUEST_TIMEOUT_S).status


@dataclass(frozen=True)
class Stack:
    """A stack that runs in the background."""

    state_dir: Path
    url: str
    token: str

    def holdwater(self, *args: str | Path) -> Finished:
        """Run a command on this stack."""
        return holdwater(*args, "--state-dir", self.state_dir)


StartStack = Callable[[Path], Stack]


@pytest.fixture(scope="module")
def start_stack() -> Iterator[StartStack]:
    """Starts stacks in the background, and stops what still runs when the module ends."""
    started: list[Path] = []

    def start(state_dir: Path) -> Stack:
        started.append(state_dir)
        up = holdwater("up", "--port", str(free_port()), "--state-dir", state_dir, "--detach", "--json")
        assert up.status == 0, up.stderr
        assert up.json["state_dir"] == str(state_dir)
        return Stack(state_dir, up.json["url"], up.json["token"])

    yield start
    for state_dir in started:
        holdwater("down", "--state-dir", state_dir)


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A running stack that the tests of a module share."""
    return start_stack(tmp_path_factory.mktemp("stack") / "var")
