"""Whether acknowledged orders, stored rows and delivered notices say the same: plain comparisons of plain facts."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, TypeVar

from chaos.orders_load import DECLINED, KnownOrder
from chaos.receiver import Delivery

TOLD_OF: Final = frozenset({"order.placed", "order.amended", "order.cancelled"})
"""What the shop's systems are to hear of."""
STATUS_AFTER: Final = {
    "order.placed": "pending",
    "order.payment_declined": "awaiting_payment",
    "order.confirmed": "confirmed",
    "order.cancelled": "cancelled",
}
"""Other events leave the status as it is."""
OF_THE_SAGA: Final = frozenset({"order.payment_declined", "order.confirmed"})
"""Events that no client asks for."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A row of the log."""

    order_id: str
    version: int
    kind: str
    text: str
    """What tells it from others of its kind: reference, note or reason."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A row of the outbox."""

    id: str
    order_id: str
    version: int
    settled_at: datetime | None
    is_parked: bool


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """A row of the table of orders."""

    id: str
    version: int
    status: str
    note: str


class _OfAnOrder(Protocol):
    @property
    def order_id(self) -> str: ...


Fact = TypeVar("Fact", bound=_OfAnOrder)


def lost_or_doubled(
    known: Sequence[KnownOrder], orders: Sequence[StoredOrder], events: Sequence[StoredEvent]
) -> Iterator[str]:
    """Every acknowledged write is stored once, nothing else is but what sagas do, and the state is what the events say
    (H2, H9, L1)."""
    streams: Mapping[str, list[StoredEvent]] = _by_order(events)
    rows = {row.id: row for row in orders}
    for order in known:
        stored = [(event.kind, event.text) for event in sorted(streams[order.id], key=lambda e: e.version)]
        asked_for = [(kind, text) for kind, text in stored if kind not in OF_THE_SAGA]
        if asked_for != order.history:
            yield f"order {order.id}: acknowledged {order.history}, stored {stored}"
        by_saga = [kind for kind, _ in stored if kind in OF_THE_SAGA]
        if not _may_be_done(by_saga, order):
            yield f"order {order.id}, {order.method}: its saga did {by_saga} beside {order.history}"
        row = rows.get(order.id)
        notes = [text for kind, text in order.history if kind == "order.amended"]
        statuses = [STATUS_AFTER[kind] for kind, _ in stored if kind in STATUS_AFTER]
        expected = (len(stored), statuses[-1] if statuses else None, notes[-1] if notes else "")
        if row is None or (row.version, row.status, row.note) != expected:
            yield f"order {order.id}: (version, status, note) should be {expected}, the row is {row}"
    for order_id in rows.keys() - {order.id for order in known}:
        yield f"order {order_id} is stored and was never acknowledged"
    for order_id in streams.keys() - rows.keys():
        yield f"events of order {order_id}, which is not stored"


def _may_be_done(by_saga: Sequence[str], order: KnownOrder) -> bool:
    """Whether a saga that has ended, or waits for its customer, may have done that, no more and no less."""
    is_cancelled = order.history[-1][0] == "order.cancelled"
    if order.method == DECLINED:
        return by_saga == ["order.payment_declined"] or (is_cancelled and not by_saga)
    return by_saga == ([] if is_cancelled else ["order.confirmed"])


def wrong_messages(events: Sequence[StoredEvent], messages: Sequence[StoredMessage]) -> Iterator[str]:
    """Each event that is to be told of has one message, which is settled, in its order's order (O1, O3, O4)."""
    expected = Counter((event.order_id, event.version) for event in events if event.kind in TOLD_OF)
    written = Counter((message.order_id, message.version) for message in messages)
    for missing in expected - written:
        yield f"no message for version {missing[1]} of order {missing[0]}"
    for extra in written - expected:
        yield f"a message too many for version {extra[1]} of order {extra[0]}"
    for message in messages:
        if message.settled_at is None or message.is_parked:
            yield f"message {message.id} of order {message.order_id} is not settled: {message}"
    for order_id, own in _by_order(messages).items():
        in_order = sorted(own, key=lambda message: message.version)
        times = [message.settled_at for message in in_order if message.settled_at is not None]
        if any(later <= earlier for earlier, later in itertools.pairwise(times)):
            yield f"messages of order {order_id} were settled out of order: {in_order}"


def wrong_deliveries(messages: Sequence[StoredMessage], deliveries: Sequence[Delivery]) -> Iterator[str]:
    """Each message arrived under its id, always the same, and first arrivals keep each order's order (O3, O4)."""
    sent = {message.id: (message.order_id, message.version) for message in messages}
    first: dict[str, Delivery] = {}
    for delivery in deliveries:
        known = first.setdefault(delivery.message_id, delivery)
        if known != delivery:
            yield f"message {delivery.message_id} arrived as {known}, then as {delivery}"
    for message_id in sent.keys() - first.keys():
        yield f"message {message_id} for {sent[message_id]} never arrived"
    for message_id, delivery in first.items():
        if sent.get(message_id) != (delivery.order_id, delivery.version):
            yield f"{delivery} arrived, of which no message tells"
    for order_id, own in _by_order(first.values()).items():
        versions = [delivery.version for delivery in own]
        if versions != sorted(versions):
            yield f"notices of order {order_id} arrived out of order: {versions}"


def _by_order(facts: Iterable[Fact]) -> defaultdict[str, list[Fact]]:
    found: defaultdict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        found[fact.order_id].append(fact)
    return found
