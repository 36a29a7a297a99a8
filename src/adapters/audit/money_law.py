"""M1 for one order: what its payments say, what the gateway's ledger says, and what its status demands.

The ledger is read after the snapshot. So it knows all that our payments know; of an order in flight, whose saga may be
anywhere between a call and its record, it may know more. Both are told apart here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

PAID: Final = frozenset({"confirmed", "shipped", "delivered"})
TAKEN: Final = frozenset({"captured", "partly_refunded", "refunded"})
UNANSWERED: Final = frozenset({"requested", "unknown"})

PAYMENTS_SAY: Final = "our payments"
LEDGER_SAYS: Final = "the gateway's ledger"
ORDER_SAYS: Final = "the order"


class Entry(NamedTuple):
    """One payment in the gateway's ledger, in minor units."""

    order_id: str
    payment_id: str
    currency: str
    authorised: int
    captured: int
    refunded: int
    voided: bool
    captures: int
    """How often money was taken."""

    @property
    def kept(self) -> int:
        """Of the customer's money."""
        return self.captured - self.refunded

    @property
    def is_set_aside(self) -> bool:
        """An authorisation stands that was neither taken nor let go."""
        return self.authorised > 0 and not self.captured and not self.voided


class PaymentRow(NamedTuple):
    """One payment of ours."""

    id: str
    gateway_id: str | None
    amount: int
    currency: str
    status: str
    refunded: int
    version: int

    @property
    def captured(self) -> int:
        """What was taken."""
        return self.amount if self.status in TAKEN else 0


class SagaRow(NamedTuple):
    """A saga of the order, or of a refund."""

    id: str
    status: str
    version: int

    @property
    def is_live(self) -> bool:
        """Whether it has not ended."""
        return self.status not in ("completed", "compensated")


class OrderMoney(NamedTuple):
    """An order with all that money depends on; equal ones say that nothing has happened between two looks."""

    tenant_id: str
    id: str
    status: str
    total: int
    currency: str
    payments: tuple[PaymentRow, ...]
    sagas: tuple[SagaRow, ...]

    @property
    def is_in_flight(self) -> bool:
        """Whether a saga may be between a call and its record."""
        return any(saga.is_live for saga in self.sagas)


@dataclass(frozen=True, slots=True)
class Discord:
    """One thing about the order's money that does not agree."""

    field: str
    expected: str
    by: str
    found: str
    at: str


class Verdict(NamedTuple):
    """What is wrong, and whether the ledger is ahead of us in a way that being in flight explains."""

    discords: list[Discord]
    is_ahead: bool


def judge(order: OrderMoney, entries: Sequence[Entry]) -> Verdict:
    """The order against its entries in the ledger."""
    discords: list[Discord] = []
    is_ahead = False
    for discord, may_be_ahead in _against_the_ledger(order, entries):
        if may_be_ahead and order.is_in_flight:
            is_ahead = True
        else:
            discords.append(discord)
    return Verdict(discords, is_ahead)


def charge_without_an_order(entry: Entry) -> Discord:
    """The order of the entry is not ours."""
    field = f"charge without an order, payment {entry.payment_id}"
    return Discord(field, "an order", LEDGER_SAYS, f"none ({_told(entry)})", "the orders of all tenants")


def judge_own_books(order: OrderMoney) -> list[Discord]:
    """The order against our own payments, which are written with it."""
    captured = sum(payment.captured for payment in order.payments)
    refunded = sum(payment.refunded for payment in order.payments)
    if order.status in PAID:
        if captured != order.total:
            return [_of("captured", order.total, order, ORDER_SAYS, captured, PAYMENTS_SAY)]
        if refunded > captured:
            return [_of("refunded", captured, order, "what was captured", refunded, PAYMENTS_SAY)]
        return []
    discords = []
    if captured != refunded:
        by = f"{ORDER_SAYS}, which is {order.status}"
        discords.append(_of("captured and not refunded", 0, order, by, captured - refunded, PAYMENTS_SAY))
    held = [payment for payment in order.payments if payment.status == "authorised"]
    if held and not order.is_in_flight:
        by = f"{ORDER_SAYS}, which is {order.status} and has no saga that goes on"
        amount = sum(payment.amount for payment in held)
        discords.append(_of("set aside", 0, order, by, amount, PAYMENTS_SAY))
    return discords


