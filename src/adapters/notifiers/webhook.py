"""Notices as signed HTTP requests, by the Standard Webhooks specification 1.0.0 (https://www.standardwebhooks.com)."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from standardwebhooks import Webhook

from adapters.notifiers.cut_off import CutOff
from adapters.notifiers.public_addresses import AddressNotPublic, LookUp, look_up
from application.ports.notifier import (
    RETRY_AFTER_MAX_S,
    Notice,
    NoticeRefused,
    NotifierUnavailable,
)

CONNECT_TIMEOUT_S: Final = 5.0
"""For each address of the receiver."""

_PORTS: Final = {"http": 80, "https": 443}


class WebhookNotifier:
    """Notifier that posts to one URL, signed with one secret, or with two while it is being exchanged.

    It follows no redirect, uses no proxy, reads no body of an answer, and connects to no address that it has not
    checked. 2xx is success, 410 is final, anything else may be tried again, as the specification says.
    """

    def __init__(
        self,
        url: str,
        *,
        secret: str,
        previous_secret: str = "",
        allow_private: bool = False,
        timeout_s: float,
        now: Callable[[], datetime],
        tls: ssl.SSLContext | None = None,
        look_up: LookUp = socket.getaddrinfo,
    ) -> None:
        """`secret`, `previous_secret`: "whsec_" and base64. `allow_private`: also plain http and addresses that are
        not public. `timeout_s`: for an attempt as a whole, once the name is resolved; the specification
        recommends 15 to 30 s. `tls`: whom to trust; None trusts whom the system trusts."""
        self._url = urlsplit(url)
        self._signers = [Webhook(one) for one in (secret, previous_secret) if one]
        self._allow_private, self._now, self._look_up = allow_private, now, look_up
        self._tls = tls or ssl.create_default_context()
        self._timeout_s = timeout_s

    @property
    def channel(self) -> str:
        """See the port."""
        return "webhook"

    def notify(self, notice: Notice) -> None:
        """See the port."""
        body = _body(notice)
        try:
            status, retry_after = self._post(body, self._headers(notice, body))
        except AddressNotPublic as error:
            raise self._refused(f"{error}; HOLDWATER_WEBHOOK_ALLOW_PRIVATE=yes allows it") from None
        except (OSError, http.client.HTTPException) as error:
            # Names alone: the text of some errors holds what a receiver sent.
            raise self._unavailable(f"no answer ({type(error).__name__})") from error
        if 200 <= status <= 299:
            return
        if status == HTTPStatus.GONE:
            raise self._refused("it answered 410, which ends the subscription")
        raise self._unavailable(f"it answered {status}", retry_after_s(retry_after, self._now()))

    def _headers(self, notice: Notice, body: str) -> dict[str, str]:
        at = self._now().astimezone(UTC)  # the library takes any time for UTC
        key = str(notice.id)
        return {
            "Content-Type": "application/json",
            "User-Agent": "Holdwater",
            "Connection": "close",
            "webhook-id": key,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(one.sign(key, at, body) for one in self._signers),
        }

    def _post(self, body: str, headers: dict[str, str]) -> tuple[int, str | None]:
        url = self._url
        if url.scheme != "https" and not self._allow_private:
            raise self._refused("its URL is not https; HOLDWATER_WEBHOOK_ALLOW_PRIVATE=yes allows it")
        host = url.hostname or ""
        port = url.port or _PORTS[url.scheme]
        addresses = look_up(host, port, allow_private=self._allow_private, how=self._look_up)
        with CutOff(self._timeout_s) as cut_off, _connected(addresses, cut_off) as plain:
            plain.settimeout(cut_off.left_s)
            connection = http.client.HTTPConnection(host, url.port)
            connection.sock = (
                self._tls.wrap_socket(plain, server_hostname=host) if url.scheme == "https" else plain
            )
            try:
                target = (url.path or "/") + (f"?{url.query}" if url.query else "")
                connection.request("POST", target, body.encode(), headers)
                answer = connection.getresponse()
                answer.close()
                return answer.status, answer.getheader("Retry-After")
            finally:
                connection.close()

    def _unavailable(self, problem: str, retry_after_s: int | None = None) -> NotifierUnavailable:
        return NotifierUnavailable(channel=self.channel, problem=problem, retry_after_s=retry_after_s)

    def _refused(self, problem: str) -> NoticeRefused:
        return NoticeRefused(channel=self.channel, problem=problem)


def retry_after_s(header: str | None, now: datetime) -> int | None:
    """Seconds that Retry-After asks for (RFC 9110, section 10.2.3), from 0 to RETRY_AFTER_MAX_S; None if it is none."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        # More digits than the longest pause has are a longer pause.
        return min(int(text[:12]), RETRY_AFTER_MAX_S)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return min(max(0, int(seconds.total_seconds())), RETRY_AFTER_MAX_S)


def _connected(addresses: list[Any], cut_off: CutOff) -> socket.socket:
    """A connection to the first of the addresses that takes one. Raises the last address's OSError."""
    failure: OSError = OSError("the host has no address")
    for address in addresses:
        family = socket.AF_INET if len(address) == 2 else socket.AF_INET6
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(min(CONNECT_TIMEOUT_S, cut_off.left_s))
            connection.connect(address)
            cut_off.watch(connection)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure


def _body(notice: Notice) -> str:
    order = notice.order
    data = {
        "tenant_id": str(notice.tenant_id),
        "order_id": str(order.order_id),
        "version": order.version,
        "reference": order.reference,
        "status": order.status,
        "total": str(order.total),
        "currency": order.total.currency,
        "lines": [
            {"sku": line.sku, "quantity": line.quantity, "unit_price": str(line.unit_price)}
            for line in order.lines
        ],
    }
    at = notice.occurred_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"type": notice.kind, "timestamp": at, "data": data}, separators=(",", ":"))
