"""Wakes over Dramatiq and Redis.

Nothing in Redis is needed to last: what is flushed, or dies with a worker, is sent again by the relay. So Dramatiq's
own retries are left out, and a wake that fails is simply gone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import dramatiq
import dramatiq.worker
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Middleware, ShutdownNotifications

from application.ports.outbox import Wake
from application.ports.task_queue import QueueUnavailable

QUEUE: Final = "wakes"
DRAIN_KEY: Final = "drain_key"
"""The task that a wake is for, by the name that it has in the broker."""
NAMESPACE: Final = "holdwater"
MARK_LASTS_S: Final = 15
"""A key whose wake is on its way gets no second one for so long, unless a worker has begun with it."""
# A worker that was killed leaves its wakes in Redis; others take them over after the heartbeat's time-out, if
# maintenance runs often enough. The relay would send them again anyway.
HEARTBEAT_TIMEOUT_MS: Final = 15_000
MAINTENANCE_CHANCE: Final = 100_000
DEAD_MESSAGES_LAST_MS: Final = 60_000
SOCKET_TIMEOUT_S: Final = 2.0
TRY_AGAIN_AFTER_S: Final = 0.5
"""While the broker is away."""

# Dramatiq would wait for 3 and 5 s, and takes other values from the environment alone.
dramatiq.worker.CONSUMER_RESTART_DELAY_SECS = TRY_AGAIN_AFTER_S
dramatiq.worker.POST_PROCESS_MESSAGE_RETRY_DELAY_SECS = TRY_AGAIN_AFTER_S  # type: ignore[assignment]


class DramatiqQueue:
    """TaskQueue, and the broker that a worker takes from."""

    def __init__(self, url: str, *, release_thread: Callable[[], None] = lambda: None) -> None:
        """Connects when it is first used. `release_thread` gives back what a worker's thread held, at its end."""
        self.broker: Final = RedisBroker(  # type: ignore[no-untyped-call]
            url=url,
            namespace=NAMESPACE,
            middleware=[ShutdownNotifications(), _KeepsHouse(release_thread)],
            heartbeat_timeout=HEARTBEAT_TIMEOUT_MS,
            maintenance_chance=MAINTENANCE_CHANCE,
            dead_message_ttl=DEAD_MESSAGES_LAST_MS,
            socket_connect_timeout=SOCKET_TIMEOUT_S,
        )
        self.broker.declare_queue(QUEUE)
        self._redis: Any = self.broker.client

    def wake(self, wakes: Sequence[Wake]) -> None:
        """See the port."""
        try:
            for wake in wakes:
                self._send(wake)
        except (redis.RedisError, dramatiq.errors.BrokerConnectionError) as error:
            raise QueueUnavailable from error

    def close(self) -> None:
        """Let the connections go."""
        self.broker.close()

    def _send(self, wake: Wake) -> None:
        args = (str(wake.tenant_id), wake.consumer, str(wake.key))
        mark = _mark(*args)
        if not self._redis.set(mark, "", nx=True, ex=MARK_LASTS_S):
            return
        message: dramatiq.Message[Any] = dramatiq.Message(
            queue_name=QUEUE, actor_name=DRAIN_KEY, args=args, kwargs={}, options={}
        )
        try:
            self.broker.enqueue(message)
        except BaseException:
            self._redis.delete(mark)
            raise


def worker_of(queue: DramatiqQueue, handle: Callable[[Wake], object], *, threads: int) -> dramatiq.Worker:
    """A worker of this process, not yet started, that calls `handle` for each wake."""

    def drain_key(tenant_id: str, consumer: str, key: str) -> None:
        handle(Wake(UUID(tenant_id), consumer, UUID(key)))

    dramatiq.actor(broker=queue.broker, actor_name=DRAIN_KEY, queue_name=QUEUE)(drain_key)
    return dramatiq.Worker(queue.broker, queues={QUEUE}, worker_threads=threads, worker_timeout=100)


class _KeepsHouse(Middleware):
    """Unmarks a key before its messages are handled, so that those written meanwhile wake it again."""

    def __init__(self, release_thread: Callable[[], None]) -> None:
        self._release_thread = release_thread

    def before_process_message(self, broker: Any, message: Any) -> None:
        try:
            broker.client.delete(_mark(*message.args))
        except redis.RedisError as error:
            logging.getLogger("holdwater.delivery").warning("a mark stays in Redis for a while: %s", error)

    def before_worker_thread_shutdown(self, broker: Any, thread: Any) -> None:
        self._release_thread()


def _mark(tenant_id: str, consumer: str, key: str) -> str:
    return f"{NAMESPACE}:woken:{tenant_id}:{consumer}:{key}"
