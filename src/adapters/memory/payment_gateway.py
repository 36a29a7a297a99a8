"""A payment provider in memory: it knows keys, behaves by payment method, and fails where a test tells it to."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final, Literal
from uuid import UUID

from application.ports.payment_gateway import (
    KEY_LENGTH_MAX,
    GatewayOutcomeUnknown,
    GatewayRefused,
    GatewayReply,
    GatewayUnavailable,
    LedgerEffect,
    LedgerEntry,
    Operation,
)
from domain.money import Money

TIMEOUT_S: Final = 5.0
LATE_S: Final = 10.0
SETTLE_S: Final = 30.0

Question = Operation | Literal["ask"]


class Fault(Enum):
    """How a call fails."""

    UNAVAILABLE = auto()
    """A server's error, without an effect."""
    UNAVAILABLE_AFTER_EFFECT = auto()
    """A server's error, although it was carried out."""
    UNKNOWN = auto()
    """No answer, and no effect."""
    UNKNOWN_AFTER_EFFECT = auto()
    """No answer, although it was carried out."""
    UNKNOWN_THEN_EFFECT = auto()
    """No answer; it is carried out `late_s` later."""


_WITHOUT_EFFECT: Final = {
    Fault.UNAVAILABLE: GatewayUnavailable,
    Fault.UNKNOWN: GatewayOutcomeUnknown,
    Fault.UNKNOWN_THEN_EFFECT: GatewayOutcomeUnknown,
}
_AFTER_EFFECT: Final = {
    Fault.UNAVAILABLE_AFTER_EFFECT: GatewayUnavailable,
    Fault.UNKNOWN_AFTER_EFFECT: GatewayOutcomeUnknown,
}
_DECLINES_BY_METHOD: Final = {"tok_declined": "declined", "tok_insufficient_funds": "insufficient_funds"}
_GOOD_METHODS: Final = frozenset({"tok_visa", "tok_slow"})  # slowness is a matter of real time


def _fault_of(method: str, operation: Operation, try_number: int) -> Fault | None:
    """What the payment method does to that try, from 1, of one key."""
    match method:
        case "tok_flaky" if try_number <= 2:
            return Fault.UNAVAILABLE
        case "tok_capture_fails_then_ok" if operation is Operation.CAPTURE and try_number <= 2:
            return Fault.UNAVAILABLE
        case "tok_timeout_before_effect" if try_number == 1:
            return Fault.UNKNOWN
        case "tok_timeout_after_effect" if try_number == 1:
            return Fault.UNKNOWN_AFTER_EFFECT
        case "tok_late_success" if operation is Operation.AUTHORISE and try_number == 1:
            return Fault.UNKNOWN_THEN_EFFECT
    return None


_FAULTY_METHODS: Final = frozenset(
    "tok_flaky tok_capture_fails_then_ok tok_timeout_before_effect tok_timeout_after_effect tok_late_success".split()
)


@dataclass(frozen=True, slots=True)
class _Call:
    """Everything that has to be the same when a key comes again."""

    operation: Operation
    payment_id: str
    order_id: UUID | None
    amount: Money | None
    method: str


@dataclass(slots=True)
class _Payment:
    id: str
    order_id: UUID
    method: str
    authorised: Money
    captured: Money
    refunded: Money
    voided: bool = False
    effects: list[LedgerEffect] = field(default_factory=list)


