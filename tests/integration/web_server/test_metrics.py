"""/metrics of the real server: what all its workers counted, and who holds back the readers of events."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prometheus_client.parser import text_string_to_metric_families
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever its name

from adapters.django_orm.access import DjangoAccessAdministration
from adapters.django_orm.outbox import DjangoBacklog, DjangoMessageClaims
from adapters.django_orm.read_models import DjangoReadModels
from adapters.embedded.postgres_roles import DatabaseUrls
from application.ports.outbox import Wake
from application.subscriptions import ORDER_EMAIL
from integration.races.test_event_order import append_raw
from integration.web_server.conftest import Send, create_product, order_of
from integration.web_server.test_life import eventually
from integration.web_server.web_process import WebProcess, web_process

REQUESTS = 40
ROUNDS_MAX = 10
HELD_BACK = "holdwater_event_readers_held_back_seconds"
LAG_KNOWN = "holdwater_messages_lag_known"


class Metrics:
    """One look at /metrics."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples = [one for family in text_string_to_metric_families(text) for one in family.samples]

    @classmethod
    def of(cls, web: WebProcess) -> Metrics:
        """As Prometheus asks: without a token."""
        answer = web.request("GET", "/metrics", headers={"Host": "10.0.0.7:9090", "Connection": "close"})
        assert answer.status == 200, answer.data
        return cls(answer.data.decode())

    def value(self, name: str, **labels: str) -> float | None:
        """The one sample with that name and those labels; None if there is none."""
        found = [one.value for one in self.samples if one.name == name and one.labels == labels]
        assert len(found) <= 1, found
        return found[0] if found else None


@pytest.fixture
def counting_web(stopped_web: WebProcess) -> WebProcess:
    """A running server that keeps its counts in its state directory."""
    _state_dir(stopped_web).mkdir()
    return stopped_web.start()


class TestTheCounts:
    @pytest.mark.promise("A6")
    def test_are_those_of_all_workers_and_outlive_one(self, counting_web: WebProcess, send: Send) -> None:
        web, expected = counting_web, 0

        def read_orders() -> int:
            with ThreadPoolExecutor(8) as pool:
                sent = [
                    pool.submit(send, web, "GET", "/v1/orders", Connection="close") for _ in range(REQUESTS)
                ]
                assert {one.result().status for one in sent} == {200}
            return REQUESTS

        def counted() -> float | None:
            route = {"method": "GET", "route": "/v1/orders"}
            metrics = Metrics.of(web)
            total = metrics.value("holdwater_http_requests_total", **route, status="200")
            assert metrics.value("holdwater_http_request_duration_seconds_count", **route) == total
            return total

        for _ in range(ROUNDS_MAX):
            expected += read_orders()
            if len(_counting_processes(web)) == 2:
                break
        assert _counting_processes(web) == web.workers(), "one worker took all requests"
        assert counted() == expected

        before = web.workers()
        os.kill(min(before), signal.SIGKILL)
        assert eventually(lambda: len(web.workers() - before) == 1)
        assert counted() == expected
        expected += read_orders()
        assert counted() == expected

        web.terminate()
        assert web.wait() == 0
        assert list(_state_dir(web).glob("metrics-*")) == []

    def test_tell_replays_and_nothing_of_callers(
        self, counting_web: WebProcess, send: Send, token: str, tenant: str
    ) -> None:
        web = counting_web
        create_product(web, send, "SECRET-SKU")
        for _ in range(3):
            placed = send(web, "POST", "/v1/orders", order_of("SECRET-SKU"), Idempotency_Key="my-key")
            assert placed.status == 201
        path = placed.headers["Location"]
        assert send(web, "GET", path).status == 200
        assert send(web, "GET", "/v1/nothing/here").status == 404
        assert web.request("BREW", "/v1/orders").status in {401, 405}
        metrics = Metrics.of(web)
        route = {"method": "POST", "route": "/v1/orders"}
        assert metrics.value("holdwater_http_replays_total", **route) == 2
        assert metrics.value("holdwater_http_requests_total", **route, status="201") == 3
        one = {"method": "GET", "route": "/v1/orders/{order_id}", "status": "200"}
        assert metrics.value("holdwater_http_requests_total", **one) == 1
        assert metrics.value("holdwater_http_requests_total", method="GET", route="none", status="404") == 1
        assert "BREW" not in metrics.text
        for word in (token, tenant, "alice", "SECRET-SKU", "my-key", path.rpartition("/")[2], "here"):
            assert word not in metrics.text
        labels = {name for sample in metrics.samples for name in sample.labels}
        assert labels == {"method", "route", "status", "le"}


