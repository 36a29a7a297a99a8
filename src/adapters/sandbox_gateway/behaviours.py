"""What each payment method of the sandbox does, so that every failure can be had on purpose."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from application.ports.payment_gateway import Operation

FLAKY_TRIES: Final = 2
"""So many calls of one key fail, then it works."""

_WORKING: Final = frozenset({"tok_visa", "tok_slow"})
_DECLINES: Final = {"tok_declined": "declined", "tok_insufficient_funds": "insufficient_funds"}
_FAILING: Final = frozenset(
    "tok_flaky tok_capture_fails_then_ok tok_timeout_before_effect tok_timeout_after_effect tok_late_success".split()
)


class Fault(Enum):
    """How a call fails."""

    SLOW = auto()
    """Nothing yet: keep the caller waiting, then try again."""
    UNAVAILABLE = auto()
    """503, without an effect."""
    NO_ANSWER = auto()
    """No answer, without an effect."""
    NO_ANSWER_AFTER_EFFECT = auto()
    NO_ANSWER_THEN_EFFECT = auto()
    """No answer; the effect comes late."""


def decline_of(method: str) -> str | None:
    """Why an authorisation with it is declined; None if it isn't."""
    if method in _WORKING or method in _FAILING:
        return None
    return _DECLINES.get(method, "unknown_payment_method")


def is_slow(method: str) -> bool:
    """Whether whatever is carried out for it takes its time."""
    return method == "tok_slow"


def may_fail(method: str) -> bool:
    """Whether the tries of a key have to be counted."""
    return method in _FAILING


def fault_of(method: str, operation: Operation, try_number: int) -> Fault | None:
    """What happens to that try, from 1, of one key that has no answer yet."""
    match method:
        case "tok_flaky" if try_number <= FLAKY_TRIES:
            return Fault.UNAVAILABLE
        case "tok_capture_fails_then_ok" if operation is Operation.CAPTURE and try_number <= FLAKY_TRIES:
            return Fault.UNAVAILABLE
        case "tok_timeout_before_effect" if try_number == 1:
            return Fault.NO_ANSWER
        case "tok_timeout_after_effect" if try_number == 1:
            return Fault.NO_ANSWER_AFTER_EFFECT
        case "tok_late_success" if operation is Operation.AUTHORISE and try_number == 1:
            return Fault.NO_ANSWER_THEN_EFFECT
    return None
