"""The shop's systems: take webhooks, note each, and sometimes hang up after having taken one."""

from __future__ import annotations

import json
import random
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

HANGS_UP: Final = 0.02
"""The share of first deliveries that are taken without an answer, so that the sender must send them again."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook as it arrived."""

    message_id: str
    order_id: str
    version: int
    kind: str


class Receiver:
    """Notes deliveries in the order of their arrival. Safe to share between threads."""

    def __init__(self, dice: random.Random, *, hangs_up: float = HANGS_UP) -> None:
        self._dice, self._lock = dice, threading.Lock()
        self._deliveries: list[Delivery] = []
        self._seen: set[str] = set()
        self._hangs_up = hangs_up
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = json.loads(self.rfile.read(length))
                if receiver.takes(self.headers["webhook-id"], body):
                    self.send_response(204)
                    self.end_headers()

            def log_message(self, *args: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="receiver", daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/orders"

    def be_fair(self) -> None:
        """Answer everything from now on."""
        self._hangs_up = 0.0

    def takes(self, message_id: str, body: dict[str, Any]) -> bool:
        """Note a delivery; false if it is to stay without an answer."""
        data = body["data"]
        with self._lock:
            is_first = message_id not in self._seen
            self._seen.add(message_id)
            self._deliveries.append(Delivery(message_id, data["order_id"], data["version"], body["type"]))
            return not (is_first and self._dice.random() < self._hangs_up)

    def deliveries(self) -> list[Delivery]:
        """What has arrived so far."""
        with self._lock:
            return list(self._deliveries)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
