"""RabbitMQ as the broker of wakes, with publisher confirms; it needs the extra `rabbitmq`.

RabbitMQ keeps no marks. What bounds the wakes in its queue is their age: one that no worker took in WAKE_LASTS_MS is
dropped, and the relay sends another while the key is due.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import pika.exceptions
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from adapters.dramatiq_queue.queue import DramatiqQueue, NoMarks
from application.ports.outbox import WAKE_AGAIN_AFTER_S
from application.ports.readiness import CheckResult

WAKE_LASTS_MS: Final = 2 * WAKE_AGAIN_AFTER_S * 1_000
# A broker that is away or blocks publishers must not hold its callers; each may be set otherwise in the URL's query.
BOUNDS: Final = {
    "connection_attempts": "1",
    "socket_timeout": "2",
    "stack_timeout": "5",
    "blocked_connection_timeout": "5",
    "heartbeat": "30",
}

AWAY: Final = (pika.exceptions.AMQPError, OSError)
"""What says that the server can't be reached; OSError: not even its name can be resolved."""


def queue_over_rabbitmq(url: str, *, release_thread: Callable[[], None] = lambda: None) -> DramatiqQueue:
    """The queue in the RabbitMQ of that URL; each wake is sent when RabbitMQ has confirmed it."""
    _silence_pika()
    broker = _WakeBroker(url=bounded(url), middleware=[], confirm_delivery=True)
    return DramatiqQueue(
        broker,
        NoMarks(),
        away=AWAY,
        release_thread=release_thread,
    )


def bounded(url: str) -> str:
    """The URL with BOUNDS for whatever its query leaves open."""
    parts = urlsplit(url)
    query = {**BOUNDS, **dict(parse_qsl(parts.query))}
    return parts._replace(query=urlencode(query)).geturl()


@dataclass(frozen=True)
class RabbitmqCheck:
    """The readiness check `rabbitmq`; the service works without it, only later wakes wait for its return."""

    url: str

    def __call__(self) -> CheckResult:
        """Connect and disconnect; never raises, and keeps to BOUNDS."""
        _silence_pika()
        try:
            pika.BlockingConnection(pika.URLParameters(bounded(self.url))).close()
        except AWAY as error:
            problem = f"RabbitMQ does not answer: {type(error).__name__}"
            return CheckResult("rabbitmq", required=False, problem=problem)
        return CheckResult("rabbitmq", required=False, problem=None)


def _silence_pika() -> None:
    """Everything that pika logs of a server that is away it raises as well; it logs some ten lines a try."""
    logging.getLogger("pika").setLevel(logging.CRITICAL)


class _WakeBroker(RabbitmqBroker):
    def _build_queue_arguments(self, queue_name: str) -> dict[str, Any]:
        """Old wakes are dropped, rather than kept as dead letters for days."""
        return {"x-message-ttl": WAKE_LASTS_MS}
