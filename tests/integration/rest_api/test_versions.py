"""ETag, If-Match, and what a version means."""

from __future__ import annotations

import pytest

from domain.orders.order import LINES_MAX
from entrypoints.container import Container
from integration.rest_api.caller import ORDER
from integration.rest_api.checked_client import Answer, CheckedClient


class TestATag:
    @pytest.mark.promise("L2")
    def test_is_the_id_and_the_version_wherever_the_thing_is_shown(
        self, api: CheckedClient, placed: Answer
    ) -> None:
        order = placed.json
        assert placed.headers["ETag"] == f'"{order["id"]}-1"'
        shown = api.get(placed.headers["Location"])
        assert (shown.headers["ETag"], shown.json) == (placed.headers["ETag"], order)
        (listed,) = api.get("/v1/orders").json["items"]
        assert listed == order

    @pytest.mark.promise("L2")
    def test_of_a_product_does_not_move_with_its_stock(self, api: CheckedClient, tea: Answer) -> None:
        stock = api.get("/v1/products/TEA-1/stock")
        received = api.post("/v1/products/TEA-1/receipts", {"quantity": 5}, idempotency_key="r")
        assert received.headers["ETag"] != stock.headers["ETag"]
        assert api.get("/v1/products/TEA-1/stock").headers["ETag"] == received.headers["ETag"]
        assert api.get("/v1/products/TEA-1").headers["ETag"] == tea.headers["ETag"]

    @pytest.mark.promise("L1", "L3")
    def test_lets_one_change_through(self, api: CheckedClient, placed: Answer) -> None:
        path, tag = placed.headers["Location"], placed.headers["ETag"]
        first = api.patch(path, {"note": "one"}, if_match=tag)
        assert (first.status, first.json["version"], first.json["note"]) == (200, 2, "one")
        second = api.patch(path, {"note": "two"}, if_match=tag)
        assert (second.status, second.headers["ETag"]) == (412, first.headers["ETag"])
        assert api.get(path).json == first.json
        assert [event["type"] for event in api.get(f"{path}/events").json["items"]] == [
            "order.placed",
            "order.amended",
        ]

    @pytest.mark.promise("L4")
    def test_stays_when_nothing_changes(self, api: CheckedClient, placed: Answer) -> None:
        path = placed.headers["Location"]
        for body in ({}, {"note": ""}, {"note": None, "address": None}):
            answer = api.patch(path, body, if_match=placed.headers["ETag"])
            assert (answer.status, answer.headers["ETag"]) == (200, placed.headers["ETag"])

    @pytest.mark.promise("L2", "E5")
    def test_belongs_to_the_version_that_was_asked_for(self, api: CheckedClient, placed: Answer) -> None:
        path = placed.headers["Location"]
        amended = api.patch(path, {"note": "later"}, if_match=placed.headers["ETag"])
        assert api.get(f"{path}?at_version=1").body == placed.body
        assert api.get(f"{path}?at_version=1").headers["ETag"] == placed.headers["ETag"]
        assert api.get(f"{path}?at_version=2").body == amended.body
        assert api.get(f"{path}?at_version=3").code == "version-not-reached"

    def test_asked_for_must_be_a_version(self, api: CheckedClient, placed: Answer) -> None:
        for text in ("0", "-1", "x", "1.0", "", "٣", "9" * 30, "+1"):
            assert api.get(f"{placed.headers['Location']}?at_version={text}").fields == ["at_version"]


