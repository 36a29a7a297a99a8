"""The service's own work under chaos: every role is back, and scheduled jobs run on."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Final

from chaos.slices import Target
from chaos.tables import read

PURGE_EVERY_S: Final = 2
FRESH_S: Final = 20
"""A job with that interval has run within this."""

_ALIVE: Final = (
    "SELECT role, count(*) FROM role_process WHERE seen_at > now() - interval '12 seconds' GROUP BY role"
)
_FRESH: Final = """
SELECT count(*) FROM schedule
WHERE name = 'purge' AND error = '' AND ended_at > clock_timestamp() - make_interval(secs => %s)
"""
_TURNS: Final = "SELECT coalesce(sum(fence), 0) FROM schedule WHERE name = 'purge'"


class UpkeepSlice:
    """Slice without load of its own: `processes` of each role must live in the end."""

    name = "upkeep"

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._processes = processes
        self._turns = 0

    def prepare(self, target: Target) -> None:
        """See Slice."""
        self._target = target

    def start(self, dice: random.Random) -> None:
        """See Slice. Schedulers and heartbeats run by themselves."""

    def be_fair(self) -> None:
        """See Slice."""

    def stop(self) -> None:
        """See Slice."""

    def unsettled(self) -> int:
        """See Slice."""
        return len(self.differences())

    def differences(self) -> Sequence[str]:
        """See Slice."""
        alive = dict(read(self._target, _ALIVE))
        found = [
            f"of {count} {role} processes {alive.get(role, 0)} live"
            for role, count in self._processes.items()
            if alive.get(role, 0) < count
        ]
        ((fresh,),) = read(self._target, _FRESH, (FRESH_S,))
        if not fresh:
            found.append(f"the purge has not ended well within {FRESH_S} s")
        ((self._turns,),) = read(self._target, _TURNS)
        return found

    def counts(self) -> Mapping[str, int]:
        """See Slice."""
        return {"purges": self._turns}
