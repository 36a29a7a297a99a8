"""What Telegraf and odd clients send, byte by byte over a socket."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from integration.influx.conftest import Row, StoredRows
from integration.web_server.web_process import WebProcess

TIMEOUT_S = 30
V2 = "/api/v2/write?bucket=default&org=any"
LINES = b"cpu,host=a,cpu=cpu-total usage_idle=97.5,usage_user=2i 1767225600000000000\n"
ROWS = [
    Row("cpu", "usage_idle", (("cpu", "cpu-total"), ("host", "a")), 1_767_225_600_000_000, 97.5),
    Row("cpu", "usage_user", (("cpu", "cpu-total"), ("host", "a")), 1_767_225_600_000_000, 2.0),
]


class Told(NamedTuple):
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def send(web: WebProcess, head: list[str], body: bytes, *, ends: bool = False) -> Told:
    """One request on a connection of its own; `ends` shuts our side down after it."""
    with socket.create_connection(("127.0.0.1", web.port), timeout=TIMEOUT_S) as client:
        client.sendall("\r\n".join([*head, "Host: 127.0.0.1", "", ""]).encode() + body)
        if ends:
            client.shutdown(socket.SHUT_WR)
        stream = client.makefile("rb")
        status = int(stream.readline().split()[1])
        headers = {}
        while line := stream.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        return Told(status, headers, stream.read(int(headers.get("content-length", "0"))))


def telegraf(token: str, *, zipped: bool = True, path: str = V2) -> list[str]:
    """The head of a write as Telegraf's output sends it: a body of a length that isn't told."""
    return [
        f"POST {path} HTTP/1.1",
        "User-Agent: Telegraf/1.35.0 Go/1.24.3",
        "Transfer-Encoding: chunked",
        f"Authorization: Token {token}",
        *(["Content-Encoding: gzip"] if zipped else []),
        "Content-Type: text/plain; charset=utf-8",
        "Accept-Encoding: gzip",
    ]


def chunked(body: bytes, size: int = 40) -> bytes:
    """The body in chunks."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


@pytest.mark.promise("W5")
class TestTelegraf:
    @pytest.mark.parametrize("zipped", [True, False])
    def test_writes_with_its_defaults(
        self, web: WebProcess, token: str, stored_rows: StoredRows, zipped: bool
    ) -> None:
        body = chunked(gzip.compress(LINES) if zipped else LINES)
        for _ in range(2):
            told = send(web, telegraf(token, zipped=zipped), body)
            assert (told.status, told.body) == (204, b"")
            assert stored_rows() == ROWS

    def test_may_send_an_empty_body_after_splitting(self, web: WebProcess, token: str) -> None:
        told = send(web, telegraf(token), chunked(gzip.compress(b"")))
        assert (told.status, json.loads(told.body)["message"]) == (400, "writing requires points")

    @pytest.mark.parametrize("zipped", [True, False])
    def test_that_is_cut_off_leaves_no_line_in_part(
        self, web: WebProcess, token: str, stored_rows: StoredRows, zipped: bool
    ) -> None:
        """97.5 may not become 97 because the connection broke."""
        lines = b"cpu usage_idle=12 1767225600000000000\ncpu usage_idle=97.5"
        whole = gzip.compress(lines) if zipped else lines
        cut = b"%x\r\n%s" % (len(whole) + 1, whole[:-2])
        try:
            status = send(web, telegraf(token, zipped=zipped), cut, ends=True).status
        except (OSError, IndexError):  # It is hung up on.
            status = None
        assert status in {400, 503, None}
        assert stored_rows() == []

    def test_of_version_1_begins_with_its_database(
        self, web: WebProcess, token: str, stored_rows: StoredRows
    ) -> None:
        form = b"q=CREATE+DATABASE+%22default%22"
        head = [
            "POST /query HTTP/1.1",
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(form)}",
            f"Authorization: Token {token}",
        ]
        told = send(web, head, form)
        assert (told.status, json.loads(told.body)) == (200, {"results": [{"statement_id": 0}]})
        told = send(web, telegraf(token, path="/write?db=default"), chunked(gzip.compress(LINES)))
        assert told.status == 204
        assert stored_rows() == ROWS

    @pytest.mark.parametrize("expectation", [True, False])
    def test_hears_of_a_body_that_is_too_large(self, web: WebProcess, token: str, expectation: bool) -> None:
        """The whole body is taken before the answer, so that the answer arrives."""
        body = b"a b=1 1767225600000000000\n" * 200_001 if expectation else b"# " + bytes(34_000_000)
        told = send(web, telegraf(token, zipped=False), chunked(body, 1_000_000))
        found = json.loads(told.body)
        assert (told.status, found["code"], "maxLength" in found) == (
            (413, "request too large", True) if expectation else (400, "invalid", False)
        )


@pytest.mark.promise("W5")
class TestHead:
    @pytest.mark.parametrize(
        ("path", "status"), [("/ping", 204), ("/health", 200), ("/ready", 200), (V2, 405)]
    )
    def test_has_no_body(self, web: WebProcess, path: str, status: int) -> None:
        told = send(web, [f"HEAD {path} HTTP/1.1", "Connection: close"], b"")
        assert told.status == status
