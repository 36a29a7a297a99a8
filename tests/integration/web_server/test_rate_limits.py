"""Rate limits of the real server: two workers that count together in Redis, and each by itself without it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapters.embedded.stack import EmbeddedStack
from integration.rate_limits.conftest import redis_alone, url_of
from integration.web_server.conftest import Send, create_product, order_of
from integration.web_server.web_process import web_process

CLIENTS = 100
LIMIT = 30
WINDOW_S = 86_400
"""So long that a test can hardly meet its end."""


def limited(environment: Mapping[str, str], redis: EmbeddedStack) -> dict[str, str]:
    """The same server with a limit and a Redis."""
    return {
        **environment,
        "REDIS_URL": url_of(redis),
        "HOLDWATER_RATE_LIMIT_TOKEN": str(LIMIT),
        "HOLDWATER_RATE_WINDOW_S": str(WINDOW_S),
    }


class TestALimit:
    @pytest.mark.promise("A4", "A6")
    def test_admits_exactly_that_many_of_a_hundred_clients_and_is_no_fault_without_redis(
        self, web_environment: Mapping[str, str], send: Send, tmp_path: Path
    ) -> None:
        with (
            redis_alone(tmp_path / "redis") as redis,
            web_process(limited(web_environment, redis), tmp_path) as web,
            ThreadPoolExecutor(CLIENTS) as clients,
        ):
            web.start()
            answers = _all(clients, lambda: send(web, "GET", "/v1/orders", Connection="close"))
            assert [one.status for one in answers].count(200) == LIMIT
            refused = [one for one in answers if one.status != 200]
            for answer in refused:
                assert (answer.status, answer.json()["code"]) == (429, "too-many-requests")
                assert 1 <= int(answer.headers["Retry-After"]) <= WINDOW_S
                assert answer.headers["X-Request-Id"]
            assert "Redis" not in web.log.read_text(), "a process counted by itself"

            os.kill(redis.pids["redis"], signal.SIGKILL)
            # Each of the two processes admits the limit now, so half of it is admitted wherever it goes.
            create_product(web, send)
            for number in range(LIMIT // 2):
                answer = send(
                    web, "POST", "/v1/orders", order_of("TEA-1"), Idempotency_Key=f"k-{number}", Connection="close"
                )  # fmt: skip
                assert answer.status == 201, answer.data
            statuses = {one.status for one in _all(clients, lambda: send(web, "GET", "/v1/orders"))}
            assert statuses <= {200, 429}
            assert 1 <= web.log.read_text().count("Redis does not answer") <= 2


def _all(clients: ThreadPoolExecutor, request: Callable[[], object]) -> list:
    return [one.result() for one in [clients.submit(request) for _ in range(CLIENTS)]]
