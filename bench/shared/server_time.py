"""The CPU time of servers on this machine, whatever else the machine does, and how much memory they took."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

_PROCESSES: Final = Path("/proc")
_PARENT, _USER, _SYSTEM, _USER_OF_ENDED, _SYSTEM_OF_ENDED = 1, 11, 12, 13, 14
"""Fields of a process's stat after its name, proc(5)."""


class FamilyTime:
    """Of a process and its children; nothing where the kernel gives no account of them."""

    def __init__(self, pid: int | None) -> None:
        self._main = pid

    def seconds(self) -> float | None:
        """That all of them have taken until now, ended ones included; None if that is not known."""
        main = _stat(str(self._main)) if self._main is not None else None
        if main is None:
            return None
        ticks = main[_USER] + main[_SYSTEM] + main[_USER_OF_ENDED] + main[_SYSTEM_OF_ENDED]
        for child in self.children():
            found = _stat(str(child))
            ticks += found[_USER] + found[_SYSTEM] if found else 0
        return ticks / os.sysconf("SC_CLK_TCK")

    def children(self) -> list[int]:
        """Their ids."""
        if not _PROCESSES.exists():
            return []
        pids = (int(process.name) for process in _PROCESSES.iterdir() if process.name.isdigit())
        return sorted(pid for pid in pids if (found := _stat(str(pid))) and found[_PARENT] == self._main)


class ServerTime(FamilyTime):
    """Of the PostgreSQL server behind a connection; nothing where it is elsewhere."""

    def __init__(self, connection: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            own = _stat(str(cursor.fetchone()[0]))
        super().__init__(own[_PARENT] if own else None)


def memory_peak(pid: int) -> int | None:
    """The most that a process has held in memory since it began, in bytes (VmHWM, proc(5)); None if not known."""
    try:
        status = (_PROCESSES / str(pid) / "status").read_text()
    except OSError:
        return None
    found = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")), None)
    return None if found is None else int(found) * 1_024


def _stat(pid: str) -> list[int] | None:
    try:
        fields = (_PROCESSES / pid / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    # The first field is a letter.
    return [0, *(int(field) for field in fields[1:])]
