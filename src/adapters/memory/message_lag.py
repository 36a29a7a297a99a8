"""How far messages in memory are, by consumer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from adapters.memory.database import InMemoryDatabase
from adapters.memory.messages import Row
from application.ports.outbox import ConsumerLag

MINUTE = timedelta(minutes=1)


def lag_of(database: InMemoryDatabase, wanted: Callable[[Row], bool]) -> tuple[ConsumerLag, ...]:
    """The lag of the messages that are wanted."""
    by_consumer: dict[str, list[Row]] = {}
    with database.latch:
        at = database.now()
        for row in database.messages.where(wanted):
            if row["settled_at"] is None or row["settled_at"] > at - MINUTE:
                by_consumer.setdefault(row["wake"].consumer, []).append(dict(row))
    lags = []
    for consumer, own in sorted(by_consumer.items()):
        pending = [row for row in own if row["settled_at"] is None and row["parked_at"] is None]
        oldest = min((row["created_at"] for row in pending), default=None)
        given_up = [row["parked_at"] for row in own if row["parked_at"] is not None]
        lags.append(
            ConsumerLag(
                consumer=consumer,
                pending=len(pending),
                oldest_age_s=None if oldest is None else (at - oldest).total_seconds(),
                parked=len(given_up),
                oldest_parked_age_s=(at - min(given_up)).total_seconds() if given_up else None,
                settled_last_minute=sum(row["settled_at"] is not None for row in own),
            )
        )
    return tuple(lags)
