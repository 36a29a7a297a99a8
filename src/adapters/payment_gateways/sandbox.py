"""The sandbox payment provider over HTTP (docs/operations.md, "Sandbox gateway")."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from adapters.payment_gateways.kept_connection import HttpAnswer, KeptConnections, NoAnswer, NotSent
from application.ports.payment_gateway import (
    DECLINE_REASON_LENGTH_MAX,
    KEY_LENGTH_MAX,
    GatewayOutcomeUnknown,
    GatewayRefused,
    GatewayReply,
    GatewayUnavailable,
    LedgerEffect,
    LedgerEntry,
    Operation,
)
from domain.errors import InvalidInput
from domain.money import Money

PAGES_MAX: Final = 1_000_000
"""Of the provider's books; more are a fault of it."""
MESSAGE_LENGTH_MAX: Final = 200
"""So much of what the provider says of a refusal is passed on."""


class SandboxPaymentGateway:
    """PaymentGateway and PaymentLedger. A call tells the provider until when it is waited for, and nothing is begun
    later than that; so an effect can be later than `timeout_s` only where the payment method makes it so."""

    def __init__(self, url: str, *, token: str, timeout_s: float, settle_s: float) -> None:
        """`settle_s`: longer than the provider's own `--late-s`."""
        self._http = KeptConnections(url, timeout_s=timeout_s)
        self._authorization = f"Bearer {token}"
        self._timeout_s, self._settle_s = timeout_s, settle_s

    def close(self) -> None:
        """Close the connections that are kept."""
        self._http.close()

    @property
    def settle_s(self) -> float:
        """See the port."""
        return self._settle_s

    @property
    def timeout_s(self) -> float:
        """See the port."""
        return self._timeout_s

    def authorise(self, key: str, *, order_id: UUID, amount: Money, method: str) -> GatewayReply:
        """See the port."""
        return self._call(
            key,
            "/v1/authorisations",
            {"order_id": str(order_id), **_amount(amount), "payment_method": method},
        )

    def capture(self, key: str, *, payment_id: str, amount: Money) -> GatewayReply:
        """See the port."""
        return self._call(key, f"/v1/payments/{quote(payment_id, safe='')}/capture", _amount(amount))

    def void(self, key: str, *, payment_id: str) -> GatewayReply:
        """See the port."""
        return self._call(key, f"/v1/payments/{quote(payment_id, safe='')}/void", {})

    def refund(self, key: str, *, payment_id: str, amount: Money) -> GatewayReply:
        """See the port."""
        return self._call(key, f"/v1/payments/{quote(payment_id, safe='')}/refunds", _amount(amount))

    def ask(self, key: str) -> GatewayReply | None:
        """See the port."""
        _require_key(key)
        answer = self._get(f"/v1/keys/{quote(key, safe='')}")
        if answer.status == HTTPStatus.OK:
            return reply_of(_object(answer), key)
        # Any other 404 comes from a wrong address, and says nothing of the key.
        if answer.status == HTTPStatus.NOT_FOUND and _error_of(answer)[0] == "unknown_key":
            return None
        raise _refused(answer)

    def entries(self) -> Iterator[LedgerEntry]:
        """See PaymentLedger."""
        after: int | None = 0
        for _ in range(PAGES_MAX):
            answer = self._get(f"/v1/ledger?after={after}")
            if answer.status != HTTPStatus.OK:
                raise _refused(answer)
            page = _object(answer)
            try:
                entries, following = [_entry(item) for item in page["items"]], page["next"]
            except (KeyError, TypeError, ValueError, InvalidInput) as error:
                raise GatewayRefused(problem=f"its ledger can't be read ({error})") from error
            yield from entries
            if following is None:
                return
            after = int(following)
        raise GatewayRefused(problem=f"its ledger has more than {PAGES_MAX} pages")

    def _call(self, key: str, target: str, body: dict[str, Any]) -> GatewayReply:
        _require_key(key)
        headers = {
            "Authorization": self._authorization,
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            "X-Answer-By": str(int((time.time() + self._timeout_s) * 1_000)),
        }
        try:
            answer = self._http.exchange("POST", target, json.dumps(body).encode(), headers)
        except NotSent as error:
            raise GatewayUnavailable(problem=f"no connection: {error}") from error
        except NoAnswer as error:
            raise GatewayOutcomeUnknown(problem=str(error)) from error
        if answer.status in (HTTPStatus.OK, HTTPStatus.PAYMENT_REQUIRED):
            try:
                return reply_of(_object(answer), key)
            except GatewayUnavailable as error:
                raise GatewayOutcomeUnknown(problem="its answer can't be read") from error
        if (
            answer.status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
            or answer.status >= 500
        ):
            raise GatewayUnavailable(problem=f"it answered {answer.status}")
        if answer.status == HTTPStatus.CONFLICT:
            raise GatewayOutcomeUnknown(problem=_error_of(answer)[1])
        raise _refused(answer)

    def _get(self, target: str) -> HttpAnswer:
        try:
            answer = self._http.exchange("GET", target, None, {"Authorization": self._authorization})
        except (NotSent, NoAnswer) as error:
            raise GatewayUnavailable(problem=f"no answer: {error}") from error
        if answer.status >= 500 or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise GatewayUnavailable(problem=f"it answered {answer.status}")
        return answer


