"""Relays and workers over a real Redis and a real PostgreSQL, while the one is flushed and stopped."""

from __future__ import annotations

import functools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from types import MappingProxyType
from typing import Final
from uuid import UUID

import pytest
import redis

from adapters.django_orm.outbox import DjangoBacklog, DjangoMessageClaims
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.dramatiq_queue.over_rabbitmq import RabbitmqCheck, queue_over_rabbitmq
from adapters.dramatiq_queue.over_redis import queue_over_redis
from adapters.dramatiq_queue.queue import DramatiqQueue, worker_of
from adapters.embedded.stack import EmbeddedStack
from adapters.thread_queue import ThreadQueue
from application.delivery.drain_key import DrainKeyHandler
from application.delivery.relay import WAKES_PER_ROUND_MAX, RelayHandler
from application.ports.event_store import RecordedEvent
from application.ports.outbox import Message, Subscriptions
from application.ports.task_queue import Lane, QueueUnavailable, TaskQueue
from application.ports.unit_of_work import UnitOfWork
from builders import NOON, a_context, a_product
from domain.inventory.events import ProductCreated, ProductRenamed
from domain.inventory.product import Product
from entrypoints.worker.rounds import run_rounds

JOURNAL: Final = "journal"
REACTIONS: Subscriptions = MappingProxyType({ProductCreated: (JOURNAL,), ProductRenamed: (JOURNAL,)})
NOTE: Final = "journal:"
KEYS: Final = 60
RENAMES: Final = 3
WAIT_S_MAX: Final = 40
RETRY_DELAYS: Final = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30, 120, 600, 3_600))


class Journal:
    """Acts by noting (stream, version); records by creating a product, once for each message if all is right."""

    retry_delays: Sequence[timedelta] = RETRY_DELAYS

    def __init__(self, tenant_id: UUID) -> None:
        self._tenant_id = tenant_id
        self._lock = threading.Lock()
        self.acted: defaultdict[UUID, list[int]] = defaultdict(list)

    def act(self, message: Message, event: RecordedEvent) -> None:
        with self._lock:
            self.acted[event.stream_id].append(event.version)

    def record(self, event: RecordedEvent, uow: UnitOfWork) -> None:
        uow.products.save(a_product(name=f"{NOTE}{event.stream_id}:{event.version}"))


class Delivery:
    """Some relays and workers, each with connections of its own."""

    def __init__(self, tenant_id: UUID, release_thread: Callable[[], None]) -> None:
        self.tenant_id, self.release_thread = tenant_id, release_thread
        self.journal = Journal(tenant_id)
        self.drain = DrainKeyHandler(DjangoMessageClaims(), {JOURNAL: self.journal}, DjangoUnitOfWork)

    @contextmanager
    def running(
        self, new_queue: Callable[..., DramatiqQueue], *, relays: int, workers: int
    ) -> Iterator[None]:
        """Relays in threads, Dramatiq workers with two threads each."""
        queues = [new_queue(release_thread=self.release_thread) for _ in range(workers)]
        started = [worker_of(queue, Lane.MESSAGES, self.drain.handle, threads=2) for queue in queues]
        for worker in started:
            worker.start()
        relay_queues = [new_queue() for _ in range(relays)]
        try:
            with self.relaying(relay_queues):
                yield
        finally:
            for worker in started:
                worker.stop(timeout=10_000)
            for queue in (*queues, *relay_queues):
                queue.close()

    @contextmanager
    def relaying(self, queues: Sequence[TaskQueue]) -> Iterator[None]:
        """A relay for each queue."""
        stop = threading.Event()

        def relay(queue: TaskQueue) -> None:
            handler = RelayHandler(DjangoBacklog(), queue)
            run_rounds(lambda: handler.handle() == WAKES_PER_ROUND_MAX, stop=stop, idle_s=0.05)
            self.release_thread()

        threads = [threading.Thread(target=relay, args=(queue,), daemon=True) for queue in queues]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(WAIT_S_MAX)
        assert not any(thread.is_alive() for thread in threads)

    def a_product(self, renames: int = RENAMES) -> Product:
        """Created and renamed, each in a transaction of its own that writes a message."""
        product = a_product()
        context = a_context(tenant_id=self.tenant_id)
        with DjangoUnitOfWork(context, subscriptions=REACTIONS) as uow:
            uow.products.save(product)
        for number in range(renames):
            with DjangoUnitOfWork(context, subscriptions=REACTIONS) as uow:
                stored = uow.products.get(product.sku)
                stored.rename(f"name {number}", at=NOON)
                uow.products.save(stored)
        return product

    def wait_for(self, products: Sequence[Product], renames: int = RENAMES) -> None:
        """Until every message was recorded."""
        wanted = len(products) * (renames + 1)
        deadline = time.monotonic() + WAIT_S_MAX
        while time.monotonic() < deadline and len(self.effects()) < wanted:
            time.sleep(0.1)
        assert sorted(self.effects()) == sorted(
            (str(product.id), version) for product in products for version in range(1, renames + 2)
        )

    def effects(self) -> list[tuple[str, int]]:
        """What the consumers recorded, in the order in which it committed."""
        found, after = [], 0
        with DjangoUnitOfWork(a_context(tenant_id=self.tenant_id)) as uow:
            while events := uow.events.read(after):
                after = events[-1].position
                for event in (each.event for each in events):
                    if isinstance(event, ProductCreated) and event.name.startswith(NOTE):
                        stream_id, version = event.name.removeprefix(NOTE).split(":")
                        found.append((stream_id, int(version)))
        return found

    def require_order_by_key(self, products: Sequence[Product], renames: int = RENAMES) -> None:
        """Effects of each key committed in version order."""
        effects = self.effects()
        for product in products:
            own = [version for stream_id, version in effects if stream_id == str(product.id)]
            assert own == list(range(1, renames + 2))