class TestARetry:
    @pytest.mark.promise("H12", "L8")
    def test_with_its_old_tag_gets_what_it_did(self, api: CheckedClient, placed: Answer) -> None:
        path, tag = placed.headers["Location"], placed.headers["ETag"]
        first = api.patch(path, {"note": "mine"}, if_match=tag, idempotency_key="amend")
        api.patch(path, {"note": "theirs"}, if_match=first.headers["ETag"])
        again = api.patch(path, {"note": "mine"}, if_match=tag, idempotency_key="amend")
        assert (again.status, again.body) == (200, first.body)
        assert again.headers["Idempotent-Replayed"] == "true"
        with_another_tag = api.patch(path, {"note": "mine"}, if_match='"x"', idempotency_key="amend")
        assert with_another_tag.body == first.body

    @pytest.mark.promise("H7")
    def test_after_a_stale_tag_may_bring_the_right_one(self, api: CheckedClient, placed: Answer) -> None:
        path = f"{placed.headers['Location']}/cancel"
        body = {"reason": "a mistake"}
        assert api.post(path, body, idempotency_key="c").status == 428
        assert api.post(path, body, idempotency_key="c", if_match='"old"').status == 412
        assert api.post(path, body, idempotency_key="c", if_match="nonsense").status == 400
        done = api.post(path, body, idempotency_key="c", if_match=placed.headers["ETag"])
        assert (done.status, done.json["status"]) == (200, "cancelled")
        assert "Idempotent-Replayed" not in done.headers


class TestAProductsSuccessor:
    @pytest.mark.promise("L2")
    def test_is_not_matched_by_the_tag_of_another_product(self, api: CheckedClient, tea: Answer) -> None:
        other = api.post("/v1/products", {"sku": "TEA-2", "name": "Tea"}, idempotency_key="tea-2")
        answer = api.patch("/v1/products/TEA-2", {"name": "X"}, if_match=tea.headers["ETag"])
        assert (answer.status, answer.headers["ETag"]) == (412, other.headers["ETag"])
        assert answer.json["detail"].endswith("it is at version 1 now. Read it again.")


class TestAnOrder:
    def test_answers_with_everything_that_was_given(self, api: CheckedClient, tea: Answer) -> None:
        wish = {
            **ORDER,
            "reference": "R-1",
            "note": "ring\ntwice ☎",
            "address": "1 Canal Street",
            "email": "a@example.com",
            "ordered_at": "1997-01-01T00:30:00+01:00",
        }
        order = api.post("/v1/orders", wish, idempotency_key="o").json
        assert {name: order[name] for name in ("reference", "note", "address")} == {
            name: wish[name] for name in ("reference", "note", "address")
        }
        assert order["ordered_at"] == "1996-12-31T23:30:00Z"
        assert (order["total"], order["status"], order["deleted_at"]) == ("8.40", "pending", None)
        assert order["created_at"] == order["updated_at"] != order["ordered_at"]
        assert "email" not in order
        assert "payment_method" not in order

    def test_may_have_as_many_lines_as_the_limit_says(self, api: CheckedClient, tea: Answer) -> None:
        lines = ORDER["lines"] * LINES_MAX
        assert api.post("/v1/orders", {**ORDER, "lines": lines}, idempotency_key="1").status == 201
        refused = api.post("/v1/orders", {**ORDER, "lines": [*lines, lines[0]]}, idempotency_key="2")
        assert (refused.status, refused.fields) == (400, ["lines"])

    def test_that_is_cancelled_stays_so(self, api: CheckedClient, placed: Answer) -> None:
        path = placed.headers["Location"]
        cancelled = api.post(
            f"{path}/cancel", {"reason": "a mistake"}, if_match=placed.headers["ETag"], idempotency_key="c"
        )
        assert cancelled.json["cancel_reason"] == "a mistake"
        answer = api.patch(path, {"note": "late"}, if_match=cancelled.headers["ETag"])
        assert (answer.status, answer.code) == (422, "order-status-forbids")

    def test_is_dated_by_those_alone_who_may_import(
        self, api: CheckedClient, tea: Answer, new_token, container: Container
    ) -> None:
        dated = {**ORDER, "ordered_at": "2020-01-01T00:00:00Z"}
        writer = api.as_(new_token("orders:write"))
        assert writer.post("/v1/orders", dated, idempotency_key="1").status == 403
        assert writer.post("/v1/orders", ORDER, idempotency_key="1").status == 201
        importer = api.as_(new_token("orders:write", "orders:import"))
        assert importer.post("/v1/orders", dated, idempotency_key="2").status == 201
