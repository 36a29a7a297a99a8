"""What a part of the service brings to a chaos run: its load, and how to tell afterwards that nothing went wrong."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The running service, as load and checks reach it."""

    state_dir: Path
    url: str
    token: str
    superuser_url: str
    """Checks read the tables themselves: they share nothing with the code that they check."""
    gateway_url: str
    gateway_token: str
    """The payment gateway's own books say what became of the money."""


class Slice(Protocol):
    """One kind of load with its checks. Its methods are called in this order, `counts` at any time."""

    name: str

    def prepare(self, target: Target) -> None:
        """Set up what the load needs, while nothing is killed."""
        ...

    def start(self, dice: random.Random) -> None:
        """Begin to send, in threads of its own."""
        ...

    def be_fair(self) -> None:
        """Go on sending, at a moderate rate and without trouble of its own: what comes next is timed."""
        ...

    def stop(self) -> None:
        """Begin nothing new, and bring everything that was begun to a definite answer."""
        ...

    def unsettled(self) -> int:
        """How much work of the background is still to be done. May raise psycopg2.Error while the database is away."""
        ...

    def differences(self) -> Sequence[str]:
        """One line for each fault that was found; to be called when everything is settled."""
        ...

    def counts(self) -> Mapping[str, int]:
        """What was sent and came of it, for the report."""
        ...
