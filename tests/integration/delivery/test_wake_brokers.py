"""Which broker carries wakes, by its URL, and how patient it is."""

from __future__ import annotations

from typing import Any

import pytest
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker

from adapters.dramatiq_queue.over_rabbitmq import WAKE_LASTS_MS, RabbitmqCheck, bounded
from adapters.dramatiq_queue.over_redis import RedisMarks
from adapters.dramatiq_queue.queue import QUEUES, DramatiqQueue, NoMarks
from application.ports.outbox import WAKE_AGAIN_AFTER_S
from application.ports.task_queue import Lane
from entrypoints.container import Container
from entrypoints.settings import Settings

WAKE = ("tenant", "mailer", "key")


def queue_at(url: str) -> DramatiqQueue:
    """The queue that a process with that BROKER_URL uses; nothing is connected yet."""
    container = Container()
    container.settings.override(Settings.from_environment({"BROKER_URL": url}))
    queue: DramatiqQueue = container.task_queue()
    return queue


class TestTheBroker:
    @pytest.mark.promise("X1")
    @pytest.mark.parametrize("url", ["redis://h:1/2", "rediss://h/0", "unix:///run/redis.sock"])
    def test_is_redis_with_marks_for_its_urls(self, url: str) -> None:
        queue = queue_at(url)
        assert type(queue.broker) is RedisBroker
        assert type(queue._marks) is RedisMarks
        assert queue.broker.get_declared_queues() == set(QUEUES.values())

    @pytest.mark.promise("X1")
    @pytest.mark.parametrize("url", ["amqp://u:p@h:1/v", "amqps://u:p@h/v"])
    def test_is_rabbitmq_with_confirms_and_without_marks_for_its_urls(self, url: str) -> None:
        queue = queue_at(url)
        assert isinstance(queue.broker, RabbitmqBroker)
        assert queue.broker.confirm_delivery
        assert type(queue._marks) is NoMarks
        assert queue.broker.get_declared_queues() == set(QUEUES.values())
        assert [type(each).__name__ for each in queue.broker.middleware] == [
            "ShutdownNotifications",
            "_KeepsHouse",
        ], "a wake that fails is neither tried again nor kept by the broker"

    @pytest.mark.promise("X1")
    def test_drops_wakes_of_rabbitmq_that_grow_old(self) -> None:
        broker = queue_at("amqp://h").broker
        assert isinstance(broker, RabbitmqBroker)
        assert broker._build_queue_arguments(QUEUES[Lane.MESSAGES]) == {"x-message-ttl": WAKE_LASTS_MS}
        assert WAKE_LASTS_MS == 2 * 1_000 * WAKE_AGAIN_AFTER_S


class TestTheChecks:
    @pytest.mark.promise("A5", "X1")
    def test_look_at_rabbitmq_where_it_is_the_broker(self) -> None:
        for url, wanted in (("redis://h", []), ("", []), ("amqp://h", [RabbitmqCheck("amqp://h")])):
            container = Container()
            container.settings.override(Settings(broker_url=url))
            assert list(container.broker_checks()) == wanted


class TestNoMarks:
    def test_let_every_wake_through(self) -> None:
        marks = NoMarks()
        assert [marks.set(WAKE), marks.set(WAKE)] == [True, True]
        marks.clear(WAKE)


class TestTheBoundsOfRabbitmq:
    def test_hold_unless_the_url_says_otherwise(self) -> None:
        broker = queue_at("amqp://u:p%40@h:1/v?heartbeat=7&socket_timeout=9").broker
        assert isinstance(broker, RabbitmqBroker)
        to: Any = broker.parameters
        assert (to.host, to.port, to.virtual_host, to.credentials.password) == ("h", 1, "v", "p@")
        assert (to.heartbeat, to.socket_timeout) == (7, 9)
        assert (to.connection_attempts, to.stack_timeout, to.blocked_connection_timeout) == (1, 5, 5)

    def test_are_added_once(self) -> None:
        assert bounded(bounded("amqps://h/%2F")) == bounded("amqps://h/%2F")
