"""What reacts to events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from application.ports.event_store import RecordedEvent
from application.ports.outbox import Message
from application.ports.unit_of_work import CommandContext, UnitOfWork


class Undeliverable(Exception):
    """No further try can help; the message says why. The message is parked at once."""


class TryAgainLater(Exception):
    """This try has failed; the next one is made after `delay` if that is later than the consumer's own delay."""

    def __init__(self, reason: str, delay: timedelta) -> None:
        super().__init__(reason)
        self.delay = delay


class Consumer(Protocol):
    """Handles one message at a time, those of one key in order; the same message may come again after a crash."""

    @property
    def retry_delays(self) -> Sequence[timedelta]:
        """The wait after the first failed try, the second, …; when they are used up the message is parked."""
        ...

    def act(self, message: Message, event: RecordedEvent) -> None:
        """The effect outside: no transaction is open (O5). It carries `message.id` as its key (O3)."""
        ...

    def record(self, event: RecordedEvent, uow: UnitOfWork) -> None:
        """The effect inside: what is saved commits together with the settlement, once (O3)."""
        ...


def reaction_context(message: Message, event: RecordedEvent) -> CommandContext:
    """What a consumer does is done by it, on account of the event, for the same request as the event."""
    return CommandContext(
        tenant_id=message.wake.tenant_id,
        actor=message.wake.consumer,
        correlation_id=event.correlation_id,
        causation_id=str(event.event_id),
        traceparent=event.traceparent,
    )
