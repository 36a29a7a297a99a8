"""Orders, amendments and cancellations by clients that retry, and what each of them was told."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from chaos.load_client import LoadClient, stock_up
from chaos.patient_client import Answer
from chaos.slices import Target

SKUS: Final = tuple(f"CHAOS-{number}" for number in range(20))
ON_HAND: Final = 1_000_000
"""Of each: no order of this slice is refused for want of stock."""
CUSTOMER: Final = "client-"
"""Every customer of this slice begins so, and no other."""
OPEN_MAX: Final = 5
"""Orders that a client still changes."""
CHANCE_TO_CHANGE: Final = 0.4
CHANCE_TO_CANCEL: Final = 0.35
PAYS: Final = "tok_visa"
"""Its order is confirmed while its client still changes it."""
DECLINED: Final = "tok_declined"
"""Its order waits to be paid, and can be cancelled for as long."""
METHODS: Final = (PAYS, DECLINED)
STALE_TRIES_MAX: Final = 10
"""So often a change is sent anew because its order's saga was faster; a saga makes fewer events."""


@dataclass(slots=True)
class KnownOrder:
    """What a client knows of an order by acknowledgements: `history` has (type of event, text) in order.

    `version` is the last that it was told of, the saga's own events included. `is_refused`: it was not to be cancelled
    any more.
    """

    id: str
    reference: str
    method: str
    history: list[tuple[str, str]] = field(default_factory=list)
    version: int = 1
    is_refused: bool = False

    @property
    def tag(self) -> str:
        """Its entity tag at that version."""
        return f'"{self.id}-{self.version}"'


class OrderClient(LoadClient):
    """Nobody but its saga changes an order beside its client."""

    def __init__(
        self, number: int, target: Target, dice: random.Random, pause_s: float, stop: threading.Event
    ) -> None:
        super().__init__(f"{CUSTOMER}{number}", target, dice, pause_s, stop)
        self._open: list[KnownOrder] = []
        self.orders: list[KnownOrder] = []

    def _step(self) -> None:
        if self._open and self._dice.random() < CHANCE_TO_CHANGE:
            order = self._dice.choice(self._open)
            if self._dice.random() < CHANCE_TO_CANCEL:
                self._cancel(order)
            else:
                self._amend(order)
        else:
            self._place()

    def _place(self) -> None:
        reference = f"{self.name}-{uuid.UUID(int=self._dice.getrandbits(128))}"
        method = self._dice.choice(METHODS)
        wish = {
            "customer_ref": self.name,
            "currency": "EUR",
            "payment_method": method,
            "reference": reference,
            "lines": [{"sku": self._dice.choice(SKUS), "quantity": 1, "unit_price": "4.20"}],
        }
        answer = self._keyed("/v1/orders", wish, f"place-{reference}")
        if answer.status != 201:
            self.faults.append(f"placing {reference}: {answer}")
            return
        order = KnownOrder(answer.body["id"], reference, method, [("order.placed", reference)])
        self.orders.append(order)
        self._open = [*self._open[-OPEN_MAX + 1 :], order]
        self.counts["orders"] += 1

    def _amend(self, order: KnownOrder) -> None:
        note = f"note {self._dice.getrandbits(64):x}"
        path = f"/v1/orders/{order.id}"
        for _ in range(STALE_TRIES_MAX):
            answer = self._client.send("PATCH", path, {"note": note}, {"If-Match": order.tag})
            if answer.status == 412:
                answer = self._client.send("GET", path)
            if not self._moves_on(order, answer):
                break
            if answer.body["note"] == note:
                # Also where a try was carried out without our hearing of it, and the version is stale for that reason.
                order.history.append(("order.amended", note))
                self.counts["amendments"] += 1
                return
        self.faults.append(f"amending {order.id} at version {order.version}: {answer}")
        self._open.remove(order)

    def _cancel(self, order: KnownOrder) -> None:
        self._open.remove(order)
        reason = f"reason {self._dice.getrandbits(64):x}"
        path, key = f"/v1/orders/{order.id}", f"cancel-{order.id}"
        for _ in range(STALE_TRIES_MAX):
            answer = self._keyed(f"{path}/cancel", {"reason": reason}, key, {"If-Match": order.tag})
            if answer.status != 412:
                break
            if not self._moves_on(order, self._client.send("GET", path)):
                break
        if answer.status == 200:
            # At once, or as soon as its saga has taken back what was done for it.
            order.history.append(("order.cancelled", reason))
            self.counts["cancellations"] += 1
        elif answer.body.get("code") in {"past-the-pivot", "order-status-forbids"} and order.method == PAYS:
            order.is_refused = True
            self.counts["cancellations refused"] += 1
        else:
            self.faults.append(f"cancelling {order.id} at version {order.version}: {answer}")

    def _moves_on(self, order: KnownOrder, answer: Answer) -> bool:
        """Take in the version of an answer that must be the order, further than it was; whether it is."""
        if answer.status != 200 or answer.body["version"] <= order.version:
            return False
        order.version = answer.body["version"]
        return True


def products(target: Target, dice: random.Random) -> None:
    """Make what is ordered. Raises RuntimeError if that is refused."""
    stock_up(target, dice, dict.fromkeys(SKUS, ON_HAND))


def all_orders(clients: Sequence[OrderClient]) -> list[KnownOrder]:
    """Every acknowledged order."""
    return [order for client in clients for order in client.orders]
