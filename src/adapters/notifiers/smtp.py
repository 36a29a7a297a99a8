"""Notices as e-mail, sent by Django's SMTP backend with settings of its own."""

from __future__ import annotations

import contextlib
import functools
import smtplib
import socket
from email.utils import parseaddr
from typing import Any, Final, Literal

from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend
from django.core.validators import validate_email

from adapters.notifiers.cut_off import CutOff
from application.ports.notifier import Notice, NoticeRefused, NotifierUnavailable

STEP_TIMEOUT_S: Final = 10.0
"""For each step of the conversation: connecting, and each answer."""
REFERENCE_SHOWN_MAX: Final = 60
"""Longer references are cut short in the subject."""

_SUBJECTS: Final = {
    "order.placed": "We have received your order",
    "order.cancelled": "Your order is cancelled",
}
_NEXT: Final = {
    "order.placed": "We will write again when something changes. You need not do anything now.",
    "order.cancelled": "Nothing will be sent to you. You need not do anything.",
}
_SUBJECT_ELSE: Final = "News of your order"
_NEXT_ELSE: Final = "You need not do anything now."


class SmtpNotifier:
    """Notifier that hands one plain message to one SMTP server (RFC 5321).

    An answer 5xx to the recipient or to the message is final. One to the greeting, the log-in or the sender is about
    the server's settings, not about the notice: it may be tried again when they are mended, as with 4xx.
    """

    def __init__(
        self,
        host: str,
        *,
        port: int,
        sender: str,
        timeout_s: float,
        user: str = "",
        password: str = "",
        tls: Literal["starttls", "tls", "none"] = "starttls",
        step_timeout_s: float = STEP_TIMEOUT_S,
    ) -> None:
        """`sender`: an address, or "Name <address>"; its domain makes the messages' ids. `timeout_s`: for the
        conversation as a whole, from the connection on."""
        self._sender = sender
        self._domain = parseaddr(sender)[1].rpartition("@")[2]
        self._timeout_s = timeout_s
        self._new_backend = functools.partial(
            _Backend,
            host=host,
            port=port,
            username=user,
            password=password,
            use_tls=tls == "starttls",
            use_ssl=tls == "tls",
            timeout=step_timeout_s,
        )

    @property
    def channel(self) -> str:
        """See the port."""
        return "e-mail"

    def notify(self, notice: Notice) -> None:
        """See the port."""
        if notice.recipient is None:
            return
        message = self._message(notice, notice.recipient)
        try:
            self._send(message)
        except smtplib.SMTPRecipientsRefused as error:
            code, _ = next(iter(error.recipients.values()))
            raise self._failure(code, "the recipient") from error
        except smtplib.SMTPDataError as error:
            raise self._failure(error.smtp_code, "the message") from error
        except smtplib.SMTPResponseException as error:
            raise self._unavailable(f"the server answered {error.smtp_code}") from error
        except OSError as error:
            # The name alone: the text may hold what the server sent.
            raise self._unavailable(f"no conversation ({type(error).__name__})") from error

    def _send(self, message: EmailMessage) -> None:
        with CutOff(self._timeout_s) as cut_off:
            backend = self._new_backend(cut_off=cut_off)
            try:
                backend.open()
                backend.send_messages([message])
            finally:
                # The server has taken it by now, or has failed: how it says good-bye changes neither.
                with contextlib.suppress(OSError):
                    backend.close()

    def _message(self, notice: Notice, recipient: str) -> EmailMessage:
        try:
            validate_email(recipient)
        except ValidationError:
            raise NoticeRefused(channel=self.channel, problem="the recipient is no e-mail address") from None
        return EmailMessage(
            subject=_subject(notice),
            body=_text(notice),
            from_email=self._sender,
            to=[recipient],
            headers={
                "Message-ID": f"<{notice.id}@{self._domain}>",
                # Nobody answers it by a machine (RFC 3834, section 5).
                "Auto-Submitted": "auto-generated",
            },
        )

    def _failure(self, code: int, what: str) -> NotifierUnavailable | NoticeRefused:
        if 500 <= code <= 599:
            return NoticeRefused(channel=self.channel, problem=f"the server answered {code} to {what}")
        return self._unavailable(f"the server answered {code} to {what}")

    def _unavailable(self, problem: str) -> NotifierUnavailable:
        return NotifierUnavailable(channel=self.channel, problem=problem)


class _Backend(EmailBackend):
    """Django's, whose connection a CutOff watches."""

    def __init__(self, *, cut_off: CutOff, **settings: Any) -> None:
        super().__init__(**settings)
        self._cut_off = cut_off

    @property
    def connection_class(self) -> Any:
        cut_off = self._cut_off

        class Plain(smtplib.SMTP):
            def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
                connection: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
                cut_off.watch(connection)
                return connection

        class Tls(smtplib.SMTP_SSL, Plain):
            """Its own `_get_socket` takes the one above for the connection below TLS."""

        return Tls if self.use_ssl else Plain


def _subject(notice: Notice) -> str:
    words = _SUBJECTS.get(notice.kind, _SUBJECT_ELSE)
    name = _one_line(notice.order.reference or str(notice.order.order_id))
    return f"{words}: {name if len(name) <= REFERENCE_SHOWN_MAX else name[: REFERENCE_SHOWN_MAX - 1] + '…'}"


def _text(notice: Notice) -> str:
    order, currency = notice.order, notice.order.total.currency
    lines = "\n".join(
        f"  {line.quantity} x {_one_line(line.sku)} at {line.unit_price} {currency}"
        f" = {line.unit_price * line.quantity} {currency}"
        for line in order.lines
    )
    reference = f"Your reference: {_one_line(order.reference)}\n" if order.reference else ""
    return (
        f"{_SUBJECTS.get(notice.kind, _SUBJECT_ELSE)}.\n\n"
        f"Order: {order.order_id}\n"
        f"{reference}"
        f"Date: {notice.occurred_at:%Y-%m-%d %H:%M %Z}\n"
        f"Status: {order.status.replace('_', ' ')}\n\n"
        f"{lines}\n\n"
        f"Total: {order.total} {currency}\n\n"
        f"{_NEXT.get(notice.kind, _NEXT_ELSE)}\n"
    )


def _one_line(text: str) -> str:
    """The text as one line of characters that can be printed: what callers wrote makes no header, and no line."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
