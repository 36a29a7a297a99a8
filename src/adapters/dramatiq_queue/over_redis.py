"""Redis as the broker of wakes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

import redis
from dramatiq.brokers.redis import RedisBroker

from adapters.dramatiq_queue.queue import NAMESPACE, Args, DramatiqQueue

MARK_LASTS_S: Final = 15
"""A key whose wake is on its way gets no second one for so long, unless a worker has begun with it."""
# A worker that was killed leaves its wakes in Redis; others take them over after the heartbeat's time-out, if
# maintenance runs often enough. The relay would send them again anyway.
HEARTBEAT_TIMEOUT_MS: Final = 15_000
MAINTENANCE_CHANCE: Final = 100_000
DEAD_MESSAGES_LAST_MS: Final = 60_000
SOCKET_TIMEOUT_S: Final = 2.0


def queue_over_redis(url: str, *, release_thread: Callable[[], None] = lambda: None) -> DramatiqQueue:
    """The queue in the Redis of that URL, with marks there."""
    broker = RedisBroker(  # type: ignore[no-untyped-call]
        url=url,
        namespace=NAMESPACE,
        middleware=[],
        heartbeat_timeout=HEARTBEAT_TIMEOUT_MS,
        maintenance_chance=MAINTENANCE_CHANCE,
        dead_message_ttl=DEAD_MESSAGES_LAST_MS,
        socket_connect_timeout=SOCKET_TIMEOUT_S,
    )
    return DramatiqQueue(
        broker, RedisMarks(broker.client), away=(redis.RedisError,), release_thread=release_thread
    )


class RedisMarks:
    """Marks that run out after MARK_LASTS_S."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def set(self, wake: Args) -> bool:
        """See the protocol. Raises redis.RedisError."""
        return bool(self._client.set(_name(wake), "", nx=True, ex=MARK_LASTS_S))

    def clear(self, wake: Args) -> None:
        """See the protocol; never raises redis.RedisError."""
        try:
            self._client.delete(_name(wake))
        except redis.RedisError as error:
            logging.getLogger("holdwater.delivery").warning("a mark stays in Redis for a while: %s", error)


def _name(wake: Args) -> str:
    return ":".join((NAMESPACE, "woken", *wake))
