"""Input that is wrong in one place: refused, named, and nothing stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integration.rest_api.caller import ORDER
from integration.rest_api.checked_client import Answer, CheckedClient

LINE = ORDER["lines"][0]


def with_line(**changes: Any) -> dict[str, Any]:
    """The order with its line changed."""
    return {**ORDER, "lines": [LINE, {**LINE, **changes}]}


def without(name: str) -> dict[str, Any]:
    """The order without that field."""
    return {key: value for key, value in ORDER.items() if key != name}


class TestAWrongOrder:
    @pytest.mark.promise("A2")
    @pytest.mark.parametrize(
        ("wish", "field"),
        [
            (without("customer_ref"), "customer_ref"),
            (without("lines"), "lines"),
            ({**ORDER, "customer_ref": 17}, "customer_ref"),
            ({**ORDER, "customer_ref": ""}, "customer_ref"),
            ({**ORDER, "customer_ref": "x" * 101}, "customer_ref"),
            ({**ORDER, "customer_ref": "a\x00b"}, "customer_ref"),
            ({**ORDER, "customer_ref": None}, "customer_ref"),
            ({**ORDER, "currency": "EURO"}, "currency"),
            ({**ORDER, "currency": "XXX"}, "currency"),
            ({**ORDER, "currency": "eur"}, "currency"),
            ({**ORDER, "payment_method": ["tok"]}, "payment_method"),
            ({**ORDER, "lines": []}, "lines"),
            ({**ORDER, "lines": {}}, "lines"),
            ({**ORDER, "lines": [None]}, "lines[0]"),
            ({**ORDER, "colour": "red"}, "colour"),
            ({**ORDER, "note": "\x00"}, "note"),
            ({**ORDER, "note": "x" * 2_001}, "note"),
            ({**ORDER, "email": ""}, "email"),
            ({**ORDER, "ordered_at": "2026-01-01T00:00:00"}, "ordered_at"),
            ({**ORDER, "ordered_at": "yesterday"}, "ordered_at"),
            ({**ORDER, "ordered_at": 0}, "ordered_at"),
            ({**ORDER, "ordered_at": "0001-01-01T00:00:00+14:00"}, "ordered_at"),
            (with_line(quantity="2"), "lines[1].quantity"),
            (with_line(quantity=-1), "lines[1].quantity"),
            (with_line(quantity=0), "lines[1].quantity"),
            (with_line(quantity=2.5), "lines[1].quantity"),
            (with_line(quantity=2.0), "lines[1].quantity"),
            (with_line(quantity=True), "lines[1].quantity"),
            (with_line(quantity=10**6 + 1), "lines[1].quantity"),
            (with_line(quantity=10**30), "lines[1].quantity"),
            (with_line(unit_price=4.2), "lines[1].unit_price"),
            (with_line(unit_price="-1"), "lines[1].unit_price"),
            (with_line(unit_price="4.205"), "lines[1].unit_price"),
            (with_line(unit_price="1e3"), "lines[1].unit_price"),
            (with_line(unit_price="NaN"), "lines[1].unit_price"),
            (with_line(unit_price="4.20\n"), "lines[1].unit_price"),
            (with_line(unit_price="9" * 16), "lines[1].unit_price"),
            (with_line(sku="a b"), "lines[1].sku"),
            (with_line(sku=""), "lines[1].sku"),
            (with_line(sku="TEA-1\n"), "lines[1].sku"),
            (with_line(size="XL"), "lines[1].size"),
        ],
    )
    def test_is_refused_by_the_name_of_its_field(
        self, api: CheckedClient, tea: Answer, wish: dict[str, Any], field: str
    ) -> None:
        answer = api.post("/v1/orders", wish, idempotency_key="k")
        assert answer.status in {400, 422}
        assert answer.fields == [field]
        assert api.get("/v1/orders").json["items"] == []

    def test_is_refused_when_its_total_is_too_large(self, api: CheckedClient, tea: Answer) -> None:
        answer = api.post(
            "/v1/orders", with_line(unit_price="9999999999999", quantity=2), idempotency_key="k"
        )
        assert (answer.status, answer.code) == (422, "order-total-too-large")

    def test_is_refused_when_its_reference_is_taken(self, api: CheckedClient, tea: Answer) -> None:
        wish = {**ORDER, "reference": "R-1"}
        assert api.post("/v1/orders", wish, idempotency_key="1").status == 201
        answer = api.post("/v1/orders", wish, idempotency_key="2")
        assert (answer.status, answer.code) == (409, "reference-taken")

    @pytest.mark.parametrize("name", ["sku", "quantity"])
    def test_is_refused_when_a_name_stands_twice(self, api: CheckedClient, tea: Answer, name: str) -> None:
        value = json.dumps(LINE[name])
        raw = json.dumps(ORDER).replace(f'"{name}": {value}', f'"{name}": {value}, "{name}": {value}')
        answer = api.call("POST", "/v1/orders", raw.encode(), idempotency_key="k")
        assert (answer.status, answer.fields) == (400, [name])

    def test_is_refused_when_it_is_nested_deeply(self, api: CheckedClient, tea: Answer) -> None:
        raw = b'{"lines": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        assert api.call("POST", "/v1/orders", raw, idempotency_key="k").status == 400

    def test_may_speak_of_nul_without_holding_it(self, api: CheckedClient, tea: Answer) -> None:
        answer = api.post("/v1/orders", {**ORDER, "note": "\\u0000"}, idempotency_key="k")
        assert (answer.status, answer.json["note"]) == (201, "\\u0000")

    @pytest.mark.parametrize("escape", [r"\ud800", r"\udc00", r"\ud800x"])
    def test_is_refused_with_half_a_character(self, api: CheckedClient, tea: Answer, escape: str) -> None:
        raw = json.dumps({**ORDER, "note": "N"}).replace('"N"', f'"{escape}"').encode()
        assert api.call("POST", "/v1/orders", raw, idempotency_key="k").status == 400


class TestWrongStock:
    @pytest.mark.parametrize(
        ("path", "body", "status", "field"),
        [
            ("receipts", {"quantity": 0}, 400, "quantity"),
            ("receipts", {"quantity": 10**9 + 1}, 400, "quantity"),
            ("receipts", {}, 400, "quantity"),
            ("adjustments", {"delta": 0, "reason": "x"}, 400, "delta"),
            ("adjustments", {"delta": 1}, 400, "reason"),
            ("adjustments", {"delta": 1, "reason": ""}, 400, "reason"),
        ],
    )
    def test_is_refused(
        self, api: CheckedClient, tea: Answer, path: str, body: dict[str, Any], status: int, field: str
    ) -> None:
        answer = api.post(f"/v1/products/TEA-1/{path}", body, idempotency_key="k")
        assert (answer.status, answer.fields) == (status, [field])
        assert api.get("/v1/products/TEA-1/stock").json["version"] == 1

    def test_never_goes_below_nothing(self, api: CheckedClient, tea: Answer) -> None:
        body = {"delta": -1, "reason": "lost"}
        answer = api.post("/v1/products/TEA-1/adjustments", body, idempotency_key="k")
        assert (answer.status, answer.code) == (422, "insufficient-stock")


class TestAWrongProduct:
    @pytest.mark.parametrize("sku", ["", "a b", "-a", "é", "x" * 65, "a/b", "a\n", 5])
    def test_is_refused(self, api: CheckedClient, sku: object) -> None:
        answer = api.post("/v1/products", {"sku": sku, "name": "Tea"}, idempotency_key="k")
        assert (answer.status, answer.fields) == (400, ["sku"])
        assert api.get("/v1/products").json["items"] == []

    def test_is_refused_when_its_sku_is_taken(self, api: CheckedClient, tea: Answer) -> None:
        answer = api.post("/v1/products", {"sku": "TEA-1", "name": "Other"}, idempotency_key="k")
        assert (answer.status, answer.code) == (409, "sku-taken")
