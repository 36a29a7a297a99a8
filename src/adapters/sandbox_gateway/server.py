"""The sandbox as an HTTP server: one thread a connection, JSON, a bearer token, a bound on everything."""

from __future__ import annotations

import hmac
import json
import logging
import select
import socketserver
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from adapters.sandbox_gateway.behaviours import Fault
from adapters.sandbox_gateway.callbacks import CallbackSender
from adapters.sandbox_gateway.calls import Answer, Call, CallRefused
from adapters.sandbox_gateway.ledger import Ledger
from adapters.sandbox_gateway.requests import call_of, key_of
from application.ports.payment_gateway import Operation

BODY_BYTES_MAX: Final = 16 * 1024
CONNECTIONS_MAX: Final = 256
IDLE_TIMEOUT_S: Final = 60.0
"""For the next bytes of a request, and between two requests."""
STOP_TIMEOUT_S: Final = 5.0
NUMBER_MAX: Final = 2**63 - 1

_OPERATIONS: Final = {
    "capture": Operation.CAPTURE,
    "void": Operation.VOID,
    "refunds": Operation.REFUND,
}
_log: Final = logging.getLogger("holdwater.sandbox_gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxTimes:
    """How long things take on purpose, in seconds."""

    slow_s: float
    """Before `tok_slow` is carried out."""
    late_s: float
    """Before the effect of `tok_late_success` appears."""
    hang_s: float
    """Before a call without an answer is hung up, if its caller hasn't."""


class SandboxGateway:
    """The server with its books and callbacks; it works from `start` to `stop`."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        folder: Path,
        token: str,
        times: SandboxTimes,
        callback_url: str = "",
        callback_secret: str = "",
    ) -> None:
        """Open the books in `folder` and the port (0: any). Raises LedgerUnusable, OSError for the port."""
        self.times, self._token = times, token.encode()
        self.ledger = Ledger(
            folder / "ledger.sqlite3", late_s=times.late_s, with_callbacks=bool(callback_url)
        )
        self._callbacks = (
            CallbackSender(self.ledger, url=callback_url, secret=callback_secret) if callback_url else None
        )
        try:
            self._server = _Server((host, port), self)
        except OSError:
            self.ledger.close()
            raise
        self._thread = threading.Thread(target=self._server.serve_forever, name="gateway", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> None:
        """Take calls from now on."""
        self._thread.start()
        if self._callbacks:
            self._callbacks.start()

    def stop(self) -> None:
        """Take no more calls; one that is being carried out is finished, and its caller may miss the answer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(STOP_TIMEOUT_S)
        if self._callbacks:
            self._callbacks.stop()
        self.ledger.close()

    def knows(self, authorization: str) -> bool:
        """Whether that is our caller's header, compared in constant time."""
        scheme, _, token = authorization.partition(" ")
        return hmac.compare_digest(token.encode(), self._token) and scheme.lower() == "bearer"


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], gateway: SandboxGateway) -> None:
        self.gateway = gateway
        self._free = threading.BoundedSemaphore(CONNECTIONS_MAX)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Without the look-up of this machine's name, which may take long."""
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own, or not at all."""
        if self._free.acquire(blocking=False):
            try:
                super().process_request(request, client_address)
            except BaseException:
                self._free.release()  # no thread came about, which would have done so
                raise
        else:
            request.settimeout(0)
            try:
                request.send(_TOO_MANY)
            except OSError:
                _log.debug("a connection too many has gone by itself")
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """To the end of the connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that goes away is none of our errors."""
        _log.debug("a connection ended early", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_TIMEOUT_S
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        """Look something up."""
        self._serve()

    def do_POST(self) -> None:
        """Carry something out."""
        self._serve()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses, in our form; the connection ends."""
        self._send(
            HTTPStatus(code), _error("invalid_request", message or HTTPStatus(code).phrase), closes=True
        )

    def log_message(self, format: str, *args: Any) -> None:
        """No line for each request."""

    def _serve(self) -> None:
        try:
            status, body = self._answer()
        except CallRefused as refusal:
            status, body = refusal.status, _error(refusal.code, refusal.message)
        except _HangUp as reason:
            if reason.after_hanging:
                self._hang()
            self.close_connection = True
            return
        except OSError:
            raise  # the caller's connection; there is nobody to tell
        except Exception:  # noqa: BLE001 - whatever it is, the caller gets an answer and the log gets the trace
            _log.exception("%s %s failed", self.command, urlsplit(self.path).path)
            status, body = HTTPStatus.INTERNAL_SERVER_ERROR, _error("internal", "see the gateway's log")
        self._send(status, body)

    def _answer(self) -> tuple[HTTPStatus, dict[str, Any]]:
        gateway, address = self.server.gateway, urlsplit(self.path)
        content = self._content()
        if (self.command, address.path) == ("GET", "/livez"):
            return HTTPStatus.OK, {"status": "alive"}
        if not gateway.knows(self.headers.get("Authorization", "")):
            raise CallRefused(
                HTTPStatus.UNAUTHORIZED,
                "unauthorised",
                "Authorization: Bearer with the gateway's token is needed",
            )
        match (self.command, *map(unquote, address.path.split("/")[1:])):
            case ("POST", "v1", "authorisations"):
                return self._attempt(call_of(Operation.AUTHORISE, "", content))
            case ("POST", "v1", "payments", payment_id, ("capture" | "void" | "refunds") as name):
                return self._attempt(call_of(_OPERATIONS[name], payment_id, content))
            case ("GET", "v1", "keys", key):
                return _found(gateway.ledger.ask(key_of(key)), "unknown_key", "nothing is known of the key")
            case ("GET", "v1", "payments", payment_id):
                return _found(
                    gateway.ledger.payment(payment_id), "unknown_payment", "there is no such payment"
                )
            case ("GET", "v1", "ledger"):
                entries, next_after = gateway.ledger.page(_after(address.query))
                return HTTPStatus.OK, {"items": entries, "next": next_after}
        raise CallRefused(HTTPStatus.NOT_FOUND, "unknown_path", f"nothing answers to {self.command} here")

    def _content(self) -> bytes:
        """The body, read whole. A refusal here ends the connection, whose rest would be taken for a request."""
        length = self.headers.get("Content-Length", "0" if self.command == "GET" else "")
        wrong = not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers
        if wrong or len(length) > 9 or int(length) > BODY_BYTES_MAX:
            self.close_connection = True
            if wrong:
                raise CallRefused(HTTPStatus.LENGTH_REQUIRED, "length_required", "Content-Length is needed")
            raise CallRefused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"a body has at most {BODY_BYTES_MAX} bytes"
            )
        content = self.rfile.read(int(length))
        if len(content) < int(length):
            raise _HangUp(after_hanging=False)
        return content

    def _attempt(self, call: Call) -> tuple[HTTPStatus, Answer]:
        keys = self.headers.get_all("Idempotency-Key", [])
        if len(keys) != 1:
            raise CallRefused(HTTPStatus.BAD_REQUEST, "invalid_key", "one Idempotency-Key is needed")
        key, answer_by = key_of(keys[0]), _answer_by(self.headers.get("X-Answer-By"))
        gateway = self.server.gateway
        answer, fault = gateway.ledger.attempt(key, call, answer_by=answer_by, waited=False)
        if fault is Fault.SLOW:
            time.sleep(gateway.times.slow_s)
            answer, fault = gateway.ledger.attempt(key, call, answer_by=answer_by, waited=True)
        if fault is Fault.UNAVAILABLE:
            raise CallRefused(
                HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "the payment method fails now and then"
            )
        if fault is not None or answer is None:
            raise _HangUp(after_hanging=True)
        return HTTPStatus.PAYMENT_REQUIRED if answer["declined"] else HTTPStatus.OK, answer

    def _hang(self) -> None:
        """Until the caller gives up, but not for ever."""
        watch = select.poll()
        watch.register(self.connection, select.POLLIN)
        watch.poll(self.server.gateway.times.hang_s * 1_000)

    def _send(self, status: HTTPStatus, body: dict[str, Any], *, closes: bool = False) -> None:
        self.close_connection = self.close_connection or closes
        # One write: a second one would wait for the first one's acknowledgement.
        self.wfile.write(_response(status, body, closes=self.close_connection))


