"""How the demo's orders pay: mostly without trouble, and a share with each trouble that the sandbox can make."""

from __future__ import annotations

from typing import Final

VISA: Final = "tok_visa"
ROUND: Final = 1_000
"""So many orders share out every method; then it begins anew."""
SHARES: Final = {
    "tok_declined": 30,
    "tok_insufficient_funds": 20,
    "tok_flaky": 30,
    "tok_capture_fails_then_ok": 20,
    "tok_slow": 3,
    "tok_timeout_before_effect": 1,
    "tok_timeout_after_effect": 1,
    "tok_late_success": 1,
}
"""Orders of a ROUND; the others pay with VISA. Small where a worker's thread is held: about 2 s by each slow one,
4 s or 8 s by each one without an answer. A ROUND holds 26 s of a thread, so that of the eight which a worker has for
sagas unless told, three are held while the demo places and fulfils its orders in a minute."""
DECLINED: Final = frozenset({"tok_declined", "tok_insufficient_funds"})
"""Whoever pays with one of these has to pay again."""
_FIRST: Final = 11
"""Each kind of trouble begins so many orders after the one before, so that a short run meets all of them."""


def _shared_out() -> tuple[str, ...]:
    methods = [VISA] * ROUND
    for rank, (method, share) in enumerate(SHARES.items(), start=1):
        for turn in range(share):
            place = (_FIRST * rank + turn * ROUND // share) % ROUND
            while methods[place] != VISA:
                place = (place + 1) % ROUND
            methods[place] = method
    return tuple(methods)


_METHODS: Final = _shared_out()


def method_of(number: int) -> str:
    """The payment method of the order of that number: always the same, and each kind spread evenly."""
    return _METHODS[number % ROUND]
