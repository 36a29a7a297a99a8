"""Whether orders, sagas, stock and the payment gateway's books say the same: plain comparisons of plain facts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chaos.fulfilment_load import PayingOrder
from chaos.ledger import Entry

SAGA_AFTER: Final = {"confirmed": "completed", "cancelled": "compensated", "awaiting_payment": "waiting"}
"""How the saga of an order with that status has ended, or what it does when it has nothing to do."""
NO_STOCK: Final = "on hand"
"""What the reason of an order says that was cancelled for want of stock."""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """A row of the table of orders."""

    id: str
    customer_ref: str
    status: str
    total_minor: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """A row of the table of payments. `gateway_id`: the payment's name in the gateway's books, if it is known."""

    id: str
    order_id: str
    status: str
    amount_minor: int
    refunded_minor: int
    gateway_id: str | None


@dataclass(frozen=True, slots=True)
class SagaRow:
    """A row of the table of sagas. `is_held`: a worker has, or had, it in hand."""

    id: str
    order_id: str
    status: str
    is_held: bool


@dataclass(frozen=True, slots=True)
class StockRow:
    """A row of the table of stock; `set_aside`: the sum of its rows of reservations."""

    sku: str
    on_hand: int
    reserved: int
    sold: int
    received: int
    adjusted: int
    set_aside: int


def wrong_ends(known: Sequence[PayingOrder], orders: Sequence[OrderRow]) -> Iterator[str]:
    """Every acknowledged order is stored and stands where its method and its client's wishes allow (S1, S10, S11).

    `orders`: those of the customers in question alone.
    """
    rows = {row.id: row for row in orders}
    for order in known:
        row = rows.get(order.id)
        if row is None:
            yield f"order {order.id} was acknowledged and is not stored"
        elif row.status not in order.may_end_as or row.total_minor != order.total_minor:
            yield f"order {order.id}: {order}, the row is {row}"
        elif row.status == "cancelled" and not _is_reason_of(row.reason or "", order):
            yield f"order {order.id} is cancelled because of {row.reason!r}: {order}"
    for order_id in rows.keys() - {order.id for order in known}:
        yield f"order {order_id} is stored and was never acknowledged"


def wrong_sagas(orders: Sequence[OrderRow], sagas: Sequence[SagaRow]) -> Iterator[str]:
    """Each order has one saga, which has nothing to do and says the same as the order (S2, S8)."""
    of_order = defaultdict(list)
    for saga in sagas:
        of_order[saga.order_id].append(saga)
    for order in orders:
        wanted = [SAGA_AFTER.get(order.status)]
        if [saga.status for saga in of_order[order.id]] != wanted:
            yield f"order {order.id} is {order.status}, its sagas are {of_order[order.id]}"
    for saga in sagas:
        if saga.is_held:
            yield f"saga {saga.id} is held by a worker: {saga}"
    for order_id in of_order.keys() - {order.id for order in orders}:
        yield f"sagas {of_order[order_id]} of an order that is not stored"


def wrong_money(
    orders: Sequence[OrderRow], payments: Sequence[PaymentRow], ledger: Sequence[Entry]
) -> Iterator[str]:
    """A confirmed order is paid once and whole, any other nets to zero, and both books say the same (M1)."""
    of_order = defaultdict(list)
    for entry in ledger:
        of_order[entry.order_id].append(entry)
        yield from _wrong_entry(entry)
    for order in orders:
        kept = [
            entry.captured - entry.refunded for entry in of_order[order.id] if entry.captured > entry.refunded
        ]
        if kept != ([order.total_minor] if order.status == "confirmed" else []):
            yield f"order {order.id} is {order.status} with total {order.total_minor}, and {kept} was kept for it"
    for order_id in of_order.keys() - {order.id for order in orders}:
        yield f"the ledger has {of_order[order_id]} of an order that is not stored"
    yield from _wrong_payments(payments, {entry.payment_id: entry for entry in ledger})


def wrong_stock(
    stock: Sequence[StockRow], sold: Mapping[str, int], received: Mapping[str, int]
) -> Iterator[str]:
    """Nothing is set aside, nothing was made or lost, and what was sold is what confirmed orders are about (M2).

    `sold`: pieces of confirmed orders by SKU; `received`: by SKU, as acknowledged.
    """
    for row in stock:
        if row.on_hand + row.reserved + row.sold != row.received + row.adjusted:
            yield f"{row.sku} is not conserved: {row}"
        if row.reserved or row.set_aside:
            yield f"{row.sku} is still set aside: {row}"
        if row.sold != sold.get(row.sku, 0):
            yield f"{row.sku}: {sold.get(row.sku, 0)} stand in confirmed orders, the row is {row}"
        if row.sku in received and row.received != received[row.sku]:
            yield f"{row.sku}: {received[row.sku]} pieces came in, the row is {row}"
    for sku in (sold.keys() | received.keys()) - {row.sku for row in stock}:
        yield f"{sku} has no stock row"


def _is_reason_of(reason: str, order: PayingOrder) -> bool:
    return reason == order.reason if order.reason is not None else NO_STOCK in reason


def _wrong_entry(entry: Entry) -> Iterator[str]:
    if entry.authorised and not entry.captured and not entry.voided:
        yield f"money is set aside and was neither taken nor let go: {entry}"
    for operation, count in Counter(entry.operations).items():
        if count > 1:
            yield f"{operation} was carried out {count} times: {entry}"


def _wrong_payments(payments: Sequence[PaymentRow], entries: Mapping[str, Entry]) -> Iterator[str]:
    """Each payment is what the gateway says it is; each that it has money to tell of is known once."""
    for payment in payments:
        entry = None if payment.gateway_id is None else entries.get(payment.gateway_id)
        if not _is_same(payment, entry):
            yield f"{payment}, and in the ledger {entry}"
    known = Counter(payment.gateway_id for payment in payments)
    for entry in entries.values():
        if entry.authorised and known[entry.payment_id] != 1:
            yield f"{known[entry.payment_id]} payments here are {entry}"


def _is_same(payment: PaymentRow, entry: Entry | None) -> bool:
    if entry is None:  # declined, or let go before it came about
        return payment.gateway_id is None and payment.status in {"declined", "voided"}
    wanted: Collection[object] = {
        "captured": (payment.amount_minor, payment.amount_minor, 0, False),
        "partly_refunded": (payment.amount_minor, payment.amount_minor, payment.refunded_minor, False),
        "refunded": (payment.amount_minor, payment.amount_minor, payment.amount_minor, False),
        "voided": (payment.amount_minor, 0, 0, True),
    }.get(payment.status, ())
    same_order = entry.order_id == payment.order_id
    return same_order and wanted == (entry.authorised, entry.captured, entry.refunded, entry.voided)
