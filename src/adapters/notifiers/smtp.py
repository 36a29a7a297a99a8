"""Notices as e-mail, over SMTP (RFC 5321) by Django's mail."""

from __future__ import annotations

import functools
import smtplib
from typing import Final

from django.core.mail import BadHeaderError, EmailMessage
from django.core.mail.backends.smtp import EmailBackend

from application.ports.notifier import NoticeRefused, NotifierUnavailable, OrderNotice

TIMEOUT_S: Final = 10
"""For each answer of the server; a claimed message is ours for longer than a whole conversation takes."""
_PERMANENT: Final = 500


class SmtpNotifier:
    """Notifier; a connection of its own for each notice, so that no server's idle limit is met."""

    def __init__(
        self, *, host: str, port: int, sender: str, user: str = "", password: str = "", security: str = "none"
    ) -> None:
        """`security` is none, starttls (RFC 3207) or tls (RFC 8314). Nothing is sent before the first notice."""
        self._sender = sender
        # Threads share the notifier and must not share a connection: each notice makes one of these.
        self._connect = functools.partial(
            EmailBackend,
            host=host,
            port=port,
            username=user,
            password=password,
            use_tls=security == "starttls",
            use_ssl=security == "tls",
            timeout=TIMEOUT_S,
        )

    def notify(self, notice: OrderNotice) -> None:
        """See the port. The notice's id makes the Message-ID, by which a repetition can be known."""
        name = notice.reference or str(notice.order_id)
        mail = EmailMessage(
            subject=f"Your order {name}",
            body=_text(notice, name),
            from_email=self._sender,
            to=[notice.recipient],
            headers={
                "Message-ID": f"<{notice.id}@holdwater>",
                "Auto-Submitted": "auto-generated",  # RFC 3834: no out-of-office answers, please
            },
        )
        try:
            self._connect().send_messages([mail])
        except smtplib.SMTPRecipientsRefused as refusal:
            codes = [code for code, _ in refusal.recipients.values()]
            if all(code >= _PERMANENT for code in codes):
                raise NoticeRefused(f"the mail server refuses the address: {codes[0]}") from refusal
            raise NotifierUnavailable(f"the mail server puts the address off: {codes}") from refusal
        except smtplib.SMTPDataError as refusal:
            if refusal.smtp_code >= _PERMANENT:
                raise NoticeRefused(f"the mail server refuses the message: {refusal.smtp_code}") from refusal
            raise NotifierUnavailable(
                f"the mail server puts the message off: {refusal.smtp_code}"
            ) from refusal
        except (BadHeaderError, ValueError) as error:
            raise NoticeRefused(f"no mail can be made of it: {error}") from error
        except (smtplib.SMTPException, OSError) as error:
            raise NotifierUnavailable(f"the mail server can't be used: {type(error).__name__}") from error


def _text(notice: OrderNotice, name: str) -> str:
    lines = "\n".join(
        f"  {line.quantity} x {line.sku} at {line.unit_price} {line.unit_price.currency}"
        for line in notice.lines
    )
    return (
        f"Thank you for your order {name} of {notice.placed_at:%Y-%m-%d %H:%M} UTC.\n\n"
        f"{lines}\n\n"
        f"Total: {notice.total} {notice.total.currency}\n\n"
        "We have received it and will begin with it soon.\n"
    )
