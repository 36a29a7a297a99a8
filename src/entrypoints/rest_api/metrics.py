"""`/metrics`: what this server's processes counted, and what the database says, in the text format of Prometheus.

Labels are bounded: routes by their template, known methods, statuses, consumers. Nothing names a tenant, a caller or a
resource.
"""

from __future__ import annotations

import functools
import logging
import re
import struct
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from application.ports.outbox import ConsumerLag
from domain.errors import DomainError
from entrypoints.limits import METRICS_READS_MAX
from entrypoints.rest_api.wiring import container

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD: Final = "other"
NO_ROUTE: Final = "none"
DURATION_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""From one cached read to the time-out of a transaction."""
HELD_BACK: Final = "holdwater_event_readers_held_back_seconds"
LAG_KNOWN: Final = "holdwater_messages_lag_known"
PENDING: Final = "holdwater_messages_pending"
OLDEST_AGE: Final = "holdwater_messages_oldest_age_seconds"
DEAD: Final = "holdwater_messages_dead"
SETTLED: Final = "holdwater_messages_settled_last_minute"

_log: Final = logging.getLogger("holdwater.metrics")

disable_created_metrics()  # type: ignore[no-untyped-call]  # a further series for each, which nobody asks for
_registry: Final = CollectorRegistry()
_requests: Final = Counter(
    "holdwater_http_requests_total", "Requests answered.", ("method", "route", "status"), registry=_registry
)
_seconds: Final = Histogram(
    "holdwater_http_request_duration_seconds",
    "Time from a request's arrival in a worker to its answer.",
    ("method", "route"),
    buckets=DURATION_BUCKETS_S,
    registry=_registry,
)
_replays: Final = Counter(
    "holdwater_http_replays_total", "Answers stored by an earlier request with the same key.", ("method", "route"),
    registry=_registry,
)  # fmt: skip
_limited: Final = Counter(
    "holdwater_http_rate_limited_total", "Requests refused for a rate limit.", ("method", "route"), registry=_registry
)  # fmt: skip


def count(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    """Count one answer."""
    method = request.method if request.method in METHODS else OTHER_METHOD
    match = request.resolver_match
    route = _template(match.route) if match is not None else NO_ROUTE
    _requests.labels(method, route, str(response.status_code)).inc()
    _seconds.labels(method, route).observe(seconds)
    if "Idempotent-Replayed" in response.headers:
        _replays.labels(method, route).inc()
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        _limited.labels(method, route).inc()


def metrics(request: HttpRequest) -> HttpResponse:
    """The page. What can't be found out at this moment is left out, never shown as 0."""
    body = _counted() + generate_latest(_found())
    response = HttpResponse(body, content_type=CONTENT_TYPE_PLAIN_0_0_4)
    response.headers["Cache-Control"] = "no-store"
    return response


class _HeldBackReaders(Collector):
    """E4: how long readers of events have been held back, and by which server process."""

    def collect(self) -> Iterator[Metric]:
        try:
            holder = container().readers_held_back_by()
        except DomainError as error:
            _log.warning("who holds back the readers of events could not be found out: %s", error)
            return
        family = GaugeMetricFamily(
            HELD_BACK,
            "Age of the open transaction that readers of events wait for, with its PostgreSQL pid; NaN: not known.",
            labels=() if holder is None else ("pid",),
        )
        if holder is None:
            family.add_metric((), 0)
        else:
            family.add_metric((str(holder.pid),), float("nan") if holder.age_s is None else holder.age_s)
        yield family


class _MessageLag(Collector):
    """O7: how far messages of all tenants are, by consumer; the same whichever process answers."""

    def collect(self) -> Iterator[Metric]:
        lag = container().sample_lag().handle()
        known = GaugeMetricFamily(
            LAG_KNOWN, "1 if the figures of messages are known, 0 if they could not be found out."
        )
        known.add_metric((), 0 if lag is None else 1)
        yield known
        if lag is None:
            return
        families = {
            field: GaugeMetricFamily(name, text, labels=("consumer",))
            for field, name, text in (
                ("pending", PENDING, "Messages that are neither settled nor dead letters."),
                ("oldest_age_s", OLDEST_AGE, "Age of the oldest pending message; absent without any."),
                ("parked", DEAD, "Dead letters."),
                ("settled_last_minute", SETTLED, "Messages that were settled in the last minute."),
            )
        }
        by_consumer = {each.consumer: each for each in lag}
        # A consumer that is at work here and has no message has nothing before it: that is known.
        for consumer in sorted(by_consumer.keys() | container().consumers().keys()):
            found = by_consumer.get(consumer, _nothing_for(consumer))
            for field, family in families.items():
                value = getattr(found, field)
                if value is not None:
                    family.add_metric((consumer,), value)
        yield from families.values()


def _nothing_for(consumer: str) -> ConsumerLag:
    return ConsumerLag(
        consumer=consumer,
        pending=0,
        oldest_age_s=None,
        parked=0,
        oldest_parked_age_s=None,
        settled_last_minute=0,
    )


def _counted() -> bytes:
    folder = container().settings().metrics_folder
    if not folder:
        return generate_latest(_registry)
    for tries_left in reversed(range(METRICS_READS_MAX)):
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
        try:
            return generate_latest(registry)
        except (struct.error, RuntimeError):
            # A process that starts at this moment has made its file and not filled it in.
            if not tries_left:
                raise
    raise AssertionError("unreachable: the last try answers or raises")


def _found() -> CollectorRegistry:
    """What isn't counted but asked for when the page is."""
    registry = CollectorRegistry()
    registry.register(_HeldBackReaders())
    registry.register(_MessageLag())
    return registry


@functools.cache  # as many as there are routes
def _template(route: str) -> str:
    """Django's `v1/orders/<str:order_id>` as the OpenAPI document writes it: `/v1/orders/{order_id}`."""
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)
