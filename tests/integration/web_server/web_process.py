"""A web server of its own, in a process group of its own, as an operator starts it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 30
REQUEST_TIMEOUT_S = 30


@dataclass
class WebProcess:
    """`holdwater web` on a port; its log is a file."""

    environment: Mapping[str, str]
    log: Path
    port: int
    pool: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(maxsize=64, retries=False, timeout=REQUEST_TIMEOUT_S)
    )
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> WebProcess:
        """Start and wait until it lives."""
        self.spawn()
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                break
            try:
                if self.request("GET", "/livez").status == 200:
                    return self
            except urllib3.exceptions.HTTPError:
                time.sleep(0.05)
        raise AssertionError(f"the web server did not start:\n{self.log.read_text()}")

    def spawn(self) -> None:
        """Start without waiting."""
        program = Path(sys.executable).parent / "holdwater"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [program, "web", "--port", str(self.port), "--state-dir", str(self.log.parent / "var")],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def request(self, method: str, path: str, **arguments: Any) -> urllib3.BaseHTTPResponse:
        """One request; the answer is read whole."""
        return self.pool.request(method, self.url + path, **arguments)

    def workers(self) -> set[int]:
        """The process ids of the workers."""
        assert self.process is not None
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
        family = [line.split() for line in listed.stdout.splitlines()]
        return {int(pid) for pid, parent in family if int(parent) == self.process.pid}

    def kill(self) -> None:
        """SIGKILL for the server and all its workers at one moment."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_TIMEOUT_S)
        self.pool.clear()

    def terminate(self) -> None:
        """SIGTERM for the server alone."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """The exit status."""
        assert self.process is not None
        return self.process.wait(STOP_TIMEOUT_S)


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def web_process(environment: Mapping[str, str], folder: Path) -> Iterator[WebProcess]:
    """A web server that is not started yet; nothing of it is left afterwards."""
    web = WebProcess(environment, folder / "web.log", free_port())
    try:
        yield web
    finally:
        web.pool.clear()
        if web.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(web.process.pid, signal.SIGKILL)
            web.process.wait(STOP_TIMEOUT_S)
