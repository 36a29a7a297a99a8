"""Web servers that a benchmark starts for itself, our own with every limit out of the way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from entrypoints.settings import RATE_LIMIT_MAX, Settings

READY_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 30.0
FOLDER: Final = Path(__file__).parents[1]

_COUNTED_AND_NOT_REFUSED: Final = {
    "HOLDWATER_RATE_LIMIT_TOKEN": str(RATE_LIMIT_MAX),
    "HOLDWATER_RATE_LIMIT_TENANT": str(RATE_LIMIT_MAX),
}


@contextmanager
def our_web(
    port: int, folder: Path, environment: Mapping[str, str] = MappingProxyType({})
) -> Iterator[subprocess.Popen[bytes]]:
    """Our web role as `up` starts it; every request is counted, and none refused. Raises RuntimeError."""
    command = ["-m", "entrypoints.cli.main", "web", "--port", str(port), "--state-dir", str(folder)]
    with process("ours", command, {**_COUNTED_AND_NOT_REFUSED, **environment}, folder) as server:
        _await(port, server, folder / "ours.log")
        yield server


@contextmanager
def bare_web(port: int, folder: Path, settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """The bare application with as many workers and threads as ours. Raises RuntimeError."""
    size = (str(settings.web_workers), str(settings.web_threads))
    environment = {"DJANGO_SETTINGS_MODULE": "bare_drf.settings"}
    with process("bare", ["-m", "bare_drf.server", str(port), *size], environment, folder) as server:
        _await(port, server, folder / "bare.log")
        yield server


@contextmanager
def process(
    name: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process for the time of the block; its output goes to a file, as a stack's does."""
    with (folder / f"{name}.log").open("ab") as file:
        started = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=FOLDER,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def _await(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not _listens(port):
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"a server did not start: {log.read_text()[-2_000:]}")
        time.sleep(0.1)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
