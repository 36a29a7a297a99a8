"""One key, one request, one lasting answer."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from integration.rest_api.caller import ORDER
from integration.rest_api.checked_client import Answer, CheckedClient


def orders_of(api: CheckedClient) -> int:
    """How many orders there are."""
    return len(api.get("/v1/orders?limit=500").json["items"])


class TestAKey:
    @pytest.mark.promise("H1")
    def test_is_the_same_bare_and_quoted(self, api: CheckedClient, tea: Answer) -> None:
        bare = api.post("/v1/orders", ORDER, idempotency_key="k-1")
        quoted = api.post("/v1/orders", ORDER, idempotency_key=' "k-1" ')
        assert quoted.body == bare.body
        assert quoted.headers["Idempotent-Replayed"] == "true"

    @pytest.mark.promise("H1")
    def test_may_hold_quotes_and_commas_when_quoted(self, api: CheckedClient, tea: Answer) -> None:
        key = r'"a\"b\\c,d"'
        assert api.post("/v1/orders", ORDER, idempotency_key=key).status == 201
        assert api.post("/v1/orders", ORDER, idempotency_key=key).headers["Idempotent-Replayed"] == "true"

    @pytest.mark.promise("H5")
    def test_means_the_same_request_however_the_json_is_written(
        self, api: CheckedClient, placed: Answer
    ) -> None:
        reversed_names = dict(reversed(ORDER.items()))
        spaced = json.dumps(reversed_names, indent=4).replace("TEA", "T\\u0045A").encode()
        again = api.call("POST", "/v1/orders", spaced, idempotency_key="placed")
        assert (again.status, again.body) == (201, placed.body)

    @pytest.mark.promise("H3")
    @pytest.mark.parametrize(
        "change", [{"note": "x"}, {"note": ""}, {"reference": None}, {"lines": ORDER["lines"] * 2}]
    )
    def test_means_another_request_when_the_body_says_more(
        self, api: CheckedClient, placed: Answer, change: dict[str, object]
    ) -> None:
        answer = api.post("/v1/orders", {**ORDER, **change}, idempotency_key="placed")
        assert (answer.status, answer.code) == (422, "key-reused")
        assert orders_of(api) == 1
        assert api.post("/v1/orders", ORDER, idempotency_key="placed").body == placed.body

    @pytest.mark.promise("H3")
    def test_means_one_address(self, api: CheckedClient, tea: Answer) -> None:
        api.post("/v1/products", {"sku": "TEA-2", "name": "Tea"}, idempotency_key="tea-2")
        first = api.post("/v1/products/TEA-1/receipts", {"quantity": 5}, idempotency_key="r")
        answer = api.post("/v1/products/TEA-2/receipts", {"quantity": 5}, idempotency_key="r")
        assert (answer.status, answer.code) == (422, "key-reused")
        assert api.get("/v1/products/TEA-2/stock").json["on_hand"] == 0
        assert api.get("/v1/products/TEA-1/stock").json["on_hand"] == first.json["on_hand"] == 5

    @pytest.mark.promise("H6")
    def test_belongs_to_its_caller(self, api: CheckedClient, placed: Answer, new_token) -> None:
        bob = api.as_(new_token(owner="bob"))
        answer = bob.post("/v1/orders", ORDER, idempotency_key="placed")
        assert answer.status == 201
        assert answer.json["id"] != placed.json["id"]

    @pytest.mark.promise("H6")
    def test_belongs_to_its_tenant(self, api: CheckedClient, placed: Answer, new_token) -> None:
        stranger = api.as_(new_token(tenant="others"))
        answer = stranger.post("/v1/orders", ORDER, idempotency_key="placed")
        assert (answer.status, answer.code) == (422, "unknown-sku")

    @pytest.mark.promise("H6")
    def test_survives_a_new_token_of_the_same_owner(
        self, api: CheckedClient, placed: Answer, new_token
    ) -> None:
        again = api.as_(new_token(owner="alice")).post("/v1/orders", ORDER, idempotency_key="placed")
        assert (again.body, again.headers["Idempotent-Replayed"]) == (placed.body, "true")


class TestARefusal:
    @pytest.mark.promise("H8")
    def test_of_the_domain_is_given_again(self, api: CheckedClient, tea: Answer) -> None:
        wish = {**ORDER, "lines": [{"sku": "TEA-2", "quantity": 1, "unit_price": "1"}]}
        first = api.post("/v1/orders", wish, idempotency_key="k", x_request_id="one")
        assert (first.status, first.code, first.fields) == (422, "unknown-sku", ["lines[0].sku"])
        api.post("/v1/products", {"sku": "TEA-2", "name": "Tea"}, idempotency_key="tea-2")
        again = api.post("/v1/orders", wish, idempotency_key="k", x_request_id="two")
        assert (again.status, again.body) == (first.status, first.body)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert api.post("/v1/orders", wish, idempotency_key="k2").status == 201

    @pytest.mark.promise("H7")
    def test_that_came_before_execution_leaves_the_key_free(
        self, api: CheckedClient, tea: Answer, new_token
    ) -> None:
        path = "/v1/products/TEA-9/receipts"
        refusals = [
            api.as_(None).post(path, {"quantity": 5}, idempotency_key="k"),
            api.as_(new_token("ops")).post(path, {"quantity": 5}, idempotency_key="k"),
            api.post(path, {"quantity": 0}, idempotency_key="k"),
            api.call("POST", path, b"{", idempotency_key="k"),
            api.post(path, {"quantity": 5}, idempotency_key="k"),
        ]
        assert [answer.status for answer in refusals] == [401, 403, 400, 400, 404]
        api.post("/v1/products", {"sku": "TEA-9", "name": "Tea"}, idempotency_key="tea-9")
        answer = api.post(path, {"quantity": 5}, idempotency_key="k")
        assert (answer.status, answer.json["on_hand"]) == (200, 5)

    @pytest.mark.promise("H7")
    def test_that_only_the_domain_can_give_of_a_field_leaves_it_free_too(
        self, api: CheckedClient, tea: Answer
    ) -> None:
        wrong = {**ORDER, "currency": "JPY"}
        answer = api.post("/v1/orders", wrong, idempotency_key="k")
        assert (answer.status, answer.fields) == (400, ["lines[0].unit_price"])
        assert api.post("/v1/orders", ORDER, idempotency_key="k").status == 201


class TestTwins:
    @pytest.mark.promise("H4", "H2")
    def test_place_one_order(self, api: CheckedClient, tea: Answer) -> None:
        start = threading.Barrier(20)

        def place(_: int) -> Answer:
            start.wait(timeout=20)
            return api.post("/v1/orders", ORDER, idempotency_key="twin")

        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(place, range(20)))
        assert {answer.status for answer in answers} <= {201, 409}
        firsts = [
            answer
            for answer in answers
            if answer.status == 201 and "Idempotent-Replayed" not in answer.headers
        ]
        assert len(firsts) == 1
        assert {answer.body for answer in answers if answer.status == 201} == {firsts[0].body}
        assert orders_of(api) == 1
