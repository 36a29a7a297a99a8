"""What goes over the wire: the sandbox refuses bad requests, and the adapter makes the right thing of bad answers."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
import urllib3

from adapters.payment_gateways.sandbox import SandboxPaymentGateway
from adapters.sandbox_gateway.server import BODY_BYTES_MAX, CONNECTIONS_MAX
from adapters.system_clock import new_id
from application.ports.payment_gateway import (
    GatewayOutcomeUnknown,
    GatewayRefused,
    GatewayReply,
    GatewayUnavailable,
    PaymentGateway,
)
from integration.payment_gateway.gateway_process import TOKEN, GatewayProcess, gateway_process
from unit.contracts.payment_gateway_contract import PRICE, a_key

SHORT_S = 0.4
ENOUGH_S = 2.0
"""Long enough for a call to be begun, on a busy machine too."""
KEY = "7/authorise"
GOOD = {"order_id": str(new_id()), "amount": 1, "currency": "EUR", "payment_method": "tok_visa"}
ANSWER = {
    "key": KEY,
    "operation": "authorise",
    "payment_id": "pay_1",
    "amount": 1_340,
    "currency": "EUR",
    "declined": None,
    "at": "2026-03-01T12:00:00.000000+00:00",
}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One process for the module, whose silences are long."""
    with gateway_process(tmp_path_factory.mktemp("gateway"), "--hang-s", "30") as process:
        yield process


@pytest.fixture
def post(process: GatewayProcess) -> Iterator[Callable[..., tuple[int, str]]]:
    """Sends an authorisation, with changes; the status, and the error's code."""
    with urllib3.PoolManager(retries=False, timeout=20) as http:

        def send(
            body: object = GOOD, *, path: str = "/v1/authorisations", method: str = "POST", **headers: str
        ) -> tuple[int, str]:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            all_headers = {
                "Authorization": f"Bearer {TOKEN}",
                "Idempotency-Key": a_key("a"),
                **{name.replace("_", "-"): value for name, value in headers.items()},
            }
            answer = http.request(method, process.url + path, body=content, headers=all_headers)
            found: dict[str, Any] = answer.json()
            return answer.status, found.get("error", {}).get("code", "")

        yield send


class TestTheSandbox:
    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"amount": 0}, "invalid_request"),
            ({"amount": 10**15 + 1}, "invalid_request"),
            ({"amount": 1.5}, "invalid_request"),
            ({"amount": "1"}, "invalid_request"),
            ({"currency": "eur"}, "invalid_request"),
            ({"order_id": "7"}, "invalid_request"),
            ({"payment_method": ""}, "invalid_request"),
            ({"payment_method": "x" * 201}, "invalid_request"),
            ({"payment_methods": "tok_visa"}, "invalid_request"),
        ],
    )
    def test_refuses_a_bad_field(
        self, post: Callable[..., tuple[int, str]], changes: dict[str, object], problem: str
    ) -> None:
        assert post({**GOOD, **changes}) == (400, problem)

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"amount": 1}', b"[" * 10_000])
    def test_refuses_what_is_no_call(self, post: Callable[..., tuple[int, str]], body: bytes) -> None:
        assert post(body) == (400, "invalid_request")

    def test_refuses_what_is_too_large_or_of_unknown_length(
        self, post: Callable[..., tuple[int, str]], process: GatewayProcess
    ) -> None:
        assert post(b" " * (BODY_BYTES_MAX + 1)) == (413, "too_large")
        head = f"POST /v1/authorisations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
        for length in ("", "Content-Length: -1\r\n", "Transfer-Encoding: chunked\r\n"):
            with socket.create_connection(("127.0.0.1", process.port), timeout=20) as connection:
                connection.sendall((head + length + "\r\n").encode())
                # To the end of the connection: what follows would be taken for another request.
                answer = b"".join(iter(lambda: connection.recv(4096), b""))
            assert answer.startswith(b"HTTP/1.1 411 "), length

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            ({"Authorization": "Bearer wrong"}, (401, "unauthorised")),
            ({"Authorization": f"Basic {TOKEN}"}, (401, "unauthorised")),
            ({"Authorization": f"Bearer {TOKEN}é".encode().decode("latin-1")}, (401, "unauthorised")),
            ({"Idempotency_Key": "k" * 121}, (400, "invalid_key")),
            ({"Idempotency_Key": ""}, (400, "invalid_key")),
            ({"X_Answer_By": "soon"}, (400, "invalid_request")),
            ({"X_Answer_By": "1000"}, (408, "too_late")),
            ({"path": "/v1/authorisations/"}, (404, "unknown_path")),
            ({"path": "/v1/payments/pay_1/steal"}, (404, "unknown_path")),
            (
                {"path": "/v1/payments/pay_1/capture", "body": {"amount": 1, "currency": "EUR"}},
                (404, "unknown_payment"),
            ),
            ({"path": "/v1/payments/pay_1", "method": "GET"}, (404, "unknown_payment")),
            ({"path": "/v1/keys/none", "method": "GET"}, (404, "unknown_key")),
            ({"path": "/v1/ledger?after=-1", "method": "GET"}, (400, "invalid_request")),
            ({"method": "DELETE"}, (501, "invalid_request")),
        ],
    )
    def test_says_what_is_wrong(
        self, post: Callable[..., tuple[int, str]], arguments: dict[str, Any], problem: tuple[int, str]
    ) -> None:
        assert post(**arguments) == problem

    def test_shows_a_payment(self, process: GatewayProcess) -> None:
        order_id = new_id()
        with process.gateway() as gateway:
            reply = gateway.authorise(a_key("a"), order_id=order_id, amount=PRICE, method="tok_visa")
        answer = urllib3.request(
            "GET",
            f"{process.url}/v1/payments/{reply.payment_id}",
            headers={"Authorization": f"Bearer {TOKEN}"},
            retries=False,
            timeout=20,
        )
        assert answer.json() == {
            "payment_id": reply.payment_id,
            "order_id": str(order_id),
            "method": "tok_visa",
            "currency": "EUR",
            "authorised": 1_340,
            "captured": 0,
            "refunded": 0,
            "voided": False,
            "effects": [
                {
                    "key": reply.key,
                    "operation": "authorise",
                    "amount": 1_340,
                    "at": reply.at.isoformat(timespec="microseconds"),
                }
            ],
        }

    def test_takes_no_more_connections_than_it_has_threads_for(self, process: GatewayProcess) -> None:
        address = ("127.0.0.1", process.port)
        with ExitStack() as stack:
            for _ in range(CONNECTIONS_MAX + 1):
                last = stack.enter_context(socket.create_connection(address, timeout=20))
            assert last.recv(4096).startswith(b"HTTP/1.1 503 ")
            with process.gateway() as gateway, pytest.raises((GatewayUnavailable, GatewayOutcomeUnknown)):
                gateway.authorise(a_key("a"), order_id=new_id(), amount=PRICE, method="tok_visa")
        with process.gateway() as gateway:
            reply = authorise_when_free(gateway)
        assert reply.declined is None