def _amount(amount: Money) -> dict[str, Any]:
    return {"amount": amount.minor, "currency": amount.currency}


def _object(answer: HttpAnswer) -> dict[str, Any]:
    """The answer's JSON object. Raises GatewayUnavailable where there is none."""
    try:
        content = json.loads(answer.content)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise GatewayUnavailable(problem=f"it answered {answer.status} without a JSON object")
    return content


def reply_of(found: dict[str, Any], key: str) -> GatewayReply:
    """The reply. Raises GatewayUnavailable where the object is none, or is about another key."""
    try:
        declined = found["declined"]
        reply = GatewayReply(
            key=found["key"],
            operation=Operation(found["operation"]),
            payment_id=str(found["payment_id"]),
            amount=Money(found["amount"], found["currency"]),
            declined=None if declined is None else str(declined)[:DECLINE_REASON_LENGTH_MAX],
            at=datetime.fromisoformat(found["at"]),
        )
    except (KeyError, TypeError, ValueError, InvalidInput) as error:
        raise GatewayUnavailable(problem=f"its answer can't be read ({error})") from error
    if reply.key != key or reply.at.tzinfo is None:
        raise GatewayUnavailable(problem="its answer is about another key, or has no time zone")
    return reply


def _entry(item: dict[str, Any]) -> LedgerEntry:
    currency = item["currency"]
    return LedgerEntry(
        payment_id=item["payment_id"],
        order_id=UUID(item["order_id"]),
        authorised=Money(item["authorised"], currency),
        captured=Money(item["captured"], currency),
        refunded=Money(item["refunded"], currency),
        voided=bool(item["voided"]),
        effects=tuple(
            LedgerEffect(
                key=effect["key"],
                operation=Operation(effect["operation"]),
                amount=Money(effect["amount"], currency),
                at=datetime.fromisoformat(effect["at"]),
            )
            for effect in item["effects"]
        ),
    )


def _error_of(answer: HttpAnswer) -> tuple[str, str]:
    """Code and message of an error in the provider's form; empty where it has another."""
    try:
        error = json.loads(answer.content)["error"]
        message = "".join(letter for letter in str(error["message"]) if letter.isprintable())
        return str(error["code"]), message[:MESSAGE_LENGTH_MAX]
    except (ValueError, KeyError, TypeError):
        return "", ""


def _refused(answer: HttpAnswer) -> GatewayRefused:
    code, message = _error_of(answer)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        message = "it doesn't know the token; set HOLDWATER_PAYMENT_GATEWAY_TOKEN to the gateway's own"
    said = message or "it isn't the gateway; check HOLDWATER_PAYMENT_GATEWAY_URL"
    return GatewayRefused(problem=f"{answer.status} {code}: {said}" if code else f"{answer.status}: {said}")


def _require_key(key: str) -> None:
    """Checked here too: any other can't stand in a header."""
    if not (0 < len(key) <= KEY_LENGTH_MAX and all("!" <= letter <= "~" for letter in key)):
        raise GatewayRefused(problem=f"a key is 1 to {KEY_LENGTH_MAX} characters of visible ASCII")
