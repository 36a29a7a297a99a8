"""The queue of wakes, whichever broker carries it.

Nothing in a broker is needed to last: what is flushed, or dies with a worker, is sent again by the relay. So Dramatiq's
own retries are left out, and a wake that fails is simply gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

import dramatiq
import dramatiq.worker
from dramatiq.middleware import Middleware, ShutdownNotifications

from application.ports.outbox import Wake
from application.ports.task_queue import Lane, QueueUnavailable, lane_of

NAMESPACE: Final = "holdwater"
QUEUES: Final = {
    Lane.MESSAGES: f"{NAMESPACE}_wakes",
    Lane.SAGAS: f"{NAMESPACE}_saga_wakes",
    Lane.READINGS: f"{NAMESPACE}_reading_wakes",
}
"""One for each lane, by the names that they have in the broker, as the tasks' are."""
TASKS: Final = {Lane.MESSAGES: "drain_key", Lane.SAGAS: "advance_saga", Lane.READINGS: "load_intake"}
TRY_AGAIN_AFTER_S: Final = 0.5
"""While the broker is away."""

# Dramatiq would wait for 3 and 5 s, and takes other values from the environment alone.
dramatiq.worker.CONSUMER_RESTART_DELAY_SECS = TRY_AGAIN_AFTER_S
dramatiq.worker.POST_PROCESS_MESSAGE_RETRY_DELAY_SECS = TRY_AGAIN_AFTER_S  # type: ignore[assignment]

Args = tuple[str, str, str]
"""A wake as it travels: tenant, consumer, key."""


class Marks(Protocol):
    """Keeps a second wake of a key out of the queue while the first is on its way."""

    def set(self, wake: Args) -> bool:
        """False if it is marked already."""
        ...

    def clear(self, wake: Args) -> None:
        """Let the next wake through; a mark that stays all the same runs out."""
        ...


class NoMarks:
    """Marks where there is nothing to keep them in.

    A key has as many wakes in the queue as the relay sends, one each WAKE_AGAIN_AFTER_S until a worker begins with it;
    the broker must drop those that grow old. Who takes one too many finds nothing to claim.
    """

    def set(self, wake: Args) -> bool:
        """Always true."""
        return True

    def clear(self, wake: Args) -> None:
        """Nothing."""


class DramatiqQueue:
    """TaskQueue, and the broker that a worker takes from."""

    def __init__(
        self,
        broker: dramatiq.Broker,
        marks: Marks,
        *,
        away: tuple[type[Exception], ...],
        release_thread: Callable[[], None] = lambda: None,
    ) -> None:
        """Connects when it is first used. `away` are the errors that say that the broker can't be reached.

        `release_thread` gives back what a worker's thread held, at its end.
        """
        self.broker: Final = broker
        self._marks = marks
        self._away: tuple[type[Exception], ...] = (*away, dramatiq.errors.BrokerConnectionError)
        broker.add_middleware(ShutdownNotifications())
        broker.add_middleware(_KeepsHouse(marks, release_thread))
        for name in QUEUES.values():
            broker.declare_queue(name)

    def wake(self, wakes: Sequence[Wake]) -> None:
        """See the port."""
        try:
            for wake in wakes:
                self._send(lane_of(wake), (str(wake.tenant_id), wake.consumer, str(wake.key)))
        except self._away as error:
            raise QueueUnavailable from error

    def close(self) -> None:
        """Let the connections go."""
        self.broker.close()

    def _send(self, lane: Lane, wake: Args) -> None:
        if not self._marks.set(wake):
            return
        message: dramatiq.Message[Any] = dramatiq.Message(
            queue_name=QUEUES[lane], actor_name=TASKS[lane], args=wake, kwargs={}, options={}
        )
        try:
            self.broker.enqueue(message)
        except BaseException:
            self._marks.clear(wake)
            raise


def worker_of(
    queue: DramatiqQueue, lane: Lane, handle: Callable[[Wake], object], *, threads: int
) -> dramatiq.Worker:
    """A worker of this process, not yet started, that calls `handle` for each wake of the lane.

    One for a queue object: a broker of Dramatiq serves one worker well.
    """

    def take(tenant_id: str, consumer: str, key: str) -> None:
        handle(Wake(UUID(tenant_id), consumer, UUID(key)))

    dramatiq.actor(broker=queue.broker, actor_name=TASKS[lane], queue_name=QUEUES[lane])(take)
    return dramatiq.Worker(queue.broker, queues={QUEUES[lane]}, worker_threads=threads, worker_timeout=100)


class _KeepsHouse(Middleware):
    """Unmarks a key before its messages are handled, so that those written meanwhile wake it again."""

    def __init__(self, marks: Marks, release_thread: Callable[[], None]) -> None:
        self._marks, self._release_thread = marks, release_thread

    def before_process_message(self, broker: Any, message: Any) -> None:
        self._marks.clear(message.args)

    def before_worker_thread_shutdown(self, broker: Any, thread: Any) -> None:
        self._release_thread()
