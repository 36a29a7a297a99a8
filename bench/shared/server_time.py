"""The CPU time of a PostgreSQL server on this machine, whatever else the machine does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

_PROCESSES: Final = Path("/proc")
_PARENT, _USER, _SYSTEM, _USER_OF_ENDED, _SYSTEM_OF_ENDED = 1, 11, 12, 13, 14
"""Fields of a process's stat after its name, proc(5)."""


class ServerTime:
    """Of the server behind a connection; nothing where it, or its kernel's account, is out of reach."""

    def __init__(self, connection: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            own = _stat(str(cursor.fetchone()[0]))
        self._main = own[_PARENT] if own else None

    def seconds(self) -> float | None:
        """That all its processes have taken until now, ended ones included; None if that is not known."""
        main = _stat(str(self._main)) if self._main is not None else None
        if main is None:
            return None
        ticks = main[_USER] + main[_SYSTEM] + main[_USER_OF_ENDED] + main[_SYSTEM_OF_ENDED]
        for process in _PROCESSES.iterdir():
            found = _stat(process.name) if process.name.isdigit() else None
            if found and found[_PARENT] == self._main:
                ticks += found[_USER] + found[_SYSTEM]
        return ticks / os.sysconf("SC_CLK_TCK")


def _stat(pid: str) -> list[int] | None:
    try:
        fields = (_PROCESSES / pid / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    # The first field is a letter.
    return [0, *(int(field) for field in fields[1:])]
