"""What only a real server shows: chunks, sizes, repeated headers, broken requests."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from application.access.access_desk import AccessDesk
from integration.web_server.conftest import Send, create_product, order_of
from integration.web_server.web_process import WebProcess


class TestAnAnswerWithoutABody:
    @pytest.mark.promise("D5")
    def test_has_its_tag_and_leaves_the_connection_usable(self, web: WebProcess, send: Send) -> None:
        product_id = create_product(web, send)
        address, tag = "/v1/products/TEA-1?reason=tidy", f'"{product_id}-1"'
        unasked = send(web, "DELETE", address, {"unasked": "for"}, If_Match=tag)
        assert (unasked.status, unasked.json()["errors"][0]["field"]) == (400, "body")
        assert send(web, "GET", "/v1/products/TEA-1").status == 200

        answer = send(web, "DELETE", address, If_Match=tag)
        assert (answer.status, answer.data) == (204, b"")
        assert answer.headers["ETag"] == f'"{product_id}-2"'
        assert "Content-Type" not in answer.headers
        assert send(web, "GET", "/v1/products/TEA-1").status == 410


class TestABody:
    @pytest.mark.promise("A2")
    def test_of_20_megabytes_is_refused_and_the_refusal_arrives(
        self, web: WebProcess, send: Send, token: str
    ) -> None:
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": "k",
        }
        for body in (b" " * 20_000_000, chunks(20_000_000)):
            answer = web.request("POST", "/v1/orders", headers=headers, body=body)
            assert (answer.status, answer.json()["code"]) == (413, "body-too-large")
        assert send(web, "GET", "/v1/orders").json()["items"] == []

    def test_that_nobody_wants_is_read_all_the_same(self, web: WebProcess) -> None:
        for path, status in (("/v1/orders", 401), ("/nothing", 404), ("/livez", 405), ("/v1/orders", 401)):
            for body in (b" " * 20_000_000, chunks(20_000_000)):
                assert web.request("POST", path, body=body).status == status

    def test_in_chunks_is_read_whole(self, web: WebProcess, send: Send, token: str) -> None:
        create_product(web, send)
        raw = json.dumps(order_of("TEA-1")).encode()
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": "k",
        }
        answer = web.request("POST", "/v1/orders", headers=headers, body=iter([raw[:10], raw[10:]]))
        assert answer.status == 201, answer.data
        plain = send(web, "POST", "/v1/orders", order_of("TEA-1"), Idempotency_Key="k")
        assert plain.headers["Idempotent-Replayed"] == "true"
        assert plain.data == answer.data

    def test_that_is_cut_off_stores_nothing(self, web: WebProcess, send: Send, token: str) -> None:
        create_product(web, send)
        raw = json.dumps(order_of("TEA-1")).encode()
        head = (
            f"POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nIdempotency-Key: k\r\nContent-Length: {len(raw) + 1}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", web.port), timeout=20) as client:
            client.sendall(head.encode() + raw)
            client.shutdown(socket.SHUT_WR)
            client.recv(4_096)
        assert send(web, "POST", "/v1/orders", order_of("TEA-1"), Idempotency_Key="k").status == 201
        assert len(send(web, "GET", "/v1/orders").json()["items"]) == 1


class TestAHeader:
    @pytest.mark.promise("H1")
    def test_that_is_repeated_is_seen(self, web: WebProcess, send: Send, token: str) -> None:
        create_product(web, send)
        head = (
            "POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Authorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n"
            "Content-Length: 2\r\n\r\n{}"
        )
        with socket.create_connection(("127.0.0.1", web.port), timeout=20) as client:
            client.sendall(head.encode())
            answer = b"".join(iter(lambda: client.recv(65_536), b""))
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b'"field":"Idempotency-Key"' in answer


class TestAToken:
    @pytest.mark.promise("A1")
    def test_that_is_revoked_is_refused_at_once_by_every_worker(
        self, web: WebProcess, send: Send, desk: AccessDesk, tenant: str
    ) -> None:
        assert {send(web, "GET", "/v1/orders").status for _ in range(8)} == {200}
        (issued,) = desk.tokens(tenant)
        desk.revoke(issued.id)
        assert {send(web, "GET", "/v1/orders", Connection="close").status for _ in range(8)} == {401}


def chunks(size: int) -> Iterator[bytes]:
    """So many spaces, in chunks."""
    for _ in range(size // 100_000):
        yield b" " * 100_000
