"""Whatever one kind of work waits for, the other goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from adapters.dramatiq_queue.over_redis import queue_over_redis
from adapters.dramatiq_queue.queue import worker_of
from adapters.embedded.stack import EmbeddedStack
from adapters.system_clock import new_id
from adapters.thread_queue import ThreadQueue
from application.ports.intakes import LOAD_INTAKE
from application.ports.outbox import Wake
from application.ports.sagas import SAGA_WAKE
from application.ports.task_queue import Lane, TaskQueue

THREADS = dict.fromkeys(Lane, 2)
WAIT_S_MAX = 20.0
TENANT = new_id()

Handle = Callable[[Wake], None]
Running = Callable[[Handle], AbstractContextManager[TaskQueue]]


@contextmanager
def threads_alone(handle: Handle) -> Iterator[TaskQueue]:
    queue = ThreadQueue(handle, threads=THREADS)
    yield queue
    queue.close()


@pytest.fixture(params=["threads", "redis"])
def running(request: pytest.FixtureRequest) -> Running:
    """Workers that handle what the queue brings."""
    if request.param == "threads":
        return threads_alone
    start_redis: Callable[[], EmbeddedStack] = request.getfixturevalue("start_redis")
    url = start_redis().redis_url
    assert url is not None

    @contextmanager
    def over_redis(handle: Handle) -> Iterator[TaskQueue]:
        queues, relays = {lane: queue_over_redis(url) for lane in Lane}, queue_over_redis(url)
        workers = [worker_of(queue, lane, handle, threads=THREADS[lane]) for lane, queue in queues.items()]
        for worker in workers:
            worker.start()
        yield relays
        for worker in workers:
            worker.stop(timeout=10_000)
        for queue in (*queues.values(), relays):
            queue.close()

    return over_redis


@pytest.mark.promise("O4")
@pytest.mark.parametrize("stuck", Lane)
def test_a_lane_that_is_stuck_holds_up_no_other(running: Running, stuck: Lane) -> None:
    consumers = {Lane.SAGAS: SAGA_WAKE, Lane.MESSAGES: "mailer", Lane.READINGS: LOAD_INTAKE}
    go_on, came_through = threading.Event(), {name: threading.Event() for name in consumers.values()}

    def handle(wake: Wake) -> None:
        if wake.consumer == consumers[stuck]:
            go_on.wait(WAIT_S_MAX)
        else:
            came_through[wake.consumer].set()

    with running(handle) as queue:
        queue.wake([Wake(TENANT, consumers[stuck], new_id()) for _ in range(10)])
        others = [consumer for lane, consumer in consumers.items() if lane is not stuck]
        queue.wake([Wake(TENANT, other, new_id()) for other in others])
        were_handled = [came_through[other].wait(WAIT_S_MAX / 4) for other in others]
        go_on.set()
    assert were_handled == [True, True]
