"""The server's life: starting, stopping, being killed, and the database going away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import urllib3
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever its name

from adapters.embedded.postgres_roles import DatabaseUrls
from integration.web_server.conftest import Send, create_product, order_of
from integration.web_server.web_process import WebProcess, web_process

PATIENCE_S = 20


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether the condition holds within PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def is_answered(web: WebProcess, path: str, status: int) -> bool:
    """Whether a fresh connection gets that status."""
    try:
        return web.request("GET", path, headers={"Connection": "close"}).status == status
    except urllib3.exceptions.HTTPError:
        return False


class TestAServer:
    @pytest.mark.promise("A1")
    def test_refuses_to_start_as_superuser_or_owner(
        self, web_environment: Mapping[str, str], database_urls: DatabaseUrls, tmp_path: Path
    ) -> None:
        for url in (database_urls.superuser_url, database_urls.owner_url, database_urls.system_url):
            with web_process({**web_environment, "DATABASE_URL": url}, tmp_path) as web:
                web.spawn()
                assert web.wait() != 0
                assert "refusing to serve" in web.log.read_text()

    def test_refuses_a_port_that_another_one_has(
        self, web_environment: Mapping[str, str], stopped_web: WebProcess, tmp_path: Path
    ) -> None:
        first = stopped_web.start()
        with web_process(web_environment, tmp_path) as second:
            second.log, second.port = tmp_path / "second.log", first.port
            second.spawn()
            assert second.wait() != 0
            assert f"can't listen on 127.0.0.1 port {first.port}" in second.log.read_text()
        assert is_answered(first, "/livez", 200)

    @pytest.mark.promise("A5")
    def test_is_ready_when_its_database_is(self, stopped_web: WebProcess) -> None:
        answer = stopped_web.start().request("GET", "/readyz")
        checks = {check["name"]: check["problem"] for check in answer.json()["checks"]}
        assert (answer.status, checks) == (
            200, {"drain": None, "database": None, "schema": None, "redis": None},
        )  # fmt: skip

    @pytest.mark.promise("A5")
    def test_says_that_it_stops_and_finishes_what_it_accepted(
        self, stopped_web: WebProcess, send: Send, superuser: Connection
    ) -> None:
        web = stopped_web.start()
        create_product(web, send)
        with superuser.cursor() as cursor, ThreadPoolExecutor(1) as pool:
            # The order waits behind this lock until the server has been told to stop.
            cursor.execute("BEGIN; LOCK TABLE customer_order IN EXCLUSIVE MODE")
            accepted = pool.submit(
                send, web, "POST", "/v1/orders", order_of("TEA-1"), Idempotency_Key="accepted"
            )
            assert eventually(lambda: _waits_for_lock(superuser))
            web.terminate()
            assert eventually(lambda: is_answered(web, "/readyz", 503))
            assert not accepted.done()
            cursor.execute("COMMIT")
            assert accepted.result(timeout=PATIENCE_S).status == 201
        assert web.wait() == 0
        assert not is_answered(web, "/livez", 200)

    def test_replaces_a_worker_that_was_killed(self, stopped_web: WebProcess) -> None:
        web = stopped_web.start()
        before = web.workers()
        assert len(before) == 2
        os.kill(before.pop(), signal.SIGKILL)
        assert eventually(lambda: len(web.workers() - before) == 1)
        assert eventually(lambda: all(is_answered(web, "/livez", 200) for _ in range(8)))

    def test_leaves_no_worker_behind_when_it_is_killed(self, stopped_web: WebProcess) -> None:
        web = stopped_web.start()
        workers = web.workers()
        assert web.process is not None
        web.process.kill()
        web.wait()
        assert eventually(lambda: not any(_lives(worker) for worker in workers))

    @pytest.mark.promise("A6")
    def test_logs_each_request_with_its_ids_and_no_secret(
        self, stopped_web: WebProcess, send: Send, token: str
    ) -> None:
        web = stopped_web.start()
        send(web, "GET", "/v1/orders?limit=7", X_Request_Id="find-me")
        web.terminate()
        assert web.wait() == 0
        text = web.log.read_text()
        entries = [json.loads(line) for line in text.splitlines()]
        (entry,) = [entry for entry in entries if entry.get("request_id") == "find-me"]
        assert (entry["route"], entry["status"], entry["actor"]) == ("v1/orders", 200, "alice")
        assert entry["traceparent"].startswith("00-")
        assert token not in text


class TestAKilledServer:
    @pytest.mark.promise("H9", "E1")
    @pytest.mark.slow
    def test_leaves_exactly_the_orders_that_were_asked_for(self, stopped_web: WebProcess, send: Send) -> None:
        web = stopped_web.start()
        create_product(web, send)

        def place(number: int) -> int | None:
            try:
                return send(
                    web, "POST", "/v1/orders", {**order_of("TEA-1"), "reference": f"R-{number}"},
                    Idempotency_Key=f"key-{number}",
                ).status  # fmt: skip
            except urllib3.exceptions.HTTPError:
                return None

        with ThreadPoolExecutor(12) as pool:
            first_try = [pool.submit(place, number) for number in range(500)]
            assert eventually(lambda: sum(one.done() for one in first_try) >= 200)
            web.kill()
            statuses = [one.result() for one in first_try]
        assert None in statuses
        assert 201 in statuses
        web.start()
        for number in range(500):
            assert eventually(lambda number=number: place(number) == 201)  # type: ignore[misc]
        orders = list(_all_orders(web, send))
        assert sorted(str(order["reference"]) for order in orders) == sorted(
            f"R-{number}" for number in range(500)
        )


class TestALostDatabase:
    @pytest.mark.promise("A2", "A5")
    def test_is_answered_503_until_it_is_back(
        self, stopped_web: WebProcess, send: Send, database_urls: DatabaseUrls, superuser: Connection
    ) -> None:
        web = stopped_web.start()
        create_product(web, send)
        assert {send(web, "GET", "/v1/orders").status for _ in range(8)} == {200}
        role, database = "holdwater_app", superuser.info.dbname
        with superuser.cursor() as cursor:
            cursor.execute(f'REVOKE CONNECT ON DATABASE "{database}" FROM PUBLIC, {role}')
            try:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [role]
                )
                answers = [
                    send(web, "GET", "/v1/orders"),
                    send(web, "POST", "/v1/orders", order_of("TEA-1"), Idempotency_Key="k"),
                ]
                for answer in answers:
                    assert (answer.status, answer.json()["code"]) == (503, "store-unavailable")
                    assert int(answer.headers["Retry-After"]) >= 1
                assert is_answered(web, "/livez", 200)
                unready = web.request("GET", "/readyz")
                assert unready.status == 503
                assert {"database"} <= {
                    check["name"] for check in unready.json()["checks"] if check["problem"]
                }
            finally:
                cursor.execute(f'GRANT CONNECT ON DATABASE "{database}" TO {role}')
        assert eventually(lambda: is_answered(web, "/readyz", 200))
        assert send(web, "POST", "/v1/orders", order_of("TEA-1"), Idempotency_Key="k").status == 201


def _all_orders(web: WebProcess, send: Send) -> Iterator[dict[str, object]]:
    following: str | None = "/v1/orders?limit=100"
    while following is not None:
        page = send(web, "GET", following).json()
        yield from page["items"]
        following = page["next"]


def _waits_for_lock(superuser: Connection) -> bool:
    with superuser.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        row = cursor.fetchone()
        return row is not None and row[0] > 0


def _lives(pid: int) -> bool:
    state = subprocess.run(
        ["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return state.stdout.strip() not in {"", "Z"}
