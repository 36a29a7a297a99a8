"""Each fault of fulfilment that chaos looks for, made by hand, is found and named; without one nothing is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from chaos.fulfilment_checks import (
    OrderRow,
    PaymentRow,
    SagaRow,
    StockRow,
    wrong_ends,
    wrong_money,
    wrong_sagas,
    wrong_stock,
)
from chaos.fulfilment_load import PLENTIFUL, SCARCE, WORKS, PayingOrder
from chaos.ledger import Entry

PAID, LET_GO = ("authorise", "capture"), ("authorise", "void")


class World:
    """A paid order, one without stock, one that was declined, one that its client cancelled; all as it should be."""

    def __init__(self) -> None:
        self.known = {
            "paid": PayingOrder("paid", WORKS, PLENTIFUL[0], 840),
            "short": PayingOrder("short", WORKS, SCARCE[0], 420),
            "poor": PayingOrder("poor", "tok_declined", PLENTIFUL[0], 420),
            "left": PayingOrder("left", WORKS, PLENTIFUL[0], 420, told="cancelled", reason="mine"),
        }
        self.orders = {
            "paid": OrderRow("paid", "payer-0", "confirmed", 840, None),
            "short": OrderRow("short", "payer-0", "cancelled", 420, "SCARCE-0: 1 wanted, 0 on hand."),
            "poor": OrderRow("poor", "payer-0", "awaiting_payment", 420, None),
            "left": OrderRow("left", "payer-0", "cancelled", 420, "mine"),
        }
        self.sagas = {
            "paid": SagaRow("s-paid", "paid", "completed", is_held=False),
            "short": SagaRow("s-short", "short", "compensated", is_held=False),
            "poor": SagaRow("s-poor", "poor", "waiting", is_held=False),
            "left": SagaRow("s-left", "left", "compensated", is_held=False),
        }
        self.payments = {
            "paid": PaymentRow("p-paid", "paid", "captured", 840, 0, "g-paid"),
            "short": PaymentRow("p-short", "short", "voided", 420, 0, "g-short"),
            "poor": PaymentRow("p-poor", "poor", "declined", 420, 0, None),
            "left": PaymentRow("p-left", "left", "voided", 420, 0, None),
        }
        self.ledger = {
            "paid": Entry("g-paid", "paid", 840, 840, 0, voided=False, operations=PAID),
            "short": Entry("g-short", "short", 420, 0, 0, voided=True, operations=LET_GO),
            "poor": Entry("g-poor", "poor", 0, 0, 0, voided=False, operations=()),
        }
        self.stock = {
            "plenty": StockRow(PLENTIFUL[0], 8, 0, 2, 10, 0, 0),
            "scarce": StockRow(SCARCE[0], 0, 0, 0, 0, 0, 0),
        }
        self.sold, self.received = {PLENTIFUL[0]: 2}, {PLENTIFUL[0]: 10, SCARCE[0]: 0}

    def differences(self) -> list[str]:
        orders = list(self.orders.values())
        return [
            *wrong_ends(list(self.known.values()), orders),
            *wrong_sagas(orders, list(self.sagas.values())),
            *wrong_money(orders, list(self.payments.values()), list(self.ledger.values())),
            *wrong_stock(list(self.stock.values()), self.sold, self.received),
        ]

    def change(self, rows: str, key: str, **changes: object) -> None:
        """Another value for some fields of one row."""
        table = getattr(self, rows)
        table[key] = dataclasses.replace(table[key], **changes)

    def add(self, rows: str, row: object) -> None:
        """One row more."""
        getattr(self, rows)["more"] = row


def test_a_world_in_order_has_no_difference() -> None:
    assert World().differences() == []


FAULTS: dict[str, tuple[Callable[[World], object], str]] = {
    "an acknowledged order is lost": (
        lambda world: world.orders.pop("poor"),
        "poor was acknowledged and is not",
    ),
    "an order was placed twice": (
        lambda world: world.add("orders", OrderRow("more", "payer-0", "confirmed", 840, None)),
        "more is stored and was never acknowledged",
    ),
    "an order that pays is not confirmed": (
        lambda world: world.change("orders", "paid", status="awaiting_payment"),
        "order paid: PayingOrder",
    ),
    "a declined order is confirmed": (
        lambda world: world.change("orders", "poor", status="confirmed"),
        "order poor: PayingOrder",
    ),
    "a cancelled order is confirmed": (
        lambda world: world.change("orders", "left", status="confirmed"),
        "order left: PayingOrder",
    ),
    "an order is about another amount": (
        lambda world: world.change("orders", "paid", total_minor=839),
        "order paid: PayingOrder",
    ),
    "an order is cancelled though there was stock": (
        lambda world: world.change("orders", "short", reason="the time limit has passed"),
        "short is cancelled because of 'the time limit has passed'",
    ),
    "an order has no saga": (lambda world: world.sagas.pop("paid"), "its sagas are []"),
    "an order has two sagas": (
        lambda world: world.add("sagas", SagaRow("s-more", "paid", "completed", is_held=False)),
        "order paid is confirmed, its sagas are",
    ),
    "a saga still runs": (
        lambda world: world.change("sagas", "paid", status="running"),
        "order paid is confirmed, its sagas are",
    ),
    "a saga is parked": (
        lambda world: world.change("sagas", "short", status="parked"),
        "order short is cancelled, its sagas are",
    ),
    "a saga was compensated and its order confirmed": (
        lambda world: world.change("sagas", "paid", status="compensated"),
        "order paid is confirmed, its sagas are",
    ),
    "a claim is left behind": (
        lambda world: world.change("sagas", "paid", is_held=True),
        "saga s-paid is held by a worker",
    ),
    "a saga without an order": (
        lambda world: world.add("sagas", SagaRow("s-more", "more", "completed", is_held=False)),
        "of an order that is not stored",
    ),
    "an order is charged twice": (
        lambda world: world.add(
            "ledger", Entry("g-more", "paid", 840, 840, 0, voided=False, operations=PAID)
        ),
        "[840, 840] was kept for it",
    ),
    "an order is charged too little": (
        lambda world: world.change("ledger", "paid", captured=839),
        "[839] was kept for it",
    ),
    "a confirmed order is not charged": (lambda world: world.ledger.pop("paid"), "[] was kept for it"),
    "a cancelled order is charged": (
        lambda world: world.change("ledger", "short", captured=420, voided=False),
        "order short is cancelled with total 420, and [420] was kept for it",
    ),
    "a charge without an order": (
        lambda world: world.add(
            "ledger", Entry("g-more", "more", 420, 420, 0, voided=False, operations=PAID)
        ),
        "of an order that is not stored",
    ),
    "money is set aside for ever": (
        lambda world: world.change("ledger", "short", voided=False),
        "neither taken nor let go",
    ),
    "a call was carried out twice": (
        lambda world: world.change("ledger", "short", operations=("authorise", "void", "void")),
        "void was carried out 2 times",
    ),
    "a payment says another thing than the ledger": (
        lambda world: world.change("payments", "paid", status="voided"),
        "p-paid",
    ),
    "a payment is of another amount": (
        lambda world: world.change("payments", "paid", amount_minor=841),
        "p-paid",
    ),
    "a payment is in doubt for ever": (
        lambda world: world.change("payments", "left", status="unknown"),
        "p-left",
    ),
    "a payment that the gateway does not know": (
        lambda world: world.change("payments", "left", gateway_id="g-nowhere"),
        "p-left",
    ),
    "a payment that only the gateway knows": (
        lambda world: world.add("ledger", Entry("g-more", "left", 420, 0, 0, voided=True, operations=LET_GO)),
        "0 payments here are",
    ),
    "stock is not conserved": (lambda world: world.change("stock", "plenty", on_hand=9), "is not conserved"),
    "a reservation leaks": (
        lambda world: world.change("stock", "plenty", on_hand=7, reserved=1),
        "is still set aside",
    ),
    "a row of reservations is left behind": (
        lambda world: world.change("stock", "plenty", set_aside=1),
        "is still set aside",
    ),
    "a confirmed order took no stock": (
        lambda world: world.change("stock", "plenty", on_hand=9, sold=1),
        "2 stand in confirmed orders",
    ),
    "a receipt is counted twice": (
        lambda world: world.change("stock", "scarce", on_hand=3, received=3),
        "0 pieces came in",
    ),
    "a stock row is lost": (lambda world: world.stock.pop("scarce"), "has no stock row"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault: str) -> None:
    world = World()
    make, named = FAULTS[fault]
    make(world)
    found = world.differences()
    assert any(named in line for line in found), found
