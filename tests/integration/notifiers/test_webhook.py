"""Webhooks over real HTTP, verified by the official library."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import trustme
from standardwebhooks import Webhook, WebhookVerificationError

from adapters.notifiers.public_addresses import LookUp
from adapters.notifiers.webhook import WebhookNotifier
from adapters.system_clock import now
from application.ports.notifier import RETRY_AFTER_MAX_S, NoticeRefused, NotifierUnavailable
from unit.contracts.notifier_contract import NotifierContract, a_notice

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two characters"[:32]).decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"the one that was in use till now").decode()
SHORT_S = 0.4
"""Long enough for an answer from this machine, short for a test."""


class Receiver:
    """An HTTP server that answers as it is told and keeps what it got."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.status, self.headers = 204, dict[str, str]()
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.taken: list[str] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((self.path, dict(self.headers.items()), body))
                if receiver.status < 300:
                    receiver.taken.append(self.headers["webhook-id"])
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing on stderr."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that does not trust us is no error of ours."""

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/orders?shop=1"

    # The receiver of the contract.
    @property
    def notifier(self) -> WebhookNotifier:
        return a_notifier(self.url)

    @property
    def attempts(self) -> list[str]:
        return [headers["webhook-id"] for _, headers, _ in self.requests]

    def fail(self) -> None:
        self.status = 503

    def refuse(self) -> None:
        self.status = 410

    def work(self) -> None:
        self.status = 204


