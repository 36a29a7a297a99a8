"""One client in one thread that sends until it is told to stop; what it notices on the way is a fault of the run."""

from __future__ import annotations

import random
import threading
from abc import ABC, abstractmethod
from collections import Counter
from typing import Any, ClassVar, Final, Generic, TypeVar

from chaos.patient_client import ANSWER_WITHIN_S, Answer, NeverAnswered, PatientClient
from chaos.slices import Target

CHANCE_TO_REPEAT: Final = 0.1
JOIN_S_MAX: Final = 2 * ANSWER_WITHIN_S
FAIR_PAUSES: Final = 3
"""Of a client that is fair, in pauses of one that isn't."""


class LoadClient(ABC):
    """Nobody else but the service itself changes what it makes."""

    def __init__(
        self, name: str, target: Target, dice: random.Random, pause_s: float, stop: threading.Event
    ) -> None:
        """`pause_s`: on average between two steps."""
        self.name, self._dice, self._pause_s, self._stop = name, dice, pause_s, stop
        self._client = PatientClient(target.url, target.token, dice)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def be_fair(self) -> None:
        """From now on slower: what piles up in an outage is to be worked off beside it."""
        self._pause_s *= FAIR_PAUSES

    def join(self) -> None:
        """Wait until the last request is answered; a client that hangs is a fault."""
        self._thread.join(JOIN_S_MAX)
        if self._thread.is_alive():
            self.faults.append(f"{self.name} did not end within {JOIN_S_MAX:g} s")
        self.counts["tries that failed"] = self._client.failed_tries
        if self._client.server_errors:
            self.faults.append(f"{self.name} was answered 500 {self._client.server_errors} times")

    @abstractmethod
    def _step(self) -> None:
        """Send something, and note what was answered."""

    def _run(self) -> None:
        while not self._stop.wait(self._pause_s * self._dice.uniform(0, 2)):
            try:
                self._step()
            except NeverAnswered as error:
                self.faults.append(str(error))
            except Exception as error:  # noqa: BLE001 - a client that fails is a finding, not an end
                self.faults.append(f"{self.name}: {type(error).__name__}: {error}")
        self._client.close()

    def _keyed(self, path: str, body: Any, key: str, headers: dict[str, str] | None = None) -> Answer:
        """A request with a key, now and then sent once more although it was answered: the answer must be the same.

        A stale version is no lasting answer to a key, so it is not sent again.
        """
        headers = {"Idempotency-Key": key, **(headers or {})}
        answer = self._client.send("POST", path, body, headers)
        if answer.status != 412 and self._dice.random() < CHANCE_TO_REPEAT:
            again = self._client.send("POST", path, body, headers)
            self.counts["repetitions"] += 1
            if _essence(again) != _essence(answer) or again.headers.get("idempotent-replayed") != "true":
                self.faults.append(f"repeating {key}: first {answer}, then {again}")
        return answer


Client = TypeVar("Client", bound=LoadClient)


class ClientsSlice(Generic[Client]):
    """The part of a Slice that its clients are: they are started, slowed down, stopped and counted alike.

    A slice names their class, how many there are, and the mean pause of each between two steps.
    """

    client_class: ClassVar[type[LoadClient]]
    clients_count: ClassVar[int]
    pause_s: ClassVar[float]

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._clients: list[Client] = []

    def prepare(self, target: Target) -> None:
        """See Slice."""
        self._target = target

    def start(self, dice: random.Random) -> None:
        """See Slice."""
        new_client: Any = self.client_class
        self._clients = [
            new_client(number, self._target, random.Random(dice.getrandbits(64)), self.pause_s, self._stop)
            for number in range(self.clients_count)
        ]
        for client in self._clients:
            client.start()

    def be_fair(self) -> None:
        """See Slice."""
        for client in self._clients:
            client.be_fair()

    def stop(self) -> None:
        """See Slice."""
        self._stop.set()
        for client in self._clients:
            client.join()

    def client_faults(self) -> list[str]:
        """What they have noticed themselves."""
        return [fault for client in self._clients for fault in client.faults]

    def client_counts(self) -> Counter[str]:
        """Of all of them together."""
        total: Counter[str] = Counter()
        for client in self._clients:
            total += client.counts
        return total


def _essence(answer: Answer) -> tuple[int, object]:
    """A refusal also names the request that it answers, which is another one each time."""
    return answer.status, answer.body if answer.status < 400 else answer.body.get("code")


def stock_up(target: Target, dice: random.Random, quantities: dict[str, int]) -> None:
    """Make products with so many pieces of each. Raises RuntimeError if that is refused."""
    client = PatientClient(target.url, target.token, dice)
    for sku, quantity in quantities.items():
        for path, body in (
            ("/v1/products", {"sku": sku, "name": sku}),
            (f"/v1/products/{sku}/receipts", {"quantity": quantity}),
        ):
            answer = client.send("POST", path, body, {"Idempotency-Key": f"{sku}{path}"})
            if answer.status not in {200, 201}:
                raise RuntimeError(f"making {sku}: {answer}")
    client.close()