def over(redis_url: str) -> Callable[..., DramatiqQueue]:
    """Makes queues in that Redis."""
    return functools.partial(queue_over_redis, redis_url)


@pytest.fixture
def delivery(tenant_id: UUID, release_thread: Callable[[], None]) -> Delivery:
    return Delivery(tenant_id, release_thread)


@pytest.mark.promise("O0", "O2", "O3", "O4")
def test_two_relays_and_three_workers_lose_nothing_and_double_nothing_while_redis_is_flushed(
    delivery: Delivery, start_redis: Callable[[], EmbeddedStack]
) -> None:
    url = start_redis().redis_url
    assert url is not None
    products = []
    with delivery.running(over(url), relays=2, workers=3), redis.Redis.from_url(url) as client:
        for number in range(KEYS):
            products.append(delivery.a_product())
            if number % 6 == 0:
                client.flushall()
        delivery.wait_for(products)
    delivery.require_order_by_key(products)


@pytest.mark.promise("O2")
def test_what_is_written_while_redis_is_away_is_delivered_when_it_is_back(
    delivery: Delivery, start_redis: Callable[[], EmbeddedStack]
) -> None:
    stack = start_redis()
    url = stack.redis_url
    assert url is not None
    with delivery.running(over(url), relays=1, workers=1):
        before = delivery.a_product()
        delivery.wait_for([before])
        stack.stop()
        meanwhile = [delivery.a_product() for _ in range(5)]
        assert len(delivery.effects()) == RENAMES + 1
        assert start_redis().redis_url == url
        delivery.wait_for([before, *meanwhile])
    delivery.require_order_by_key(meanwhile)


@pytest.mark.usefixtures("cleared_of_pika")
@pytest.mark.parametrize(
    "new_queue",
    [
        functools.partial(queue_over_redis, "redis://127.0.0.1:1/0"),
        functools.partial(queue_over_rabbitmq, "amqp://guest:guest@127.0.0.1:1/"),
        functools.partial(queue_over_rabbitmq, "amqp://guest:guest@nowhere.invalid/"),
    ],
)
def test_a_queue_without_a_server_says_so(delivery: Delivery, new_queue: Callable[[], DramatiqQueue]) -> None:
    queue = new_queue()
    delivery.a_product()
    with pytest.raises(QueueUnavailable):
        RelayHandler(DjangoBacklog(), queue).handle()
    queue.close()


@pytest.mark.promise("A5")
@pytest.mark.usefixtures("cleared_of_pika")
@pytest.mark.parametrize("url", ["amqp://127.0.0.1:1", "amqps://nowhere.invalid"])
def test_a_rabbitmq_that_does_not_answer_is_told(url: str) -> None:
    result = RabbitmqCheck(url)()
    assert (result.name, result.required) == ("rabbitmq", False)
    assert "RabbitMQ does not answer" in (result.problem or "")


@pytest.mark.promise("O0", "O4")
def test_without_a_broker_threads_of_the_process_do_the_work(delivery: Delivery) -> None:
    def handle(wake: object) -> None:
        delivery.drain.handle(wake)  # type: ignore[arg-type]
        delivery.release_thread()

    queue = ThreadQueue(handle, threads=dict.fromkeys(Lane, 4))
    with delivery.relaying([queue]):
        products = [delivery.a_product() for _ in range(20)]
        delivery.wait_for(products)
    queue.close()
    delivery.require_order_by_key(products)
