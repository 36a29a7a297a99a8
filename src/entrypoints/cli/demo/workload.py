"""The demo's load: each purchase is one order, and some clients retry, submit twice, or race to amend."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from entrypoints.cli.demo.api_client import ApiClient, Reply, UnexpectedReply
from entrypoints.cli.demo.purchases import Purchase, RarityWish

RETRY_EVERY: Final = 10
"""Every so many purchases a client loses the answer and sends the same request again."""
DOUBLE_EVERY: Final = 12
"""Every so many purchases a client submits twice at the same moment."""
AMEND_EVERY: Final = 15
"""Every so many purchases two people amend the order at the same moment."""
RACES_MAX: Final = 5
"""To amend one order; fulfilment changes it too, three times at most, and whoever read it before that is refused."""
BARRIER_TIMEOUT_S: Final = 30.0

Wish = Purchase | RarityWish


@dataclass
class Tally:
    """What the clients saw. `latencies_s`: of every first POST of an order; `outrun`: stale because of fulfilment."""

    placed: int = 0
    replayed: int = 0
    in_progress: int = 0
    amended: int = 0
    stale: int = 0
    outrun: int = 0
    latencies_s: list[float] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, **counts: int) -> None:
        """Count; safe from any thread."""
        with self._lock:
            for name, count in counts.items():
                setattr(self, name, getattr(self, name) + count)

    def fault(self, what: str) -> None:
        """Note something that must not happen."""
        with self._lock:
            self.faults[what] += 1

    def answered(self, reply: Reply) -> None:
        """Count one answer to the POST of an order."""
        with self._lock:
            if reply.status == 409:
                self.in_progress += 1
            elif reply.status == 201 and reply.replayed:
                self.replayed += 1
            elif reply.status == 201:
                self.placed += 1
            else:
                self.faults[f"an order was answered with {reply.status}"] += 1


class Workload:
    """Sends purchases through one client with `threads` threads at a time."""

    def __init__(self, client: ApiClient, run: str, *, threads: int) -> None:
        self.tally = Tally()
        self._client = client
        self._run = run
        self._threads = threads
        self._rivals = ThreadPoolExecutor(threads, thread_name_prefix="rival")

    def send(self, wishes: Sequence[Wish], *, sent: Callable[[], None]) -> Tally:
        """Send all of them; `sent` is called after each. Raises what the first failed request raised."""
        with ThreadPoolExecutor(self._threads, thread_name_prefix="client") as clients, self._rivals:
            for _ in clients.map(self._send, wishes):
                sent()
        return self.tally

    def _send(self, wish: Wish) -> None:
        key = f"{self._run}-{wish.number}"
        if wish.number % DOUBLE_EVERY == 0:
            reply = self._submit_twice(wish, key)
        else:
            reply = self._place(wish, key)
            self.tally.latencies_s.append(reply.seconds)
        if reply.status != 201:
            raise UnexpectedReply("POST", "/v1/orders", reply)
        if wish.number % RETRY_EVERY == 0:
            again = self._place(wish, key)
            if not again.replayed or (again.body, again.etag) != (reply.body, reply.etag):
                self.tally.fault("a retry under the same key got another answer")
        # A rarity may be out of stock, and its order cancelled, before anybody can amend it.
        if wish.number % AMEND_EVERY == 0 and isinstance(wish, Purchase):
            self._race_to_amend(wish, reply)

    def _place(self, wish: Wish, key: str) -> Reply:
        reply = self._client.insist("POST", "/v1/orders", wish.order, key=key)
        self.tally.answered(reply)
        return reply

    def _submit_twice(self, wish: Wish, key: str) -> Reply:
        def submit(_: int) -> Reply:
            return self._client.send("POST", "/v1/orders", wish.order, key=key)

        replies = self._together(submit)
        for reply in replies:
            self.tally.answered(reply)
        if sum(reply.status == 201 and not reply.replayed for reply in replies) > 1:
            self.tally.fault("a double submission placed two orders")
        created = [reply for reply in replies if reply.status == 201]
        return created[0] if created else self._place(wish, key)

    def _race_to_amend(self, purchase: Purchase, placed: Reply) -> None:
        """One of two wins, unless fulfilment changed the order meanwhile: then both read it anew, and race again."""
        path, etag = f"/v1/orders/{placed.body['id']}", placed.etag
        for race in range(RACES_MAX):
            statuses = self._amend_together(path, etag, f"{self._run}-amend-{purchase.number}-{race}")
            if statuses != [412, 412]:
                break
            stale, etag = etag, self._client.insist("GET", path).etag
            if etag == stale:
                break
            self.tally.add(outrun=2)
        self.tally.add(amended=statuses.count(200), stale=statuses.count(412))
        if statuses != [200, 412]:
            self.tally.fault(f"two amendments at one version were answered with {statuses}")

    def _amend_together(self, path: str, etag: str, key: str) -> list[int]:
        def amend(rival: int) -> Reply:
            change = {"address": f"{rival} Harbour Street"}
            return self._client.insist("PATCH", path, change, key=f"{key}-{rival}", if_match=etag)

        return sorted(reply.status for reply in self._together(amend))

    def _together(self, act: Callable[[int], Reply]) -> list[Reply]:
        """Do it twice at the same moment, as 1 and as 2."""
        start = threading.Barrier(2, timeout=BARRIER_TIMEOUT_S)

        def wait_and_act(number: int) -> Reply:
            start.wait()
            return act(number)

        rival = self._rivals.submit(wait_and_act, 2)
        return [wait_and_act(1), rival.result()]