def a_notifier(url: str, **changes: Any) -> WebhookNotifier:
    """A notifier that may go to this machine."""
    settings = {"secret": SECRET, "allow_private": True, "timeout_s": 10.0, "now": now, **changes}
    return WebhookNotifier(url, **settings)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that takes everything until it is told otherwise."""
    one = Receiver()
    yield one
    one.close()


class TestTheContract(NotifierContract):
    @pytest.fixture
    def outside(self, receiver: Receiver) -> Receiver:
        return receiver


class TestARequest:
    def test_is_verified_by_the_official_library(self, receiver: Receiver) -> None:
        notice = a_notice(reference="Grün 茶")
        receiver.notifier.notify(notice)
        ((path, headers, body),) = receiver.requests
        assert path == "/hooks/orders?shop=1"
        assert Webhook(SECRET).verify(body, headers) == {
            "type": "order.placed",
            "timestamp": "2026-03-01T12:30:00Z",
            "data": {
                "tenant_id": str(notice.tenant_id),
                "order_id": str(notice.order.order_id),
                "version": 1,
                "reference": "Grün 茶",
                "status": "pending",
                "total": "13.40",
                "currency": "EUR",
                "lines": [
                    {"sku": "TEA-1", "quantity": 2, "unit_price": "4.20"},
                    {"sku": "CUP-1", "quantity": 1, "unit_price": "5.00"},
                ],
            },
        }
        assert b"ada@example.com" not in body

    @pytest.mark.parametrize("part", ["body", "webhook-id", "webhook-timestamp", "webhook-signature"])
    def test_that_was_changed_is_found_out(self, receiver: Receiver, part: str) -> None:
        receiver.notifier.notify(a_notice())
        ((_, headers, body),) = receiver.requests
        if part == "body":
            body = body.replace(b"13.40", b"03.40")
        elif part == "webhook-id":
            headers[part] = str(a_notice().id)
        elif part == "webhook-timestamp":
            headers[part] = str(int(headers[part]) + 1)
        else:
            headers[part] = "v1," + base64.b64encode(bytes(32)).decode()
        with pytest.raises(WebhookVerificationError, match="No matching signature"):
            Webhook(SECRET).verify(body, headers)

    def test_bears_the_time_of_the_try_so_that_an_old_one_is_stale(self, receiver: Receiver) -> None:
        a_notifier(receiver.url, now=lambda: now() - timedelta(minutes=6)).notify(a_notice())
        ((_, headers, body),) = receiver.requests
        with pytest.raises(WebhookVerificationError, match="too old"):
            Webhook(SECRET).verify(body, headers)

    def test_is_signed_with_both_secrets_while_they_are_exchanged(self, receiver: Receiver) -> None:
        a_notifier(receiver.url, previous_secret=OLD_SECRET).notify(a_notice())
        ((_, headers, body),) = receiver.requests
        for secret in (SECRET, OLD_SECRET):
            assert Webhook(secret).verify(body, headers) == json.loads(body)


class TestAnAnswer:
    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_that_redirects_is_a_failure_and_not_followed(self, receiver: Receiver, status: int) -> None:
        receiver.status, receiver.headers = status, {"Location": receiver.url + "&again=1"}
        with pytest.raises(NotifierUnavailable, match=f"it answered {status}"):
            receiver.notifier.notify(a_notice())
        assert len(receiver.requests) == 1

    @pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 502, 503, 504])
    def test_that_is_not_2xx_may_change(self, receiver: Receiver, status: int) -> None:
        receiver.status = status
        with pytest.raises(NotifierUnavailable, match=f"it answered {status}") as failure:
            receiver.notifier.notify(a_notice())
        assert failure.value.retry_after_s is None

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            ("120", 120),
            ("0", 0),
            ("9" * 400, RETRY_AFTER_MAX_S),
            ("-5", None),
            ("soon", None),
            (format_datetime(datetime(2026, 3, 1, 12, 1, 30, tzinfo=UTC), usegmt=True), 90),
            (format_datetime(datetime(2026, 2, 1, tzinfo=UTC), usegmt=True), 0),
            (format_datetime(datetime(2036, 2, 1, tzinfo=UTC), usegmt=True), RETRY_AFTER_MAX_S),
        ],
    )
    def test_may_ask_for_a_pause_within_a_bound(
        self, receiver: Receiver, header: str, seconds: int | None
    ) -> None:
        receiver.status, receiver.headers = 429, {"Retry-After": header}
        notifier = a_notifier(receiver.url, now=lambda: datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
        with pytest.raises(NotifierUnavailable) as failure:
            notifier.notify(a_notice())
        assert failure.value.retry_after_s == seconds


def silent(connection: socket.socket) -> None:
    """Say nothing until the other side gives up."""
    while connection.recv(4096):
        pass


def dripping(connection: socket.socket) -> None:
    """Never let a read time out, and never come to an end."""
    while True:
        connection.sendall(b"H")
        time.sleep(SHORT_S / 8)


def endless_headers(connection: socket.socket) -> None:
    """Send headers for as long as somebody reads."""
    connection.sendall(b"HTTP/1.1 100 Continue\r\n")
    while True:
        connection.sendall(b"X: y\r\n")
        time.sleep(SHORT_S / 8)


def no_http(connection: socket.socket) -> None:
    """Another protocol."""
    connection.sendall(b"220 mail.example.com ESMTP\r\n")


class TestABadReceiver:
    @pytest.mark.parametrize("behaviour", [silent, dripping, endless_headers, no_http])
    def test_is_given_up_in_bounded_time(self, behaviour: Callable[[socket.socket], None]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:

            def serve() -> None:
                connection, _ = server.accept()
                try:
                    with connection:
                        behaviour(connection)
                except OSError:
                    return

            thread = threading.Thread(target=serve)
            thread.start()
            notifier = a_notifier(f"http://127.0.0.1:{server.getsockname()[1]}/", timeout_s=SHORT_S)
            with pytest.raises(NotifierUnavailable, match="no answer"):
                notifier.notify(a_notice())
            thread.join()

    def test_that_is_away_may_come_back(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        with pytest.raises(NotifierUnavailable, match="ConnectionRefusedError"):
            a_notifier(f"http://127.0.0.1:{port}/").notify(a_notice())

    def test_whose_name_is_unknown_may_come_to_be_known(self) -> None:
        def nobody(*_: Any, **__: Any) -> Any:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")

        with pytest.raises(NotifierUnavailable, match="gaierror"):
            a_notifier("https://gone.example/", look_up=nobody).notify(a_notice())


class TestAnAddress:
    @pytest.mark.parametrize("url", ["https://127.0.0.1:1/", "https://[::1]:1/", "https://2130706433:1/"])
    def test_that_is_not_public_is_refused_before_anything_is_connected(self, url: str) -> None:
        with pytest.raises(NoticeRefused, match="not public"):
            a_notifier(url, allow_private=False).notify(a_notice())

    def test_without_tls_is_refused(self, receiver: Receiver) -> None:
        with pytest.raises(NoticeRefused, match="not https"):
            a_notifier(receiver.url, allow_private=False).notify(a_notice())
        assert receiver.requests == []


def names(*answers: str, port: int) -> tuple[LookUp, list[str]]:
    """A resolver that gives the answers in turn, each once; and the names that it was asked for."""
    asked: list[str] = []
    rest = iter(answers)

    def look_up(host: str, _: int, **__: Any) -> list[tuple[Any, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(rest), port))]

    return look_up, asked


class TestTls:
    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def secure(self, authority: trustme.CA) -> Iterator[Receiver]:
        """A receiver called shop.example."""
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("shop.example").configure_cert(tls)
        one = Receiver(tls)
        yield one
        one.close()

    @pytest.fixture
    def trusting(self, authority: trustme.CA) -> ssl.SSLContext:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return context

    def test_is_held_with_the_name_over_the_address_that_was_checked(
        self, secure: Receiver, trusting: ssl.SSLContext
    ) -> None:
        # A second look-up would lead elsewhere.
        look_up, asked = names("127.0.0.1", "127.0.0.2", port=secure.port)
        notice = a_notice()
        a_notifier("https://shop.example/hook", tls=trusting, look_up=look_up).notify(notice)
        assert asked == ["shop.example"]
        ((path, headers, body),) = secure.requests
        assert (path, headers["Host"]) == ("/hook", "shop.example")
        assert Webhook(SECRET).verify(body, headers) == json.loads(body)

    def test_with_a_certificate_of_another_name_sends_nothing(
        self, secure: Receiver, trusting: ssl.SSLContext
    ) -> None:
        look_up, _ = names("127.0.0.1", port=secure.port)
        with pytest.raises(NotifierUnavailable, match="SSLCertVerificationError"):
            a_notifier("https://other.example/", tls=trusting, look_up=look_up).notify(a_notice())
        assert secure.requests == []

    def test_with_an_unknown_authority_sends_nothing(self, secure: Receiver) -> None:
        look_up, _ = names("127.0.0.1", port=secure.port)
        with pytest.raises(NotifierUnavailable, match="SSLCertVerificationError"):
            a_notifier("https://shop.example/", look_up=look_up).notify(a_notice())
        assert secure.requests == []
