"""Callbacks arrive, signed, whatever was killed or away meanwhile."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from adapters.embedded.ports import free_port
from adapters.system_clock import new_id
from application.ports.payment_gateway import GatewayReply
from integration.payment_gateway.gateway_process import CALLBACK_SECRET, gateway_process
from unit.contracts.payment_gateway_contract import PRICE, a_key

WAIT_S = 40.0


class Receiver:
    """Verifies and keeps what arrives; refuses the first `refusals` of them."""

    def __init__(self, port: int, refusals: int = 0) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self._refusals = refusals
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(204 if receiver.takes(content, dict(self.headers.items())) else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing on stderr."""

        self._lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)

    def takes(self, content: bytes, headers: dict[str, str]) -> bool:
        body = Webhook(CALLBACK_SECRET).verify(content, headers)
        assert body == json.loads(content)
        with self._lock:
            self.ids.append(headers["webhook-id"])
            if self._refusals:
                self._refusals -= 1
                return False
            self.bodies.append(body)
            return True


@contextmanager
def receiver_on(port: int, *, refusals: int = 0) -> Iterator[Receiver]:
    """A receiver that listens on that port."""
    receiver = Receiver(port, refusals)
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for what must come."""
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def body_of(reply: GatewayReply) -> dict[str, Any]:
    """What the callback says of an answer."""
    return {
        "key": reply.key,
        "operation": str(reply.operation),
        "payment_id": reply.payment_id,
        "amount": reply.amount.minor,
        "currency": reply.amount.currency,
        "declined": reply.declined,
        "at": reply.at.isoformat(timespec="microseconds"),
    }


class TestACallback:
    def test_comes_although_gateway_and_receiver_were_gone_for_a_while(self, tmp_path: Path) -> None:
        port = free_port()
        url = f"http://127.0.0.1:{port}/callbacks"
        with gateway_process(tmp_path, "--callback-url", url) as process, process.gateway() as gateway:
            paid = gateway.authorise(a_key("a"), order_id=new_id(), amount=PRICE, method="tok_visa")
            replies = [
                paid,
                gateway.capture(a_key("c"), payment_id=paid.payment_id, amount=PRICE),
                gateway.void(a_key("v"), payment_id=paid.payment_id),
                gateway.authorise(a_key("a"), order_id=new_id(), amount=PRICE, method="tok_declined"),
            ]
            assert [reply.declined for reply in replies] == [None, None, "already_captured", "declined"]
            process.kill()
            process.start()
            with receiver_on(port, refusals=3) as receiver:
                wait_until(lambda: len(receiver.bodies) >= len(replies))
                told = {body["key"]: body for body in receiver.bodies}
                assert told == {reply.key: body_of(reply) for reply in replies}
                # Each answer has an id of its own, the same on every try.
                assert len(set(receiver.ids)) == len(replies)
                assert len(receiver.ids) >= len(replies) + 3

    def test_tells_of_a_late_effect_once_it_is_there(self, tmp_path: Path) -> None:
        port = free_port()
        options = ("--callback-url", f"http://127.0.0.1:{port}/", "--late-s", "0.3", "--hang-s", "0")
        with receiver_on(port) as receiver, gateway_process(tmp_path, *options) as process:
            key = a_key("a")
            with process.gateway() as gateway:
                with pytest.raises(Exception, match="no answer"):
                    gateway.authorise(key, order_id=new_id(), amount=PRICE, method="tok_late_success")
                wait_until(lambda: bool(receiver.bodies))
                assert [body["key"] for body in receiver.bodies] == [key]

    def test_is_sent_once_where_it_is_taken(self, tmp_path: Path) -> None:
        port = free_port()
        with receiver_on(port) as receiver:
            with gateway_process(tmp_path, "--callback-url", f"http://127.0.0.1:{port}/") as process:
                with process.gateway() as gateway:
                    key, order_id = a_key("a"), new_id()
                    for _ in range(3):
                        gateway.authorise(key, order_id=order_id, amount=PRICE, method="tok_visa")
                    gateway.authorise(a_key("b"), order_id=new_id(), amount=PRICE, method="tok_visa")
                wait_until(lambda: len(receiver.bodies) >= 2)
                assert process.terminate() == 0
            assert set(Counter(receiver.ids).values()) == {1}
            assert len(receiver.bodies) == 2
