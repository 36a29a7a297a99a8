"""E-mail to a real SMTP server."""

from __future__ import annotations

import email
import email.policy
import socket
import threading
import time
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from adapters.notifiers.smtp import SmtpNotifier
from application.ports.notifier import NoticeRefused, NotifierUnavailable
from domain.money import Money
from unit.contracts.notifier_contract import NotifierContract, a_notice

SHORT_S = 0.4
PASSWORD = "open-sesame"
TAKEN = "250 OK"


class MailServer:
    """An SMTP server that answers each step as it is told and keeps the messages."""

    def __init__(self) -> None:
        self.to_sender = self.to_recipient = self.to_message = TAKEN
        self.tried: list[EmailMessage] = []
        self.kept: list[tuple[Envelope, EmailMessage]] = []
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def close(self) -> None:
        self._controller.stop()

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.to_sender

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.to_recipient

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.tried.append(message)
        if self.to_message == TAKEN:
            self.kept.append((envelope, message))
        return self.to_message

    # The receiver of the contract.
    @property
    def notifier(self) -> SmtpNotifier:
        return a_notifier(self.port)

    @property
    def attempts(self) -> list[str]:
        return [_key(message) for message in self.tried]

    @property
    def taken(self) -> list[str]:
        return [_key(message) for _, message in self.kept]

    def fail(self) -> None:
        self.to_message = "451 try again later"

    def refuse(self) -> None:
        self.to_message = "554 no"

    def work(self) -> None:
        self.to_message = TAKEN


def _key(message: EmailMessage) -> str:
    return str(message["Message-ID"]).removeprefix("<").partition("@")[0]


def a_notifier(port: int, **changes: Any) -> SmtpNotifier:
    """A notifier without TLS, to this machine."""
    settings = {"sender": "Tea Shop <orders@shop.example>", "tls": "none", "timeout_s": 10.0, **changes}
    return SmtpNotifier("127.0.0.1", port=port, **settings)


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A server that takes everything until it is told otherwise."""
    one = MailServer()
    yield one
    one.close()


class TestTheContract(NotifierContract):
    @pytest.fixture
    def outside(self, server: MailServer) -> MailServer:
        return server


class TestAMessage:
    def test_says_what_was_ordered_and_what_comes_next(self, server: MailServer) -> None:
        notice = a_notice(status="awaiting_payment")
        server.notifier.notify(notice)
        ((envelope, message),) = server.kept
        assert (envelope.mail_from, envelope.rcpt_tos) == ("orders@shop.example", ["ada@example.com"])
        assert message["Subject"] == "We have received your order: PO-7"
        assert message["From"] == "Tea Shop <orders@shop.example>"
        assert message["To"] == "ada@example.com"
        assert message["Message-ID"] == f"<{notice.id}@shop.example>"
        assert message["Auto-Submitted"] == "auto-generated"
        assert message.get_content_type() == "text/plain"
        assert message.get_content().replace("\r\n", "\n") == (
            "We have received your order.\n\n"
            f"Order: {notice.order.order_id}\n"
            "Your reference: PO-7\n"
            "Date: 2026-03-01 12:30 UTC\n"
            "Status: awaiting payment\n\n"
            "  2 x TEA-1 at 4.20 EUR = 8.40 EUR\n"
            "  1 x CUP-1 at 5.00 EUR = 5.00 EUR\n\n"
            "Total: 13.40 EUR\n\n"
            "We will write again when something changes. You need not do anything now.\n"
        )

    def test_without_a_reference_names_the_order(self, server: MailServer) -> None:
        notice = a_notice(reference=None, kind="order.shipped", total=Money(500, "JPY"), lines=())
        server.notifier.notify(notice)
        ((_, message),) = server.kept
        assert message["Subject"] == f"News of your order: {notice.order.order_id}"
        assert "Your reference" not in message.get_content()
        assert "Total: 500 JPY" in message.get_content()

    def test_lets_no_caller_write_headers_or_lines(self, server: MailServer) -> None:
        server.notifier.notify(
            a_notice(reference="PO\r\nBcc: eve@example.com\r\n\r\nPay here: \u2028evil" + "x" * 99)
        )
        ((envelope, message),) = server.kept
        assert envelope.rcpt_tos == ["ada@example.com"]
        assert message["Bcc"] is None
        subject = message["Subject"].strip()
        assert subject.startswith("We have received your order: PO Bcc: eve@example.com Pay here: evilx")
        assert subject.endswith("x…")
        assert "\nPay here" not in message.get_content()

    @pytest.mark.parametrize(
        "recipient",
        [
            "ada@example.com\r\nBcc: eve@example.com",
            "ada@example.com, eve@example.com",
            "Ada <ada@example.com>",
            "ada",
            "",
            "[redacted]",
        ],
    )
    def test_to_what_is_no_single_address_is_refused(self, server: MailServer, recipient: str) -> None:
        with pytest.raises(NoticeRefused, match="no e-mail address"):
            server.notifier.notify(a_notice(recipient=recipient))
        assert server.tried == []

    def test_to_nobody_is_not_sent(self, server: MailServer) -> None:
        server.notifier.notify(a_notice(recipient=None))
        assert server.tried == []


class TestAnAnswer:
    @pytest.mark.parametrize("step", ["to_recipient", "to_message"])
    def test_5xx_to_recipient_or_message_is_final(self, server: MailServer, step: str) -> None:
        setattr(server, step, "550 no such mailbox")
        with pytest.raises(NoticeRefused, match="answered 550"):
            server.notifier.notify(a_notice())

    @pytest.mark.parametrize("step", ["to_sender", "to_recipient", "to_message"])
    def test_4xx_may_change(self, server: MailServer, step: str) -> None:
        setattr(server, step, "450 mailbox busy")
        with pytest.raises(NotifierUnavailable, match="answered 450"):
            server.notifier.notify(a_notice())

    def test_5xx_to_the_sender_is_about_settings_that_can_be_mended(self, server: MailServer) -> None:
        server.to_sender = "550 not you"
        with pytest.raises(NotifierUnavailable, match="answered 550"):
            server.notifier.notify(a_notice())

    def test_without_the_wanted_tls_sends_nothing(self, server: MailServer) -> None:
        with pytest.raises(NotifierUnavailable, match="SMTPNotSupportedError"):
            a_notifier(server.port, tls="starttls").notify(a_notice())
        assert server.tried == []

    def test_without_the_wanted_log_in_sends_nothing_and_shows_no_password(self, server: MailServer) -> None:
        with pytest.raises(NotifierUnavailable) as failure:
            a_notifier(server.port, user="shop", password=PASSWORD).notify(a_notice())
        assert PASSWORD not in str(failure.value)
        assert server.tried == []


class TestABadServer:
    @pytest.mark.parametrize("tls", ["none", "tls"])
    @pytest.mark.parametrize("drips", [False, True])
    def test_is_given_up_in_bounded_time(self, tls: str, drips: bool) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def serve() -> None:
                connection, _ = listening.accept()
                try:
                    with connection:
                        while drips:
                            connection.sendall(b"2")
                            time.sleep(SHORT_S / 8)
                        while connection.recv(4096):
                            pass
                except OSError:
                    return

            thread = threading.Thread(target=serve)
            thread.start()
            notifier = a_notifier(listening.getsockname()[1], tls=tls, timeout_s=SHORT_S)
            with pytest.raises(NotifierUnavailable, match="did not take the notice"):
                notifier.notify(a_notice())
            thread.join()

    def test_that_is_away_may_come_back(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
        with pytest.raises(NotifierUnavailable, match="ConnectionRefusedError"):
            a_notifier(port).notify(a_notice())
