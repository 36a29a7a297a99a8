"""A small process that ends the stack's children when the supervisor dies without stopping them.

It holds the read end of a pipe whose write end only the supervisor has: end of file means that the supervisor
is gone. This works on every Unix and reaches whole process groups. It stands beside the kernel's parent-death
signal, which acts at once, but exists on Linux alone and reaches only direct children.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

GUARD_STOP_TIMEOUT_S = 10.0
_POLL_S = 0.05


class ParentGuard:
    """The supervisor's side: tells the guard process which process groups to end, and how."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._entries: dict[int, str] = {}

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def add(self, pid: int, *, stop_signal: int, grace_s: float) -> None:
        """Have the group `pid` ended at the supervisor's death: the signal first, SIGKILL after the grace."""
        self._entries[pid] = f"{pid} {stop_signal} {grace_s}\n"
        self._send(self._entries[pid])

    def remove(self, pid: int) -> None:
        """Forget a group that has ended."""
        if self._entries.pop(pid, None):
            self._send(f"{pid}\n")

    def ensure_running(self) -> bool:
        """Start the guard, or start it again when somebody killed it; whether that was needed."""
        if self._process is not None and self._process.poll() is None:
            return False
        self._discard()
        # Isolated and without site-packages: it must start fast and load nothing but this file.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env={},
        )
        self._write("".join(self._entries.values()))
        return True

    def close(self) -> None:
        """Let the guard end; it ends the groups that are still registered."""
        self._discard()

    def _send(self, line: str) -> None:
        if not self.ensure_running():  # a new guard is told everything
            self._write(line)

    def _write(self, text: str) -> None:
        if self._process is None or self._process.stdin is None:
            return
        # If it died this moment, ensure_running() starts another one and tells it everything.
        with suppress(BrokenPipeError):
            self._process.stdin.write(text.encode())
            self._process.stdin.flush()

    def _discard(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.close()
        try:
            process.wait(GUARD_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def guard() -> None:
    """Read lines until end of file ("pid signal grace" adds, "pid" removes), then end what is left."""
    entries: dict[int, tuple[int, float]] = {}
    for line in sys.stdin:
        fields = line.split()
        if len(fields) == 3:
            entries[int(fields[0])] = (int(fields[1]), float(fields[2]))
        elif len(fields) == 1:
            entries.pop(int(fields[0]), None)
    started = time.monotonic()
    # The last one added is ended first, as in an orderly stop; no waiting between them.
    for pid, (stop_signal, _) in reversed(entries.items()):
        _signal_leader(pid, stop_signal)
    while entries:
        elapsed_s = time.monotonic() - started
        for pid, (_, grace_s) in list(entries.items()):
            if not _group_lives(pid):
                del entries[pid]
            elif elapsed_s > grace_s:
                _kill_group(pid)
                del entries[pid]
        time.sleep(_POLL_S)


def _signal_leader(pid: int, number: int) -> None:
    with suppress(OSError):
        os.kill(pid, number)


def _group_lives(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except OSError:
        return False
    return True


def _kill_group(pid: int) -> None:
    with suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    guard()