def authorise_when_free(gateway: PaymentGateway) -> GatewayReply:
    """An answer, once connections are free again."""
    key, order_id, deadline = a_key("a"), new_id(), time.monotonic() + 20
    while True:
        try:
            return gateway.authorise(key, order_id=order_id, amount=PRICE, method="tok_visa")
        except (GatewayUnavailable, GatewayOutcomeUnknown):
            assert time.monotonic() < deadline
            time.sleep(0.05)


class TestACallWithoutAnAnswer:
    @pytest.mark.promise("S4")
    def test_ends_by_the_callers_time_out(self, process: GatewayProcess) -> None:
        key, order_id = a_key("a"), new_id()
        with process.gateway(timeout_s=ENOUGH_S) as gateway, pytest.raises(GatewayOutcomeUnknown):
            gateway.authorise(key, order_id=order_id, amount=PRICE, method="tok_timeout_before_effect")
        with process.gateway() as gateway:
            assert gateway.ask(key) is None
            reply = gateway.authorise(
                key, order_id=order_id, amount=PRICE, method="tok_timeout_before_effect"
            )
            assert reply.declined is None

    @pytest.mark.promise("S4")
    def test_is_not_begun_after_the_callers_time_out(self, process: GatewayProcess) -> None:
        # tok_slow is carried out after a second, when this caller has gone.
        key, order_id = a_key("a"), new_id()
        with process.gateway(timeout_s=SHORT_S) as gateway, pytest.raises(GatewayOutcomeUnknown):
            gateway.authorise(key, order_id=order_id, amount=PRICE, method="tok_slow")
        time.sleep(1.2)
        with process.gateway() as gateway:
            assert gateway.ask(key) is None
            assert [one for one in gateway.entries() if one.order_id == order_id] == []

    @pytest.mark.promise("S4")
    def test_is_not_begun_by_a_gateway_that_was_frozen_meanwhile(self, process: GatewayProcess) -> None:
        key, order_id = a_key("a"), new_id()
        assert process.process is not None
        process.process.send_signal(signal.SIGSTOP)
        try:
            with process.gateway(timeout_s=SHORT_S) as gateway, pytest.raises(GatewayOutcomeUnknown):
                gateway.authorise(key, order_id=order_id, amount=PRICE, method="tok_visa")
        finally:
            process.process.send_signal(signal.SIGCONT)
        with process.gateway() as gateway:
            # It reads what was sent to it while it was frozen before it reads this.
            assert (
                gateway.authorise(a_key("b"), order_id=new_id(), amount=PRICE, method="tok_slow").declined
                is None
            )
            assert gateway.ask(key) is None
            assert [one for one in gateway.entries() if one.order_id == order_id] == []

    def test_comes_from_a_wrong_token(self, process: GatewayProcess) -> None:
        wrong = SandboxPaymentGateway(process.url, token="another-token-than-his", timeout_s=20, settle_s=30)
        with closing(wrong):
            calls: list[Callable[[], object]] = [
                lambda: wrong.ask(KEY),
                lambda: authorise(wrong),
                lambda: list(wrong.entries()),
            ]
            for call in calls:
                with pytest.raises(GatewayRefused, match="HOLDWATER_PAYMENT_GATEWAY_TOKEN"):
                    call()


