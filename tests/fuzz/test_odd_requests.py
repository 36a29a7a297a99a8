"""What the generator of requests leaves out: NUL, repeated headers and parameters, odd encodings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fuzz.conftest import Service
from integration.rest_api.caller import ORDER
from integration.rest_api.checked_client import CheckedClient

NUL = "\x00"


@pytest.fixture(scope="module")
def client(service: Service) -> CheckedClient:
    """A client of a tenant with a product."""
    client = service.client()
    assert client.post("/v1/products", {"sku": "TEA-1", "name": "Tea"}, idempotency_key="tea").status == 201
    return client


class TestNul:
    @pytest.mark.parametrize(
        "name", ["customer_ref", "currency", "payment_method", "reference", "note", "address", "email"]
    )
    def test_is_refused_in_every_text_of_an_order(self, client: CheckedClient, name: str) -> None:
        answer = client.post("/v1/orders", {**ORDER, name: f"a{NUL}b"}, idempotency_key="k")
        assert (answer.status, answer.fields) == (400, [name])

    @pytest.mark.parametrize(
        ("method", "path", "body", "field"),
        [
            ("POST", "/v1/products", {"sku": f"A{NUL}", "name": "Tea"}, "sku"),
            ("POST", "/v1/products", {"sku": "A", "name": NUL}, "name"),
            ("PATCH", "/v1/products/TEA-1", {"name": NUL}, "name"),
            ("POST", "/v1/products/TEA-1/adjustments", {"delta": 1, "reason": NUL}, "reason"),
        ],
    )
    def test_is_refused_in_every_text_of_a_product(
        self, client: CheckedClient, method: str, path: str, body: dict[str, Any], field: str
    ) -> None:
        raw = json.dumps(body).encode()
        answer = client.call(method, path, raw, idempotency_key="k", if_match="*")
        assert (answer.status, answer.fields) == (400, [field])

    def test_is_refused_as_a_bare_byte(self, client: CheckedClient) -> None:
        raw = json.dumps({**ORDER, "note": "N"}).encode().replace(b'"N"', b'"\x00"')
        answer = client.call("POST", "/v1/orders", raw, idempotency_key="k")
        assert answer.status == 400

    def test_names_nothing_in_an_address(self, client: CheckedClient) -> None:
        assert client.get("/v1/orders?customer_ref=a%00b").fields == ["customer_ref"]


class TestAHeaderThatIsSentTwice:
    """It arrives joined by a comma (RFC 9110, section 5.3)."""

    def test_is_refused_if_it_is_a_key(self, client: CheckedClient) -> None:
        answer = client.post("/v1/orders", ORDER, idempotency_key="one, two")
        assert (answer.status, answer.fields) == (400, ["Idempotency-Key"])

    def test_is_one_list_if_it_is_if_match(self, client: CheckedClient) -> None:
        tag = client.get("/v1/products/TEA-1").headers["ETag"]
        assert client.patch("/v1/products/TEA-1", {}, if_match=f'"other", {tag}').status == 200

    def test_is_no_token(self, client: CheckedClient) -> None:
        answer = client.as_(f"{client.token}, Bearer {client.token}").get("/v1/orders")
        assert answer.status == 401


class TestAnOddEncoding:
    @pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
    def test_of_the_body_is_refused(self, client: CheckedClient, encoding: str) -> None:
        raw = json.dumps(ORDER).encode(encoding)
        assert client.call("POST", "/v1/orders", raw, idempotency_key="k").status == 400

    @pytest.mark.parametrize(
        "raw", [b"\xff", b'{"note": "\xc3"}', b"\xed\xa0\x80", b"", b"null", b"[]", b"NaN"]
    )
    def test_or_none_at_all_is_refused(self, client: CheckedClient, raw: bytes) -> None:
        assert client.call("POST", "/v1/orders", raw, idempotency_key="k").status == 400

    @pytest.mark.parametrize(
        ("content_type", "content_encoding"),
        [
            ("application/json; charset=utf-16", ""),
            ("application/json; charset=latin-1", ""),
            ("application/x-www-form-urlencoded", ""),
            ("", ""),
            ("application/json", "gzip"),
        ],
    )
    def test_that_is_declared_is_refused(
        self, client: CheckedClient, content_type: str, content_encoding: str
    ) -> None:
        raw = json.dumps(ORDER).encode()
        answer = client.call(
            "POST", "/v1/orders", raw, idempotency_key="k",
            content_type=content_type, content_encoding=content_encoding,
        )  # fmt: skip
        assert answer.status == 415

    def test_of_the_query_is_refused(self, client: CheckedClient) -> None:
        assert client.get("/v1/orders?customer_ref=%ff").fields == ["query"]
