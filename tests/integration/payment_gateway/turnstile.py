"""Between a worker and the sandbox gateway: holds one call up, on its way there or back, until it may go on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import urllib3

HELD_S_MAX: Final = 60.0
FORWARD_TIMEOUT_S: Final = 10.0


class Turnstile:
    """Forwards every call; the first POST to an address that ends in `holds` waits at each end.

    It forgets until when the caller waits for an answer, as a slow network and a provider that isn't told do.
    """

    def __init__(self, gateway_url: str, *, holds: str) -> None:
        self.has_come, self.may_pass = threading.Event(), threading.Event()
        self.has_passed, self.may_return = threading.Event(), threading.Event()
        self.has_returned = threading.Event()
        turnstile, pool = self, urllib3.PoolManager(retries=False, timeout=FORWARD_TIMEOUT_S)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._forward(b"")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not self.path.endswith(holds) or turnstile.has_come.is_set():
                    self._forward(body)
                    return
                turnstile.has_come.set()
                turnstile.may_pass.wait(HELD_S_MAX)
                self._forward(body, is_held=True)
                turnstile.has_returned.set()

            def _forward(self, body: bytes, *, is_held: bool = False) -> None:
                kept = ("Authorization", "Content-Type", "Idempotency-Key")
                headers = {name: self.headers[name] for name in kept if name in self.headers}
                answer = pool.request(self.command, gateway_url + self.path, body=body, headers=headers)
                if is_held:
                    turnstile.has_passed.set()
                    turnstile.may_return.wait(HELD_S_MAX)
                head = f"HTTP/1.1 {answer.status} Answered\r\nContent-Type: application/json\r\n"
                # In one write, so that it is there whole when the caller looks again.
                self.wfile.write(f"{head}Content-Length: {len(answer.data)}\r\n\r\n".encode() + answer.data)

            def log_message(self, *args: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="turnstile", daemon=True)
        self._thread.start()
        self._pool = pool

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Let everything go, and stop listening."""
        self.may_pass.set()
        self.may_return.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(HELD_S_MAX)
        self._pool.clear()


@contextmanager
def turnstile_before(gateway_url: str, *, holds: str) -> Iterator[Turnstile]:
    """One that stands while the block runs."""
    turnstile = Turnstile(gateway_url, holds=holds)
    try:
        yield turnstile
    finally:
        turnstile.close()