class TestReadersHeldBack:
    @pytest.mark.promise("E4")
    def test_are_a_metric_that_names_the_blocking_backend(
        self, counting_web: WebProcess, app: Connection, tenant_id: UUID
    ) -> None:
        web = counting_web
        assert Metrics.of(web).value(HELD_BACK) == 0
        append_raw(app, tenant_id)
        pid = str(app.info.backend_pid)
        first = Metrics.of(web)
        assert first.value(HELD_BACK) is None
        held_s = first.value(HELD_BACK, pid=pid)
        assert held_s is not None
        assert held_s > 0
        later_s = Metrics.of(web).value(HELD_BACK, pid=pid)
        assert later_s is not None
        assert later_s > held_s
        app.rollback()
        last = Metrics.of(web)
        assert (last.value(HELD_BACK), last.value(HELD_BACK, pid=pid)) == (0, None)


class TestMessages:
    @pytest.fixture
    def seeing(self, web_environment: Mapping[str, str], database_urls: DatabaseUrls) -> dict[str, str]:
        """An environment in which orders are acknowledged by mail, and whose system role sees all messages."""
        return {
            **web_environment,
            "DATABASE_SYSTEM_URL": database_urls.system_url,
            "HOLDWATER_SMTP_HOST": "mail.invalid",
            "HOLDWATER_SMTP_FROM": "shop@example.org",
        }

    @pytest.mark.promise("O7")
    def test_are_told_by_consumer_over_all_tenants_by_whichever_worker_is_asked(
        self, seeing: dict[str, str], tmp_path: Path, send: Send, tenant: str
    ) -> None:
        with web_process(seeing, tmp_path) as web:
            web.start()
            create_product(web, send)
            for number in range(3):
                placed = send(web, "POST", "/v1/orders", an_order_by_mail(), Idempotency_Key=f"o-{number}")
                assert placed.status == 201
            tenant_id = DjangoAccessAdministration().tenant_id(tenant)
            key = Wake(tenant_id, ORDER_EMAIL, UUID(placed.json()["id"]))
            message = DjangoMessageClaims().claim(key)
            assert message is not None
            DjangoMessageClaims().park(message, error="nobody answers")
            stored = {lag.consumer: lag for lag in DjangoBacklog().lag()}
            with DjangoReadModels(tenant_id) as views:
                (own,) = views.message_lag()
            assert (own.pending, own.parked) == (2, 1)
            for _ in range(8):  # of both workers, in all likelihood
                metrics = Metrics.of(web)
                assert metrics.value(LAG_KNOWN) == 1
                for consumer, lag in stored.items():
                    assert metrics.value("holdwater_messages_pending", consumer=consumer) == lag.pending
                    assert metrics.value("holdwater_messages_dead", consumer=consumer) == lag.parked
                age_s = metrics.value("holdwater_messages_oldest_age_seconds", consumer=ORDER_EMAIL)
                assert age_s is not None
                assert age_s >= (stored[ORDER_EMAIL].oldest_age_s or 0)
                assert tenant not in metrics.text

    @pytest.mark.promise("O7")
    def test_are_not_known_without_a_role_that_sees_them(
        self, seeing: dict[str, str], tmp_path: Path, database_urls: DatabaseUrls
    ) -> None:
        """The application's role would see no row, and no row means 0."""
        for number, url in enumerate(("", database_urls.app_url, "postgresql://a@127.0.0.1:1/a")):
            folder = tmp_path / str(number)
            folder.mkdir()
            with web_process({**seeing, "DATABASE_SYSTEM_URL": url}, folder) as web:
                metrics = Metrics.of(web.start())
                assert metrics.value(LAG_KNOWN) == 0
                told = {sample.name for sample in metrics.samples if "messages" in sample.name}
                assert told == {LAG_KNOWN}
                assert metrics.value(HELD_BACK) == 0
                assert "how far messages are could not be found out" in web.log.read_text()


def an_order_by_mail() -> dict[str, Any]:
    """An order of one piece of TEA-1 that is to be acknowledged."""
    return {**order_of("TEA-1"), "email": "ada@example.org"}


def _state_dir(web: WebProcess) -> Path:
    return web.log.parent / "var"


def _counting_processes(web: WebProcess) -> set[int]:
    return {int(file.stem.rpartition("_")[2]) for file in _state_dir(web).glob("metrics-*/counter_*.db")}
