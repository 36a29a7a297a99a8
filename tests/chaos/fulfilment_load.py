"""Orders that pay by every method of the sandbox for goods that run out, further tries, cancellations, receipts."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chaos.load_client import LoadClient
from chaos.slices import Target

CUSTOMER: Final = "payer-"
SCARCE: Final = tuple(f"SCARCE-{number}" for number in range(3))
SCARCE_ON_HAND: Final = 12
PLENTIFUL: Final = tuple(f"PLENTIFUL-{number}" for number in range(6))
PLENTIFUL_ON_HAND: Final = 1_000_000
CHANCE_OF_SCARCE: Final = 0.2
QUANTITY_MAX: Final = 3
PRICES: Final = ("4.20", "17.99", "0.01")

WORKS: Final = "tok_visa"
DECLINED: Final = frozenset({"tok_declined", "tok_insufficient_funds"})
SHARES: Final = {
    WORKS: 60,
    "tok_declined": 6,
    "tok_insufficient_funds": 6,
    "tok_slow": 4,
    "tok_flaky": 6,
    "tok_capture_fails_then_ok": 6,
    "tok_timeout_before_effect": 4,
    "tok_timeout_after_effect": 4,
    "tok_late_success": 4,
}
"""Orders of a hundred by each method."""
CHANCE_TO_CANCEL: Final = 0.2
CHANCE_OF_NEWEST: Final = 0.5
"""A cancellation right after the order meets its saga at work."""
CHANCE_TO_RECEIVE: Final = 0.03
CHANCE_TO_PAY_AGAIN: Final = 0.3
"""When an order of the client's waits to be paid, or will."""
RECENT_MAX: Final = 5


@dataclass(slots=True)
class PayingOrder:
    """An acknowledged order; `method` is the one that it was paid by last.

    `told`: the status that its client was promised; None while nothing was promised. `reason`: of its client for
    cancelling it, if that was taken.
    """

    id: str
    method: str
    sku: str
    total_minor: int
    told: str | None = None
    reason: str | None = None

    @property
    def may_end_as(self) -> frozenset[str]:
        """Where it may stand when no saga has anything to do any more."""
        if self.told is not None:
            return frozenset({self.told})
        if self.method in DECLINED:
            return frozenset({"awaiting_payment"})
        return frozenset({"confirmed", "cancelled"}) if self.sku in SCARCE else frozenset({"confirmed"})


class PayingClient(LoadClient):
    """Places, pays again, cancels, and takes goods in."""

    def __init__(
        self, number: int, target: Target, dice: random.Random, pause_s: float, stop: threading.Event
    ) -> None:
        super().__init__(f"{CUSTOMER}{number}", target, dice, pause_s, stop)
        self._recent: list[PayingOrder] = []
        self._shares = dict(SHARES)
        self.orders: list[PayingOrder] = []
        self.received: Counter[str] = Counter()
        """Pieces by SKU, as acknowledged."""

    def be_fair(self) -> None:
        """Besides, every payment works at once."""
        super().be_fair()
        self._shares = {WORKS: 1}

    def _step(self) -> None:
        chance = self._dice.random()
        declined = [order for order in self._recent if order.method in DECLINED]
        if declined and self._dice.random() < CHANCE_TO_PAY_AGAIN:
            self._pay_again(self._dice.choice(declined))
        elif chance < CHANCE_TO_RECEIVE:
            self._receive()
        elif self._recent and chance < CHANCE_TO_RECEIVE + CHANCE_TO_CANCEL:
            self._cancel(
                self._recent[-1]
                if self._dice.random() < CHANCE_OF_NEWEST
                else self._dice.choice(self._recent)
            )
        else:
            self._place()

    def _place(self) -> None:
        reference = f"{self.name}-{uuid.UUID(int=self._dice.getrandbits(128))}"
        method = self._any_method()
        sku = self._dice.choice(SCARCE if self._dice.random() < CHANCE_OF_SCARCE else PLENTIFUL)
        quantity, price = self._dice.randint(1, QUANTITY_MAX), self._dice.choice(PRICES)
        wish = {
            "customer_ref": self.name,
            "currency": "EUR",
            "payment_method": method,
            "reference": reference,
            "lines": [{"sku": sku, "quantity": quantity, "unit_price": price}],
        }
        answer = self._keyed("/v1/orders", wish, f"place-{reference}")
        if answer.status != 201:
            self.faults.append(f"placing {reference}: {answer}")
            return
        order = PayingOrder(answer.body["id"], method, sku, quantity * int(price.replace(".", "")))
        self.orders.append(order)
        self._recent = [*self._recent[-RECENT_MAX + 1 :], order]
        self.counts["paying orders"] += 1

    def _pay_again(self, order: PayingOrder) -> None:
        method, key = self._any_method(), f"pay-{self._dice.getrandbits(64):x}"
        answer = self._keyed(f"/v1/orders/{order.id}/payments", {"payment_method": method}, key)
        match answer.status, answer.body.get("code"):
            case 201, _:
                order.method = method
                self.counts["payments tried again"] += 1
            case 422, "order-status-forbids":  # the gateway has not declined it yet
                self.counts["payments tried again too early"] += 1
            case _:
                self.faults.append(f"paying for {order.id} again: {answer}")

    def _cancel(self, order: PayingOrder) -> None:
        self._recent.remove(order)
        reason, path = f"reason {self._dice.getrandbits(64):x}", f"/v1/orders/{order.id}"
        answer = self._keyed(f"{path}/cancel", {"reason": reason}, f"cancel-{order.id}", {"If-Match": "*"})
        match answer.status, answer.body.get("code"):
            case 200, _:
                order.told, order.reason = "cancelled", reason
                self.counts["paying orders cancelled"] += 1
            case 409, "past-the-pivot":
                order.told = "confirmed"
                self.counts["cancelled too late"] += 1
            case 409, "saga-ended":  # the stock had run out, and what was done is being taken back
                order.told = "cancelled"
            case 422, "order-status-forbids":
                order.told = self._client.send("GET", path).body.get("status")
                self.counts["cancelled too late"] += order.told == "confirmed"
            case _:
                self.faults.append(f"cancelling {order.id}: {answer}")

    def _any_method(self) -> str:
        (method,) = self._dice.choices(list(self._shares), list(self._shares.values()))
        return method

    def _receive(self) -> None:
        sku, quantity = self._dice.choice(SCARCE), self._dice.randint(1, QUANTITY_MAX)
        key = f"receive-{self._dice.getrandbits(64):x}"
        answer = self._keyed(f"/v1/products/{sku}/receipts", {"quantity": quantity}, key)
        if answer.status == 200:
            self.received[sku] += quantity
            self.counts["receipts"] += 1
        else:
            self.faults.append(f"receiving {sku}: {answer}")


def all_orders(clients: Sequence[PayingClient]) -> list[PayingOrder]:
    """Every acknowledged order."""
    return [order for client in clients for order in client.orders]


def all_received(clients: Sequence[PayingClient]) -> Counter[str]:
    """What is in stock from the start, and every acknowledged receipt."""
    received = Counter(dict.fromkeys(SCARCE, SCARCE_ON_HAND) | dict.fromkeys(PLENTIFUL, PLENTIFUL_ON_HAND))
    for client in clients:
        received.update(client.received)
    return received
