"""How workers hear that there is something to do."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Protocol

from application.ports.intakes import LOAD_INTAKE
from application.ports.outbox import Wake
from application.ports.sagas import SAGA_WAKE
from domain.errors import DomainError


class Lane(StrEnum):
    """What is worked off by threads of its own, so that a slow receiver of the one kind holds up none of the other.

    A bulkhead: M. Nygard, Release It!, 2018, chapter 5.
    """

    MESSAGES = "messages"
    SAGAS = "sagas"
    READINGS = "readings"


_LANES: Final = {SAGA_WAKE: Lane.SAGAS, LOAD_INTAKE: Lane.READINGS}


def lane_of(wake: Wake) -> Lane:
    """Sagas wait for the payment gateway, messages for whoever is told; to load readings is work."""
    return _LANES.get(wake.consumer, Lane.MESSAGES)


class QueueUnavailable(DomainError):
    """The broker cannot be reached; what it would have carried is sent once it is back."""


class TaskQueue(Protocol):
    """Carries wakes, and may lose them: the relay sends them again from the database (O2)."""

    def wake(self, wakes: Sequence[Wake]) -> None:
        """Let a worker look at each key; a key whose wake is still on its way gets no second one.

        Raises QueueUnavailable; some of the wakes may have been sent then.
        """
        ...


class Bell(Protocol):
    """How the relay hears at once that messages were committed. Rings may be lost: it looks by itself as well (O2)."""

    def ring(self) -> None:
        """Say so, after the commit. Neither waits nor fails."""
        ...

    def wait(self, timeout_s: float) -> None:
        """Return when somebody rings, or rang since the last wait, or after `timeout_s` seconds."""
        ...
