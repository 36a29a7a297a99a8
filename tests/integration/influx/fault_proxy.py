"""Between a client and the web server: passes requests on, but for those that a fault befalls."""

from __future__ import annotations

import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import urllib3

FORWARD_TIMEOUT_S: Final = 30.0
ENDED_WITHIN_S: Final = 10.0
RETRY_AFTER_S: Final = 1
_RESET_AT_CLOSE: Final = struct.pack("ii", 1, 0)


class Fault(Enum):
    """What befalls a request."""

    NONE = auto()
    BUSY = auto()
    """503 with Retry-After; the server hears nothing of it."""
    LIMITED = auto()
    """429 with Retry-After; the server hears nothing of it."""
    RESET = auto()
    """The connection is reset before the server hears of it."""
    NO_ANSWER = auto()
    """The server has done it, and nobody tells the client, whose time-out ends it."""
    RESTARTED = auto()
    """The whole server is killed and started again, then the request is passed on."""
    KILLED_AFTER = auto()
    """The server has answered; every web worker is killed, and the connection is reset."""


class FaultProxy:
    """Faults befall writes in the order in which they were planned; afterwards all passes."""

    def __init__(
        self, server_url: str, kill_workers: Callable[[], None], restart: Callable[[], None]
    ) -> None:
        self.answered: list[int] = []
        """Statuses of the server itself."""
        self._planned: deque[Fault] = deque()
        self._ending = threading.Event()
        proxy, pool = self, urllib3.PoolManager(retries=False, timeout=FORWARD_TIMEOUT_S)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._pass_on(b"")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                match proxy._next_fault():
                    case Fault.BUSY:
                        self._tell(503, {"Retry-After": str(RETRY_AFTER_S)}, b"")
                    case Fault.LIMITED:
                        self._tell(429, {"Retry-After": str(RETRY_AFTER_S)}, b"")
                    case Fault.RESET:
                        self._reset()
                    case Fault.NO_ANSWER:
                        self._ask(body)
                        proxy._ending.wait(FORWARD_TIMEOUT_S)
                        self._reset()
                    case Fault.RESTARTED:
                        restart()
                        self._pass_on(body)
                    case Fault.KILLED_AFTER:
                        self._ask(body)
                        kill_workers()
                        self._reset()
                    case Fault.NONE:
                        self._pass_on(body)

            def _ask(self, body: bytes) -> urllib3.BaseHTTPResponse:
                answer = pool.request(
                    self.command, server_url + self.path, body=body, headers=dict(self.headers.items())
                )
                proxy.answered.append(answer.status)
                return answer

            def _pass_on(self, body: bytes) -> None:
                try:
                    answer = self._ask(body)
                except urllib3.exceptions.HTTPError:
                    self._reset()
                    return
                self._tell(answer.status, dict(answer.headers), answer.data)

            def _tell(self, status: int, headers: dict[str, str], body: bytes) -> None:
                lines = [
                    f"HTTP/1.1 {status} Answered",
                    *(f"{name}: {value}" for name, value in headers.items()),
                ]
                if not any(name.lower() == "content-length" for name in headers) and status != 204:
                    lines.append(f"Content-Length: {len(body)}")
                self.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)

            def _reset(self) -> None:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
                self.close_connection = True

            def log_message(self, *args: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="fault-proxy", daemon=True)
        self._thread.start()
        self._pool = pool

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def left(self) -> int:
        """Faults that have not come yet."""
        return len(self._planned)

    def plan(self, faults: Iterable[Fault]) -> None:
        """Let these befall the next writes, one each."""
        self._planned.extend(faults)

    def close(self) -> None:
        """Let everything go, and stop listening."""
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(ENDED_WITHIN_S)
        self._pool.clear()

    def _next_fault(self) -> Fault:
        try:
            return self._planned.popleft()
        except IndexError:
            return Fault.NONE


@contextmanager
def fault_proxy(
    server_url: str, kill_workers: Callable[[], None], restart: Callable[[], None]
) -> Iterator[FaultProxy]:
    """One that stands while the block runs."""
    proxy = FaultProxy(server_url, kill_workers, restart)
    try:
        yield proxy
    finally:
        proxy.close()
