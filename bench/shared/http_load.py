"""A client process that keeps connections busy with POSTs: one outstanding request on each, and plain sockets.

It costs some 30 µs a request, so that what is measured is the server.
"""

from __future__ import annotations

import itertools
import json
import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import IO, Any, Final

from shared.crew import READY

ANSWER_TIMEOUT_S: Final = 30.0
_READ_BYTES: Final = 65_536
NAME: Final = "<name>"
"""Stands in a target's headers and body for a name that no two requests share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is posted to, and how."""

    port: int
    path: str
    headers: dict[str, str]
    body: str
    connections: int
    name: str
    """Of this client; every request's own name begins with it."""

    def to_line(self) -> str:
        """The first line for a client process."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Round:
    """What a client did in a round: every request was answered with 201, in so many seconds each."""

    latencies_s: list[float]
    cpu_s: float

    @classmethod
    def of_line(cls, line: str) -> Round:
        """What the client process answered. Raises RuntimeError if something but 201 came."""
        found = json.loads(line)
        if "error" in found:
            raise RuntimeError(found["error"])
        return cls(found["latencies_s"], found["cpu_s"])


class _UnexpectedAnswer(Exception):
    """Something but 201 came, or nothing."""


class _Connection:
    """A connection with one request on its way."""

    def __init__(self, target: Target) -> None:
        self.socket = socket.create_connection(("127.0.0.1", target.port), ANSWER_TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self._sent_at = 0.0

    def send(self, request: bytes) -> None:
        self._received = b""
        self._sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> float | None:
        """The seconds that the answer took; None while it isn't whole. Raises _UnexpectedAnswer."""
        chunk = self.socket.recv(_READ_BYTES)
        self._received += chunk
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not chunk or (end and not head.startswith(b"HTTP/1.1 201 ")):
            raise _UnexpectedAnswer(f"instead of 201 came {self._received[:500]!r}")
        if not end:
            return None
        _, name, rest = head.lower().partition(b"\r\ncontent-length:")
        if not name:
            raise _UnexpectedAnswer(f"an answer without a length came: {head!r}")
        is_whole = len(body) >= int(rest.partition(b"\r\n")[0])
        return time.perf_counter() - self._sent_at if is_whole else None


def _requests(target: Target) -> Iterator[bytes]:
    head = "".join(f"{name}: {value}\r\n" for name, value in target.headers.items())
    for number in itertools.count(1):
        name = f"{target.name}-{number}"
        body = target.body.replace(NAME, name)
        yield (
            f"POST {target.path} HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\nContent-Type: application/json\r\n"
            f"{head.replace(NAME, name)}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()


def _round(target: Target, requests: Iterator[bytes], seconds: float) -> list[float]:
    """Post for so long over new connections, and wait for every answer; how long each took."""
    latencies: list[float] = []
    with selectors.DefaultSelector() as selector:
        busy = [_Connection(target) for _ in range(target.connections)]
        try:
            for connection in busy:
                selector.register(connection.socket, selectors.EVENT_READ, connection)
            end = time.perf_counter() + seconds
            for connection in busy:
                connection.send(next(requests))
            while selector.get_map():
                ready = selector.select(ANSWER_TIMEOUT_S)
                if not ready:
                    raise _UnexpectedAnswer(f"no answer came within {ANSWER_TIMEOUT_S:g} s")
                for key, _ in ready:
                    took = key.data.receive()
                    if took is None:
                        continue
                    latencies.append(took)
                    if time.perf_counter() < end:
                        key.data.send(next(requests))
                    else:
                        selector.unregister(key.fileobj)
        finally:
            for connection in busy:
                connection.socket.close()
    return latencies


def post_rounds(orders: IO[str], answers: IO[str]) -> None:
    """A client process's work: its target, then the seconds of a round a line, until the pipe closes."""
    target = Target(**json.loads(orders.readline()))
    requests = _requests(target)
    print(READY, file=answers, flush=True)
    for line in orders:
        cpu_s = time.process_time()
        answer: dict[str, Any]
        try:
            latencies = _round(target, requests, float(line))
            answer = {"latencies_s": latencies, "cpu_s": time.process_time() - cpu_s}
        except (_UnexpectedAnswer, OSError) as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), file=answers, flush=True)
