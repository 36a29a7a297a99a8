"""What others do on the machine while a benchmark measures: it favours whoever runs more processes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

LOOK_S: Final = 0.25
BUSY_SHARE: Final = 0.1
"""Of all cores: with more than this taken by others, figures say little."""

_STAT: Final = Path("/proc/stat")
_IDLE: Final = (3, 4)
"""The fields of idle time and of waiting for disks, proc(5)."""


class Bystanders:
    """Looks at the machine between rounds, when the benchmark itself is quiet."""

    def __init__(self) -> None:
        self._looks: list[float] = []

    def look(self) -> None:
        """Take LOOK_S; nothing where the kernel does not say what its cores do."""
        if not _STAT.exists():
            return
        before = _ticks()
        time.sleep(LOOK_S)
        spent = [after - earlier for after, earlier in zip(_ticks(), before, strict=True)]
        self._looks.append(1 - sum(spent[field] for field in _IDLE) / max(1, sum(spent)))

    @property
    def cores(self) -> float | None:
        """How many cores others took on average; None if that is not known."""
        return sum(self._looks) / len(self._looks) * (os.cpu_count() or 1) if self._looks else None

    @property
    def warning(self) -> str | None:
        """What to say of the figures if others took much."""
        if self.cores is None or self.cores <= BUSY_SHARE * (os.cpu_count() or 1):
            return None
        return f"others took {self.cores:.2f} of {os.cpu_count()} cores meanwhile: measure again on a quiet machine"


def _ticks() -> list[int]:
    # user, nice, system, idle, iowait, irq, softirq, steal; the guests' fields are part of the first two.
    return [int(field) for field in _STAT.read_text().split("\n", 1)[0].split()[1:9]]
