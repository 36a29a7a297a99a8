"""Orders, amendments and cancellations by clients that retry, and what each of them was told."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from chaos.patient_client import Answer, NeverAnswered, PatientClient
from chaos.slices import Target

SKUS: Final = tuple(f"CHAOS-{number}" for number in range(20))
OPEN_MAX: Final = 5
"""Orders that a client still changes."""
CHANCE_TO_CHANGE: Final = 0.4
CHANCE_TO_CANCEL: Final = 0.35
CHANCE_TO_REPEAT: Final = 0.1
JOIN_S_MAX: Final = 300.0


@dataclass(slots=True)
class KnownOrder:
    """What a client knows of an order by acknowledgements: `history` has (type of event, text) in order."""

    id: str
    reference: str
    history: list[tuple[str, str]] = field(default_factory=list)

    @property
    def version(self) -> int:
        """That it stands at."""
        return len(self.history)

    @property
    def tag(self) -> str:
        """Its entity tag at that version."""
        return f'"{self.id}-{self.version}"'


class OrderClient:
    """One client in one thread; nobody else changes its orders."""

    def __init__(
        self, number: int, target: Target, dice: random.Random, pause_s: float, stop: threading.Event
    ) -> None:
        self._name, self._dice, self._pause_s, self._stop = f"client-{number}", dice, pause_s, stop
        self._client = PatientClient(target.url, target.token, dice)
        self._open: list[KnownOrder] = []
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self.orders: list[KnownOrder] = []
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self) -> None:
        """Wait until the last request is answered; a client that hangs is a fault."""
        self._thread.join(JOIN_S_MAX)
        if self._thread.is_alive():
            self.faults.append(f"{self._name} did not end within {JOIN_S_MAX:g} s")
        self.counts["tries that failed"] = self._client.failed_tries
        if self._client.server_errors:
            self.faults.append(f"{self._name} was answered 500 {self._client.server_errors} times")

    def _run(self) -> None:
        while not self._stop.wait(self._pause_s * self._dice.uniform(0, 2)):
            try:
                self._step()
            except NeverAnswered as error:
                self.faults.append(str(error))
            except Exception as error:  # noqa: BLE001 - a client that fails is a finding, not an end
                self.faults.append(f"{self._name}: {type(error).__name__}: {error}")
        self._client.close()

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
        reference = f"{self._name}-{uuid.UUID(int=self._dice.getrandbits(128))}"
        wish = {
            "customer_ref": self._name,
            "currency": "EUR",
            "payment_method": "tok_visa",
            "reference": reference,
            "lines": [{"sku": self._dice.choice(SKUS), "quantity": 1, "unit_price": "4.20"}],
        }
        answer = self._keyed("/v1/orders", wish, f"place-{reference}", {}, wanted=201)
        if answer is not None:
            order = KnownOrder(answer.body["id"], reference, [("order.placed", reference)])
            self.orders.append(order)
            self._open = [*self._open[-OPEN_MAX + 1 :], order]
            self.counts["orders"] += 1

    def _amend(self, order: KnownOrder) -> None:
        note = f"note {self._dice.getrandbits(64):x}"
        path, match = f"/v1/orders/{order.id}", {"If-Match": order.tag}
        answer = self._client.send("PATCH", path, {"note": note}, match)
        if answer.status == 412 and answer.tries > 1:
            # An earlier try may have been carried out without our hearing of it: then the note stands.
            answer = self._client.send("GET", path)
        if answer.status != 200 or answer.body["note"] != note or answer.body["version"] != order.version + 1:
            self.faults.append(f"amending {order.id} at version {order.version}: {answer}")
            self._open.remove(order)
            return
        order.history.append(("order.amended", note))
        self.counts["amendments"] += 1

    def _cancel(self, order: KnownOrder) -> None:
        self._open.remove(order)
        match = {"If-Match": order.tag}
        reason = f"reason {self._dice.getrandbits(64):x}"
        key = f"cancel-{order.id}"
        answer = self._keyed(f"/v1/orders/{order.id}/cancel", {"reason": reason}, key, match, wanted=200)
        if answer is not None:
            order.history.append(("order.cancelled", reason))
            self.counts["cancellations"] += 1

    def _keyed(
        self, path: str, body: Any, key: str, headers: dict[str, str], *, wanted: int
    ) -> Answer | None:
        """A request with a key, now and then sent once more although it was answered: the answer must be the same."""
        headers = {"Idempotency-Key": key, **headers}
        answer = self._client.send("POST", path, body, headers)
        if answer.status != wanted:
            self.faults.append(f"POST {path} with key {key}: {answer}")
            return None
        if self._dice.random() < CHANCE_TO_REPEAT:
            again = self._client.send("POST", path, body, headers)
            self.counts["repetitions"] += 1
            if (again.status, again.body) != (answer.status, answer.body) or (
                again.headers.get("idempotent-replayed") != "true"
            ):
                self.faults.append(f"repeating {key}: first {answer}, then {again}")
        return answer


def products(target: Target, dice: random.Random) -> None:
    """Make what is ordered. Raises RuntimeError if that is refused."""
    client = PatientClient(target.url, target.token, dice)
    for sku in SKUS:
        answer = client.send("POST", "/v1/products", {"sku": sku, "name": sku}, {"Idempotency-Key": sku})
        if answer.status != 201:
            raise RuntimeError(f"making {sku}: {answer}")
    client.close()


def all_orders(clients: Sequence[OrderClient]) -> list[KnownOrder]:
    """Every acknowledged order."""
    return [order for client in clients for order in client.orders]
