"""Kept-alive HTTP connections, with one deadline for an exchange as a whole."""

from __future__ import annotations

import http.client
import select
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
IDLE_MAX: Final = 64
"""Connections that are kept; those that come back to more are closed."""
IDLE_S_MAX: Final = 30.0
"""A connection that was idle for longer is not used again: the other side may be closing it just now."""

_INSTANT_S: Final = 0.001  # zero would mean not to wait at all


class NotSent(Exception):
    """No connection came about; the other side has seen nothing."""


class NoAnswer(Exception):
    """The request was sent, perhaps in part, and no whole answer came in time."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole answer."""

    status: int
    content: bytes


class _DeadlineSocket(socket.socket):
    """Every read ends by the deadline, so that a dripping answer ends by it too."""

    ends_at: float = 0.0

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.settimeout(left)
        return super().recv_into(*args, **kwargs)


class KeptConnections:
    """Plain HTTP to one server. Threads may share it; each exchange has a connection of its own."""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        """`timeout_s`: for an exchange from the first step to the last byte, but for resolving a name."""
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._prefix = parts.path.rstrip("/")
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._idle: list[tuple[http.client.HTTPConnection, float]] = []

    def exchange(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> HttpAnswer:
        """Send one request, once. Raises NotSent, NoAnswer."""
        ends_at = time.monotonic() + self._timeout_s
        connection = self._kept() or self._connected(ends_at)
        try:
            sock: _DeadlineSocket = connection.sock  # type: ignore[assignment]
            sock.ends_at = ends_at
            sock.settimeout(max(_INSTANT_S, ends_at - time.monotonic()))
            connection.request(method, self._prefix + target, body, dict(headers))
            with connection.getresponse() as answer:
                if answer.length is None or answer.length > ANSWER_BYTES_MAX:
                    raise http.client.HTTPException
                content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise NoAnswer(type(error).__name__) from error
        except BaseException:
            connection.close()
            raise
        self._keep(connection)
        return HttpAnswer(answer.status, content)

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()

    def _keep(self, connection: http.client.HTTPConnection) -> None:
        if connection.sock is None:
            return  # the other side wanted it closed
        with self._lock:
            if len(self._idle) < IDLE_MAX:
                self._idle.append((connection, time.monotonic()))
                return
        connection.close()

    def _kept(self) -> http.client.HTTPConnection | None:
        """The connection that was used last and still stands; one that was closed meanwhile shows as readable."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection, used_at = self._idle.pop()
            watch = select.poll()
            watch.register(connection.sock, select.POLLIN)
            if not watch.poll(0) and time.monotonic() - used_at <= IDLE_S_MAX:
                return connection
            connection.close()

    def _connected(self, ends_at: float) -> http.client.HTTPConnection:
        failure: OSError = OSError("the host has no address")
        try:
            addresses = socket.getaddrinfo(*self._address, type=socket.SOCK_STREAM)
        except OSError as error:
            raise NotSent(type(error).__name__) from error
        for family, kind, protocol, _, address in addresses:
            sock = _DeadlineSocket(family, kind, protocol)
            try:
                sock.settimeout(max(_INSTANT_S, ends_at - time.monotonic()))
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                sock.close()
                failure = error
            else:
                connection = http.client.HTTPConnection(*self._address)
                connection.sock = sock
                return connection
        raise NotSent(type(failure).__name__) from failure