def authorise(gateway: PaymentGateway) -> GatewayReply:
    """Ask for it under KEY."""
    return gateway.authorise(KEY, order_id=new_id(), amount=PRICE, method="tok_visa")


def response(status: int, content: bytes) -> bytes:
    """An HTTP response."""
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


def with_changes(**changes: object) -> bytes:
    """The right answer, but for these."""
    return response(200, json.dumps({**ANSWER, **changes}).encode())


NOT_FOUND = response(404, b"<html>Not here</html>")
UNKNOWN_KEY = response(404, b'{"error": {"code": "unknown_key", "message": "nothing is known"}}')


class TestTheAdapter:
    @pytest.fixture
    def answering(self) -> Iterator[Callable[[bytes], SandboxPaymentGateway]]:
        """Makes a gateway whose provider reads each request and answers so, then hangs up."""
        with ExitStack() as stack:

            def start(answer: bytes, *, pause_s: float = 0.0) -> SandboxPaymentGateway:
                server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
                stop = threading.Event()

                def serve() -> None:
                    while not stop.is_set():
                        connection, _ = server.accept()
                        with connection:
                            connection.recv(65_536)
                            try:
                                for number in range(len(answer) if pause_s else 1):
                                    connection.sendall(answer[number : number + 1] if pause_s else answer)
                                    time.sleep(pause_s)
                            except OSError:
                                continue

                def end() -> None:
                    stop.set()
                    socket.create_connection(server.getsockname()).close()
                    thread.join()

                thread = threading.Thread(target=serve)
                thread.start()
                stack.callback(end)
                port = server.getsockname()[1]
                gateway = SandboxPaymentGateway(
                    f"http://127.0.0.1:{port}", token=TOKEN, timeout_s=SHORT_S if pause_s else 20, settle_s=30
                )
                return stack.enter_context(closing(gateway))

            yield start

    @pytest.mark.promise("S4")
    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (b"", GatewayOutcomeUnknown),
            (b"220 mail.example.com ESMTP\r\n", GatewayOutcomeUnknown),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", GatewayOutcomeUnknown),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", GatewayOutcomeUnknown),
            (b"HTTP/1.1 200 OK\r\n\r\n{}", GatewayOutcomeUnknown),
            (response(200, b"[]"), GatewayOutcomeUnknown),
            (response(200, b"<html>"), GatewayOutcomeUnknown),
            (with_changes(key="8/authorise"), GatewayOutcomeUnknown),
            (with_changes(at="2026-03-01T12:00:00"), GatewayOutcomeUnknown),
            (with_changes(amount=-1), GatewayOutcomeUnknown),
            (with_changes(operation="steal"), GatewayOutcomeUnknown),
            (response(409, b"{}"), GatewayOutcomeUnknown),
            (response(500, b"oops"), GatewayUnavailable),
            (response(503, b""), GatewayUnavailable),
            (response(429, b""), GatewayUnavailable),
            (response(301, b""), GatewayRefused),
            (response(400, b"\xff"), GatewayRefused),
            (NOT_FOUND, GatewayRefused),
            (UNKNOWN_KEY, GatewayRefused),
        ],
    )
    def test_knows_what_an_answer_to_a_call_leaves_open(
        self,
        answering: Callable[[bytes], SandboxPaymentGateway],
        answer: bytes,
        error: type[Exception],
    ) -> None:
        with pytest.raises(error) as failure:
            authorise(answering(answer))
        assert type(failure.value) is error

    @pytest.mark.promise("S4")
    @pytest.mark.parametrize("answer", [b"", response(503, b""), response(200, b"{}"), with_changes(key="8")])
    def test_can_ask_again_whatever_went_wrong(
        self, answering: Callable[[bytes], SandboxPaymentGateway], answer: bytes
    ) -> None:
        with pytest.raises(GatewayUnavailable):
            answering(answer).ask(KEY)

    @pytest.mark.promise("S4")
    def test_takes_not_found_for_an_answer_from_the_provider_alone(
        self, answering: Callable[[bytes], SandboxPaymentGateway]
    ) -> None:
        assert answering(UNKNOWN_KEY).ask(KEY) is None
        with pytest.raises(GatewayRefused, match="HOLDWATER_PAYMENT_GATEWAY_URL"):
            answering(NOT_FOUND).ask(KEY)

    def test_gives_up_an_answer_that_drips(self, answering: Callable[..., SandboxPaymentGateway]) -> None:
        with pytest.raises(GatewayOutcomeUnknown, match="Timeout"):
            authorise(answering(with_changes(), pause_s=SHORT_S / 8))

    def test_knows_that_nothing_was_sent_where_nobody_listens(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        gateway = SandboxPaymentGateway(f"http://127.0.0.1:{port}", token=TOKEN, timeout_s=20, settle_s=30)
        calls: list[Callable[[], object]] = [
            lambda: authorise(gateway),
            lambda: gateway.ask(KEY),
            lambda: list(gateway.entries()),
        ]
        for call in calls:
            with pytest.raises(GatewayUnavailable, match="ConnectionRefusedError"):
                call()