class _HangUp(Exception):
    """The caller gets no answer."""

    def __init__(self, *, after_hanging: bool) -> None:
        super().__init__()
        self.after_hanging = after_hanging


def _response(status: HTTPStatus, body: dict[str, Any], *, closes: bool) -> bytes:
    content = json.dumps(body, separators=(",", ":")).encode()
    end = "Connection: close\r\n" if closes else ""
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
    return f"{head}{end}Content-Length: {len(content)}\r\n\r\n".encode() + content


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


_TOO_MANY: Final = _response(
    HTTPStatus.SERVICE_UNAVAILABLE,
    _error("too_many_connections", f"at most {CONNECTIONS_MAX} at once"),
    closes=True,
)


def _found(item: dict[str, Any] | None, code: str, message: str) -> tuple[HTTPStatus, dict[str, Any]]:
    if item is None:
        raise CallRefused(HTTPStatus.NOT_FOUND, code, message)
    return HTTPStatus.OK, item


def _after(query: str) -> int:
    text = parse_qs(query).get("after", ["0"])[-1]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise CallRefused(
            HTTPStatus.BAD_REQUEST, "invalid_request", "`after` is the `next` of the page before"
        )
    return int(text)


def _answer_by(header: str | None) -> float | None:
    if header is None:
        return None
    if not (header.isascii() and header.isdigit() and len(header) < 16):
        raise CallRefused(
            HTTPStatus.BAD_REQUEST, "invalid_request", "X-Answer-By is milliseconds of the epoch"
        )
    return int(header) / 1_000