def _against_the_ledger(order: OrderMoney, entries: Sequence[Entry]) -> list[tuple[Discord, bool]]:
    by_id = {entry.payment_id: entry for entry in entries}
    found: list[tuple[Discord, bool]] = []
    for payment in order.payments:
        if payment.gateway_id is not None:
            entry = by_id.pop(payment.gateway_id, None)
            found += _payment_against(payment, entry)
    charged = [entry for entry in by_id.values() if entry.authorised]
    is_expected = all(payment.status not in ("authorised", *TAKEN) for payment in order.payments)
    for place, entry in enumerate(charged):
        # The first that fits may be the answer that is still to be recorded; a second one can't be.
        fits = (entry.authorised, entry.currency) == (order.total, order.currency)
        explained = is_expected and place == 0 and fits and entry.captured in (0, order.total)
        found.append(
            (
                Discord(f"payment {entry.payment_id}", "none", PAYMENTS_SAY, _told(entry), LEDGER_SAYS),
                explained,
            )
        )
    return found + _law_of_the_ledger(order, entries)


def _payment_against(payment: PaymentRow, entry: Entry | None) -> list[tuple[Discord, bool]]:
    """What we have recorded the gateway has answered before, so it is there; it may have gone on since."""
    name = f"payment {payment.gateway_id}"
    if entry is None:
        told = f"{payment.amount} {payment.currency} {payment.status}"
        return [(Discord(name, told, PAYMENTS_SAY, "none of this order", LEDGER_SAYS), False)]
    is_open = payment.status == "authorised"
    pairs = (
        ("currency", payment.currency, entry.currency, False),
        ("authorised", payment.amount, entry.authorised, False),
        ("captured", payment.captured, entry.captured, is_open and entry.captured == payment.amount),
        (
            "refunded",
            payment.refunded,
            entry.refunded,
            payment.refunded <= entry.refunded <= entry.captured,
        ),
        ("voided", payment.status == "voided", entry.voided, is_open),
    )
    return [
        (Discord(f"{name} {field}", _yes(ours), PAYMENTS_SAY, _yes(theirs), LEDGER_SAYS), explained)
        for field, ours, theirs, explained in pairs
        if ours != theirs
    ]


def _law_of_the_ledger(order: OrderMoney, entries: Sequence[Entry]) -> list[tuple[Discord, bool]]:
    """Whatever our payments say."""
    kept = sum(entry.kept for entry in entries)
    captured = sum(entry.captured for entry in entries)
    found: list[tuple[Discord, bool]] = []
    times = sum(entry.captures for entry in entries if entry.kept > 0)
    if times > 1:
        found.append((Discord("charged", "once", "the promise", f"{times} times", LEDGER_SAYS), False))
    if order.status in PAID:
        if captured != order.total:
            found.append((_of("captured", order.total, order, ORDER_SAYS, captured, LEDGER_SAYS), False))
        return found
    by = f"{ORDER_SAYS}, which is {order.status}"
    if kept:
        found.append((_of("captured and not refunded", 0, order, by, kept, LEDGER_SAYS), kept == order.total))
    held = sum(entry.authorised for entry in entries if entry.is_set_aside)
    if held and not order.is_in_flight:
        found.append((_of("set aside", 0, order, by, held, LEDGER_SAYS), False))
    return found


def _of(field: str, expected: int, order: OrderMoney, by: str, found: int, at: str) -> Discord:
    return Discord(field, f"{expected} {order.currency}", by, f"{found} {order.currency}", at)


def _told(entry: Entry) -> str:
    state = "voided" if entry.voided else f"captured {entry.captured}, refunded {entry.refunded}"
    return f"authorised {entry.authorised} {entry.currency}, {state} (in minor units)"


def _yes(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