class InMemoryPaymentGateway:
    """PaymentGateway and PaymentLedger of one provider. Nothing here waits: time is what `now` says."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        timeout_s: float = TIMEOUT_S,
        late_s: float = LATE_S,
        settle_s: float = SETTLE_S,
    ) -> None:
        """`late_s`: after so long the effect of `tok_late_success` appears; less than `settle_s`."""
        self._now, self._late = now, timedelta(seconds=late_s)
        self._timeout_s, self._settle_s = timeout_s, settle_s
        self._lock = threading.Lock()
        self._payments: dict[str, _Payment] = {}
        self._answers: dict[str, tuple[_Call, GatewayReply]] = {}
        self._late_calls: dict[str, tuple[datetime, _Call]] = {}
        self._tries: Counter[str] = Counter()
        self._script: defaultdict[Question, deque[Fault | None]] = defaultdict(deque)
        self._watch: Callable[[str, Question, str], None] | None = None

    @property
    def settle_s(self) -> float:
        """See the port."""
        return self._settle_s

    @property
    def timeout_s(self) -> float:
        """See the port."""
        return self._timeout_s

    def script(self, question: Question, *faults: Fault | None) -> None:
        """Let the next calls of that kind, whatever their keys, fail so; None is a call that works."""
        with self._lock:
            self._script[question].extend(faults)

    def watch(self, hook: Callable[[str, Question, str], None] | None) -> None:
        """Call `hook("before" or "after", operation, key)` around each attempt, in the caller's thread, without a lock.

        It may raise anything, as a crash of the caller would, or wait. "after" is called for answers alone.
        """
        self._watch = hook

    def authorise(self, key: str, *, order_id: UUID, amount: Money, method: str) -> GatewayReply:
        """See the port."""
        return self._attempt(key, _Call(Operation.AUTHORISE, "", order_id, amount, method))

    def capture(self, key: str, *, payment_id: str, amount: Money) -> GatewayReply:
        """See the port."""
        return self._attempt(key, _Call(Operation.CAPTURE, payment_id, None, amount, ""))

    def void(self, key: str, *, payment_id: str) -> GatewayReply:
        """See the port."""
        return self._attempt(key, _Call(Operation.VOID, payment_id, None, None, ""))

    def refund(self, key: str, *, payment_id: str, amount: Money) -> GatewayReply:
        """See the port."""
        return self._attempt(key, _Call(Operation.REFUND, payment_id, None, amount, ""))

    def ask(self, key: str) -> GatewayReply | None:
        """See the port."""
        _require_key(key)
        if self._watch:
            self._watch("before", "ask", key)
        with self._lock:
            self._settle()
            if self._next_scripted("ask") is not None:
                raise GatewayUnavailable(problem="it was told to fail")
            _, reply = self._answers.get(key, (None, None))
        if self._watch:
            self._watch("after", "ask", key)
        return reply

    def entries(self) -> Iterator[LedgerEntry]:
        """See PaymentLedger; all as of one moment."""
        with self._lock:
            self._settle()
            found = [
                LedgerEntry(
                    payment_id=one.id,
                    order_id=one.order_id,
                    authorised=one.authorised,
                    captured=one.captured,
                    refunded=one.refunded,
                    voided=one.voided,
                    effects=tuple(one.effects),
                )
                for one in self._payments.values()
            ]
        yield from found

    def _attempt(self, key: str, call: _Call) -> GatewayReply:
        _require_key(key)
        if call.amount is not None and call.amount.minor == 0:
            raise GatewayRefused(problem="the amount is nothing")
        if self._watch:
            self._watch("before", call.operation, key)
        with self._lock:
            self._settle()
            reply = self._carry_out(key, call)
        if self._watch:
            self._watch("after", call.operation, key)
        return reply

    def _carry_out(self, key: str, call: _Call) -> GatewayReply:
        fault = self._next_scripted(call.operation)
        earlier, reply = self._answers.get(key, (None, None))
        _, on_its_way = self._late_calls.get(key, (None, None))
        if (earlier or on_its_way or call) != call:
            raise GatewayRefused(problem="the key was used with other parameters")
        if on_its_way:
            raise GatewayOutcomeUnknown(problem="an earlier call with the key is still on its way")
        if reply is None:
            # A wrong call is refused before anything else, so that what is late can't be wrong when it is due.
            method = call.method or self._payment_of(call).method
            fault = fault or self._fault_by_method(key, call.operation, method)
        if fault is Fault.UNKNOWN_THEN_EFFECT and reply is None:
            self._late_calls[key] = (self._now() + self._late, call)
        if fault in _WITHOUT_EFFECT:
            raise _WITHOUT_EFFECT[fault](problem="it was told to fail")
        if reply is None:
            reply = self._decide(key, call, self._now())
        if fault is not None:
            raise _AFTER_EFFECT[fault](problem="it was told to fail")
        return reply

    def _next_scripted(self, question: Question) -> Fault | None:
        waiting = self._script.get(question)
        return waiting.popleft() if waiting else None

    def _fault_by_method(self, key: str, operation: Operation, method: str) -> Fault | None:
        if method not in _FAULTY_METHODS:
            return None
        self._tries[key] += 1
        return _fault_of(method, operation, self._tries[key])

    def _settle(self) -> None:
        """Carry out what is late and due by now."""
        if not self._late_calls:
            return
        now = self._now()
        for key, (due, call) in sorted(self._late_calls.items(), key=lambda entry: entry[1][0]):
            if due <= now:
                del self._late_calls[key]
                self._decide(key, call, due)

    def _payment_of(self, call: _Call) -> _Payment:
        payment = self._payments.get(call.payment_id)
        if payment is None:
            raise GatewayRefused(problem="there is no such payment")
        if call.amount is not None and call.amount.currency != payment.authorised.currency:
            raise GatewayRefused(problem="the payment has another currency")
        return payment

    def _decide(self, key: str, call: _Call, at: datetime) -> GatewayReply:
        """Carry it out or decline it, and keep the answer."""
        if call.operation is Operation.AUTHORISE:
            payment, declined = self._open_payment(call)
        else:
            payment = self._payment_of(call)
            declined = _reason_against(payment, call)
        nothing = Money.zero(payment.authorised.currency)
        amount = call.amount or (nothing if declined else payment.authorised)
        if declined is None:
            match call.operation:
                case Operation.AUTHORISE:
                    payment.authorised = amount
                case Operation.CAPTURE:
                    payment.captured = amount
                case Operation.VOID:
                    payment.voided = True
                case Operation.REFUND:
                    payment.refunded += amount
            payment.effects.append(LedgerEffect(key=key, operation=call.operation, amount=amount, at=at))
        reply = GatewayReply(
            key=key,
            operation=call.operation,
            payment_id=payment.id,
            amount=amount,
            declined=declined,
            at=at,
        )
        self._answers[key] = (call, reply)
        return reply

    def _open_payment(self, call: _Call) -> tuple[_Payment, str | None]:
        if call.order_id is None or call.amount is None:
            raise AssertionError("an authorisation has an order and an amount")
        nothing = Money.zero(call.amount.currency)
        payment = _Payment(
            f"pay_{len(self._payments) + 1}", call.order_id, call.method, nothing, nothing, nothing
        )
        self._payments[payment.id] = payment
        if call.method in _GOOD_METHODS or call.method in _FAULTY_METHODS:
            return payment, None
        return payment, _DECLINES_BY_METHOD.get(call.method, "unknown_payment_method")


def _reason_against(payment: _Payment, call: _Call) -> str | None:
    minor = call.amount.minor if call.amount else 0
    if call.operation is Operation.REFUND:
        if not payment.captured.minor:
            return "not_captured"
        return "amount_too_large" if payment.refunded.minor + minor > payment.captured.minor else None
    if not payment.authorised.minor:
        return "not_authorised"
    if payment.captured.minor:
        return "already_captured"
    if payment.voided:
        return "already_voided"
    return "amount_too_large" if minor > payment.authorised.minor else None


def _require_key(key: str) -> None:
    if not (0 < len(key) <= KEY_LENGTH_MAX and all("!" <= letter <= "~" for letter in key)):
        raise GatewayRefused(problem=f"a key is 1 to {KEY_LENGTH_MAX} characters of visible ASCII")
