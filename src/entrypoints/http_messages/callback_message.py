"""The callback of a payment gateway as the OpenAPI document tells of it; the gateway's own form decides what it is."""

from __future__ import annotations

from typing import Any, Final

from application.conflict_retry import Overloaded
from application.ports.payment_callbacks import CallbackNotSigned
from application.ports.payment_gateway import KEY_LENGTH_MAX, Operation
from application.ports.unit_of_work import StoreUnavailable
from domain.errors import DomainError, InvalidInput
from entrypoints.http_messages.request_errors import (
    BodyTooLarge,
    InternalError,
    MalformedBody,
    RouteNotFound,
    UnsupportedMediaType,
)

CALLBACK_PATH: Final = "/v1/payment-callbacks/{gateway}"
SECURITY: Final[dict[str, Any]] = {
    "webhookSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "Of `webhook-id`, `webhook-timestamp` and the body, by Standard Webhooks 1.0.0, with the secret "
        "that is shared with the gateway.",
    }
}
SIGNED_HEADERS: Final = {
    "webhook-id": "The gateway's name of the callback, the same on every try.",
    "webhook-timestamp": "When this try was signed, in seconds since 1970; five minutes either way are let pass.",
}
REFUSALS: Final[tuple[type[DomainError], ...]] = (
    RouteNotFound,
    BodyTooLarge,
    MalformedBody,
    CallbackNotSigned,
    InvalidInput,
    UnsupportedMediaType,
    Overloaded,
    StoreUnavailable,
    InternalError,
)
BODY: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "key": {
            "type": "string", "minLength": 1, "maxLength": KEY_LENGTH_MAX, "pattern": "^[!-~]+$",
            "description": "The key of our call.",
        },
        "operation": {"enum": [operation.value for operation in Operation]},
        "payment_id": {"type": "string", "description": "The gateway's own name of the payment."},
        "amount": {"type": "integer", "minimum": 0, "description": "In minor units."},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "declined": {"type": ["string", "null"], "description": "Why not; null: it was carried out."},
        "at": {"type": "string", "format": "date-time"},
    },
    "required": ["key", "operation", "payment_id", "amount", "currency", "declined", "at"],
}  # fmt: skip
NOTE: Final = (
    "Needs no token; the signature lets it in. Answered 204 whether or not it changes anything, and 404 for a gateway "
    "that isn't set up."
)
