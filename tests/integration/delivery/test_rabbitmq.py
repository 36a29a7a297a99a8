"""Relays and workers over a real RabbitMQ, where HOLDWATER_TEST_AMQP_URL names one that tests may use up."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterator
from typing import Final
from uuid import UUID

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from adapters.dramatiq_queue.over_rabbitmq import WAKE_LASTS_MS, RabbitmqCheck, queue_over_rabbitmq
from adapters.dramatiq_queue.queue import QUEUES as QUEUE_OF
from adapters.dramatiq_queue.queue import DramatiqQueue
from application.ports.outbox import Wake
from application.ports.task_queue import Lane
from integration.delivery.test_workers import KEYS, Delivery
from integration.delivery.test_workers import delivery as delivery

URL: Final = os.environ.get("HOLDWATER_TEST_AMQP_URL", "")
QUEUE: Final = QUEUE_OF[Lane.MESSAGES]
QUEUES: Final = (QUEUE, f"{QUEUE}.DQ", f"{QUEUE}.XQ")
WAIT_S_MAX: Final = 30

pytestmark = [
    pytest.mark.skipif(not URL, reason="HOLDWATER_TEST_AMQP_URL is not set"),
    pytest.mark.usefixtures("cleared_of_pika"),
    pytest.mark.allowed_skip("no test run can bring a RabbitMQ with it"),
]


@pytest.fixture
def channel() -> Iterator[BlockingChannel]:
    """A way to the server around the adapter; the queues are gone before and after."""
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        for name in QUEUES:
            channel.queue_delete(name)
        yield channel
        for name in QUEUES:
            channel.queue_delete(name)


@pytest.fixture
def new_queue(channel: BlockingChannel) -> Callable[..., DramatiqQueue]:
    """Makes queues in that RabbitMQ."""
    return functools.partial(queue_over_rabbitmq, URL)


@pytest.mark.promise("O0", "O2", "O3", "O4", "X1")
def test_nothing_is_lost_or_doubled_while_queues_vanish(
    delivery: Delivery, new_queue: Callable[..., DramatiqQueue], channel: BlockingChannel
) -> None:
    products = []
    with delivery.running(new_queue, relays=2, workers=3):
        for number in range(KEYS):
            products.append(delivery.a_product())
            if number % 6 == 0:
                channel.queue_purge(QUEUE) if number % 12 else channel.queue_delete(QUEUE)
        delivery.wait_for(products)
    delivery.require_order_by_key(products)


@pytest.mark.promise("O2", "X1")
def test_wakes_that_nobody_takes_are_dropped(
    new_queue: Callable[..., DramatiqQueue], channel: BlockingChannel, tenant_id: UUID
) -> None:
    assert RabbitmqCheck(URL)().problem is None
    queue = new_queue()
    queue.wake([Wake(tenant_id, "mailer", tenant_id)] * 5)
    assert _lengths(channel)[QUEUE] == 5
    deadline = time.monotonic() + WAKE_LASTS_MS / 1_000 + WAIT_S_MAX
    while any(_lengths(channel).values()) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert _lengths(channel) == dict.fromkeys(QUEUES, 0)
    queue.close()


def _lengths(channel: BlockingChannel) -> dict[str, int]:
    return {name: channel.queue_declare(name, passive=True).method.message_count for name in QUEUES}
