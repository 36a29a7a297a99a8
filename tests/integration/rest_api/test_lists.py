"""Lists by keyset cursor, and their filters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from integration.rest_api.caller import ORDER
from integration.rest_api.checked_client import Answer, CheckedClient


def pages(api: CheckedClient, address: str) -> Iterator[list[Any]]:
    """Every page from that address on."""
    following: str | None = address
    while following is not None:
        page = api.get(following)
        assert page.status == 200, page
        yield page.json["items"]
        following = page.json["next"]


def place(api: CheckedClient, number: int, **changes: object) -> Any:
    """One more order."""
    return api.post(
        "/v1/orders", {**ORDER, **changes}, idempotency_key=f"o-{number}-{changes}".encode().hex()
    ).json


class TestAList:
    @pytest.mark.promise("A3")
    def test_gives_each_order_once_while_others_are_placed(self, api: CheckedClient, tea: Answer) -> None:
        before = [place(api, number)["id"] for number in range(7)]
        seen = []
        for number, items in enumerate(pages(api, "/v1/orders?limit=2"), start=100):
            seen += [item["id"] for item in items]
            place(api, number)
        assert seen == before[::-1]

    @pytest.mark.promise("A3")
    def test_of_products_is_walked_likewise(self, api: CheckedClient) -> None:
        for number in range(5):
            api.post("/v1/products", {"sku": f"P-{number}", "name": "P"}, idempotency_key=f"p-{number}")
        walked = [item["sku"] for items in pages(api, "/v1/products?limit=2") for item in items]
        assert walked == ["P-4", "P-3", "P-2", "P-1", "P-0"]

    def test_ends_with_null(self, api: CheckedClient, placed: Answer) -> None:
        assert api.get("/v1/orders").json["next"] is None
        assert api.get("/v1/orders?status=shipped").json == {"items": [], "next": None}

    def test_keeps_its_filters_from_page_to_page(self, api: CheckedClient, tea: Answer) -> None:
        for number in range(6):
            place(api, number, customer_ref="c & d" if number % 2 else "other")
        found = [
            item["customer_ref"]
            for items in pages(api, "/v1/orders?limit=1&customer_ref=c%20%26%20d")
            for item in items
        ]
        assert found == ["c & d"] * 3

    def test_filters_by_status_and_time(self, api: CheckedClient, tea: Answer) -> None:
        orders = [place(api, number) for number in range(3)]
        tag = f'"{orders[0]["id"]}-1"'
        api.post(f"/v1/orders/{orders[0]['id']}/cancel", {"reason": "x"}, if_match=tag, idempotency_key="c")
        cancelled = api.get("/v1/orders?status=cancelled").json["items"]
        assert [order["id"] for order in cancelled] == [orders[0]["id"]]
        middle, last = (quote(orders[number]["created_at"]) for number in (1, 2))
        between = api.get(f"/v1/orders?created_from={middle}&created_to={last}").json["items"]
        assert [order["id"] for order in between] == [orders[1]["id"]]

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("limit=0", "limit"),
            ("limit=501", "limit"),
            ("limit=x", "limit"),
            ("limit=1&limit=2", "limit"),
            ("cursor=", "cursor"),
            ("cursor=abc", "cursor"),
            ("cursor=" + "A" * 31 + "*", "cursor"),
            ("cursor=f" + "_" * 31, "cursor"),
            ("status=lost", "status"),
            ("status=", "status"),
            ("customer_ref=", "customer_ref"),
            ("customer_ref=a%00b", "customer_ref"),
            ("customer_ref=" + "x" * 101, "customer_ref"),
            ("customer_ref=%ff", "query"),
            ("reference=", "reference"),
            ("reference=" + "x" * 101, "reference"),
            ("created_from=2026-01-01T00:00:00", "created_from"),
            ("created_from=2026-01-01", "created_from"),
            ("created_from=0001-01-01T00:00:00%2B10:00", "created_from"),
            ("created_to=tomorrow", "created_to"),
            ("page=2", "page"),
            ("&".join(f"a{n}=1" for n in range(21)), "query"),
            ("status=" + "x" * 5_000, "query"),
        ],
    )
    def test_names_the_parameter_that_is_wrong(self, api: CheckedClient, query: str, field: str) -> None:
        answer = api.get(f"/v1/orders?{query}")
        assert (answer.status, answer.fields) == (400, [field])


class TestTheOrdersOfACustomer:
    @pytest.mark.parametrize(
        "customer_ref", ["c-17", "a/b", "a/orders", "50% & more?", "..", " ", "x\ny", "ключ", "x" * 100]
    )
    def test_are_found_by_any_name_that_a_customer_may_have(
        self, api: CheckedClient, tea: Answer, customer_ref: str
    ) -> None:
        mine = [place(api, number, customer_ref=customer_ref)["id"] for number in range(3)]
        place(api, 3, customer_ref="another")
        segment = quote(customer_ref, safe="")
        found = list(pages(api, f"/v1/customers/{segment}/orders?limit=2&status=pending"))
        assert [item["id"] for items in found for item in items] == mine[::-1]
        first = api.get(f"/v1/customers/{segment}/orders?limit=2").json["next"]
        assert first.startswith(f"/v1/customers/{segment}/orders?limit=2&cursor=")

    def test_are_none_for_a_customer_that_never_ordered(self, api: CheckedClient, placed: Answer) -> None:
        assert api.get("/v1/customers/nobody/orders").json == {"items": [], "next": None}

    @pytest.mark.parametrize("customer_ref", ["a%00b", "x" * 101])
    def test_of_a_name_that_nobody_can_have_are_refused(self, api: CheckedClient, customer_ref: str) -> None:
        answer = api.get(f"/v1/customers/{customer_ref}/orders")
        assert (answer.status, answer.fields) == (400, ["customer_ref"])

    def test_take_no_other_customer(self, api: CheckedClient, placed: Answer) -> None:
        assert api.get("/v1/customers/c-17/orders?customer_ref=other").fields == ["customer_ref"]


class TestAReference:
    def test_finds_its_order(self, api: CheckedClient, tea: Answer) -> None:
        order = place(api, 1, reference="PO/1")
        place(api, 2, reference="PO/2")
        assert api.get("/v1/orders?reference=PO%2F1").json == {"items": [order], "next": None}


class TestAnOrderAsItWas:
    @pytest.mark.promise("E5")
    def test_is_asked_for_by_time(self, api: CheckedClient, placed: Answer) -> None:
        path, tag = placed.headers["Location"], placed.headers["ETag"]
        amended = api.patch(path, {"note": "x"}, if_match=tag)
        then, now = (quote(answer.json["updated_at"]) for answer in (placed, amended))
        for at, expected in ((then, placed), (now, amended), ("2999-01-01T00:00:00Z", amended)):
            answer = api.get(f"{path}?at={at}")
            assert (answer.json, answer.headers["ETag"]) == (expected.json, expected.headers["ETag"])
        assert api.get(f"{path}?at=1970-01-01T00:00:00Z").code == "not-yet-placed"
        assert api.get(f"{path}?at={now}&at_version=1").fields == ["at"]
        assert api.get(f"{path}?at=yesterday").fields == ["at"]


class TestTheEventsOfAnOrder:
    @pytest.mark.promise("E7")
    def test_come_oldest_first_and_say_who_caused_them(self, api: CheckedClient, placed: Answer) -> None:
        path, tag = placed.headers["Location"], placed.headers["ETag"]
        trace = f"00-{'a' * 32}-{'b' * 16}-01"
        amended = api.patch(path, {"note": "x"}, if_match=tag, x_request_id="my-request", traceparent=trace)
        first, second = [item for items in pages(api, f"{path}/events?limit=1") for item in items]
        assert [first["version"], second["version"]] == [1, 2]
        assert (second["type"], second["schema_version"]) == ("order.amended", 1)
        assert second["data"] == {"note": "x", "address": ""}
        assert (second["actor"], second["correlation_id"], second["causation_id"]) == (
            "alice",
            "my-request",
            "my-request",
        )
        assert second["traceparent"] == amended.headers["traceparent"]
        assert second["occurred_at"] == amended.json["updated_at"]
        assert first["position"] < second["position"]

    def test_can_be_asked_for_from_a_version_on(self, api: CheckedClient, placed: Answer) -> None:
        path = f"{placed.headers['Location']}/events"
        assert len(api.get(f"{path}?after_version=0").json["items"]) == 1
        assert api.get(f"{path}?after_version=1").json == {"items": [], "next": None}
        assert api.get(f"{path}?after_version=x").fields == ["after_version"]
