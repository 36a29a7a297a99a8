"""Many callers at once, over HTTP, against several processes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever its name

from integration.web_server.conftest import Send, create_product, order_of
from integration.web_server.web_process import WebProcess

WRITERS = 20
TWINS = 50


class TestTwentyWriters:
    @pytest.mark.promise("L1", "L4")
    def test_with_one_tag_change_an_order_once(
        self, web: WebProcess, send: Send, superuser: Connection
    ) -> None:
        create_product(web, send)
        placed = send(web, "POST", "/v1/orders", order_of("TEA-1"), Idempotency_Key="o")
        path, tag = placed.headers["Location"], placed.headers["ETag"]
        start = threading.Barrier(WRITERS)

        def amend(number: int) -> urllib3.BaseHTTPResponse:
            start.wait(timeout=20)
            return send(web, "PATCH", path, {"note": f"writer {number}"}, If_Match=tag)

        with ThreadPoolExecutor(WRITERS) as pool:
            answers = list(pool.map(amend, range(WRITERS)))
        assert sorted(answer.status for answer in answers) == [200] + [412] * (WRITERS - 1)
        (winner,) = (answer for answer in answers if answer.status == 200)
        assert {answer.headers["ETag"] for answer in answers} == {winner.headers["ETag"]}
        order = send(web, "GET", path)
        assert order.data == winner.data
        assert order.json()["version"] == 2
        events = send(web, "GET", f"{path}/events").json()["items"]
        assert [event["version"] for event in events] == [1, 2]
        assert events[-1]["data"]["note"] == order.json()["note"]


class TestFiftyTwins:
    @pytest.mark.promise("H2", "H4")
    def test_place_one_order_while_others_are_served(self, web: WebProcess, send: Send) -> None:
        create_product(web, send)
        start = threading.Barrier(TWINS + 1)

        def place(_: int) -> urllib3.BaseHTTPResponse:
            start.wait(timeout=20)
            return send(web, "POST", "/v1/orders", order_of("TEA-1"), Idempotency_Key="twin")

        with ThreadPoolExecutor(TWINS) as pool:
            waiting = [pool.submit(place, number) for number in range(TWINS)]
            start.wait(timeout=20)
            others = [
                send(web, "POST", "/v1/orders", order_of("TEA-1"), Idempotency_Key=f"other-{number}")
                for number in range(10)
            ]
            answers = [one.result() for one in waiting]
        assert {answer.status for answer in others} == {201}
        assert {answer.status for answer in answers} <= {201, 409}
        made = [answer for answer in answers if answer.status == 201]
        firsts = [answer for answer in made if "Idempotent-Replayed" not in answer.headers]
        assert len(firsts) == 1
        assert {answer.data for answer in made} == {firsts[0].data}
        for answer in answers:
            if answer.status == 409:
                assert answer.headers["Retry-After"] == "1"
                assert answer.json()["code"] == "request-in-progress"
        assert len(send(web, "GET", "/v1/orders?limit=500").json()["items"]) == 1 + len(others)
