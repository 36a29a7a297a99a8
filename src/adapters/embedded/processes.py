"""Which processes live, and whether a pid still means the process that we recorded."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

POLL_S = 0.05

_PROC = Path("/proc")
_HAS_PROC = sys.platform.startswith("linux")
_PS_TIMEOUT_S = 10


def identity(pid: int) -> str | None:
    """What tells this process from a later one with the same pid; None when it is dead or a zombie.

    On Linux: the boot id and the start time in ticks (proc(5), field 22 of stat). Elsewhere: the start time
    that `ps` prints.
    """
    if pid <= 0:
        return None
    if not _HAS_PROC:
        fields = _ps("-o", "stat=,lstart=", "-p", str(pid)).split(maxsplit=1)
        return fields[1].strip() if len(fields) == 2 and not fields[0].startswith("Z") else None
    try:
        # The name (field 2) may hold blanks and brackets, so count from the last bracket.
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def is_same_process(pid: int, recorded: str | None) -> bool:
    """Whether `pid` lives and is the process whose identity was recorded."""
    return recorded is not None and identity(pid) == recorded


def postgres_processes(cluster_name: str, data: Path) -> list[int]:
    """Pids of live PostgreSQL processes of this cluster, the orphans of a killed postmaster included.

    They are known by the command line: PostgreSQL writes cluster_name into every process title, and anyone
    may read a command line, while another user's working directory needs a right that containers drop. Where
    that can be read it is looked at too, for a server that somebody started by hand.
    """
    found = []
    for pid, command_line in _command_lines():
        program = command_line.replace(b"\0", b" ").split(b" ")[0]
        if program != b"postgres:" and not program.endswith(b"/postgres"):
            continue
        if cluster_name.encode() in command_line or _works_in(pid, data):
            found.append(pid)
    return [pid for pid in found if identity(pid) is not None]


def send_signal(pid: int, number: int) -> None:
    """Signal a process; nothing happens when it has ended or isn't ours to signal."""
    with suppress(OSError):
        os.kill(pid, number)


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Poll until the condition holds; False when it didn't within `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)
    return True


def _command_lines() -> list[tuple[int, bytes]]:
    if not _HAS_PROC:
        rows = (line.split(maxsplit=1) for line in _ps("-axww", "-o", "pid=,command=").splitlines())
        return [(int(row[0]), row[1].encode()) for row in rows if len(row) == 2]
    lines = []
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                lines.append((int(entry.name), (entry / "cmdline").read_bytes()))
            except OSError:
                continue  # it ended meanwhile
    return lines


def _works_in(pid: int, directory: Path) -> bool:
    try:
        return _HAS_PROC and os.readlink(_PROC / str(pid) / "cwd") == os.path.realpath(directory)
    except OSError:
        return False


def _ps(*arguments: str) -> str:
    result = subprocess.run(
        ["/bin/ps", *arguments], capture_output=True, text=True, check=False, timeout=_PS_TIMEOUT_S
    )
    return result.stdout
