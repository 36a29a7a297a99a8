"""What the sandbox tells by itself, signed by Standard Webhooks 1.0.0 (https://www.standardwebhooks.com)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from standardwebhooks import Webhook

from adapters.payment_gateways.sandbox import reply_of
from application.ports.payment_callbacks import CallbackNotSigned, PaymentCallback
from application.ports.payment_gateway import KEY_LENGTH_MAX, GatewayReply, GatewayUnavailable
from domain.errors import InvalidInput

PAYMENT_ID_LENGTH_MAX: Final = 200


class SandboxCallbackReader:
    """CallbackReader. A signature holds for five minutes around the time that it names; each try is signed anew."""

    def __init__(self, secret: str) -> None:
        """`secret`: "whsec_" and base64, the gateway's own."""
        self._signer = Webhook(secret)

    def read(self, headers: Mapping[str, str], body: bytes) -> PaymentCallback:
        """See the port."""
        try:
            self._signer.verify(body, dict(headers), json_parse=False)
        except Exception as error:  # the library lets many kinds out, by what is odd about the headers
            raise CallbackNotSigned() from error
        return PaymentCallback(id=headers["webhook-id"], reply=_reply(body))


def _reply(body: bytes) -> GatewayReply:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _unreadable("is no JSON document") from error
    key = found.get("key") if isinstance(found, dict) else None
    if not (
        isinstance(key, str) and 0 < len(key) <= KEY_LENGTH_MAX and all("!" <= one <= "~" for one in key)
    ):
        raise _unreadable(f"bears no `key` of 1 to {KEY_LENGTH_MAX} characters of visible ASCII")
    try:
        reply = reply_of(found, key)
    except (GatewayUnavailable, OverflowError) as error:
        raise _unreadable("is not what became of a key") from error
    texts = (reply.payment_id, reply.declined or "")
    if len(reply.payment_id) > PAYMENT_ID_LENGTH_MAX or not all(text.isprintable() for text in texts):
        raise _unreadable("names no payment, or has unprintable text")
    return reply


def _unreadable(problem: str) -> InvalidInput:
    return InvalidInput(field="body", problem=problem)
