"""Reads what callers of the sandbox send; anything else than what is wanted is refused by name."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

import msgspec

from adapters.sandbox_gateway.calls import Call, CallRefused
from application.ports.payment_gateway import KEY_LENGTH_MAX, Operation
from domain.money import AMOUNT_MINOR_MAX, CURRENCIES

METHOD_LENGTH_MAX: Final = 200

Amount = Annotated[int, msgspec.Meta(ge=1, le=AMOUNT_MINOR_MAX)]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    amount: Amount
    currency: str


class _Authorisation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    order_id: UUID
    amount: Amount
    currency: str
    payment_method: Annotated[str, msgspec.Meta(min_length=1, max_length=METHOD_LENGTH_MAX)]


class _Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


_authorisation: Final = msgspec.json.Decoder(_Authorisation).decode
_part: Final = msgspec.json.Decoder(_Part).decode
_nothing: Final = msgspec.json.Decoder(_Nothing).decode


def call_of(operation: Operation, payment_id: str, content: bytes) -> Call:
    """The call that a request's body describes. Raises CallRefused."""
    try:
        if operation is Operation.VOID:
            _nothing(content or b"{}")
            return Call(operation=operation, payment_id=payment_id)
        if operation is Operation.AUTHORISE:
            wanted = _authorisation(content)
            return Call(
                operation=operation,
                order_id=str(wanted.order_id),
                amount=wanted.amount,
                currency=_known(wanted.currency),
                method=wanted.payment_method,
            )
        part = _part(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CallRefused(HTTPStatus.BAD_REQUEST, "invalid_request", str(error)) from None
    return Call(
        operation=operation, payment_id=payment_id, amount=part.amount, currency=_known(part.currency)
    )


def key_of(text: str) -> str:
    """The key, if it can be one. Raises CallRefused."""
    if not (0 < len(text) <= KEY_LENGTH_MAX and all("!" <= letter <= "~" for letter in text)):
        raise CallRefused(
            HTTPStatus.BAD_REQUEST,
            "invalid_key",
            f"a key is 1 to {KEY_LENGTH_MAX} characters of visible ASCII",
        )
    return text


def _known(currency: str) -> str:
    if currency not in CURRENCIES:
        raise CallRefused(HTTPStatus.BAD_REQUEST, "invalid_request", "`currency` is no known ISO 4217 code")
    return currency
