"""Each fault that chaos looks for, made by hand, is found and named; without one nothing is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from chaos.orders_checks import (
    StoredEvent,
    StoredMessage,
    StoredOrder,
    lost_or_doubled,
    wrong_deliveries,
    wrong_messages,
)
from chaos.orders_load import DECLINED, PAYS, KnownOrder
from chaos.receiver import Delivery

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
KINDS = ("order.placed", "order.amended", "order.cancelled")


class World:
    """One order that was placed, amended and cancelled, another that was placed and paid; all of it as it should be."""

    def __init__(self) -> None:
        self.known = [
            KnownOrder(
                "a",
                "PO-a",
                DECLINED,
                [("order.placed", "PO-a"), ("order.amended", "n"), ("order.cancelled", "r")],
            ),
            KnownOrder("b", "PO-b", PAYS, [("order.placed", "PO-b")]),
        ]
        self.orders = [
            StoredOrder("a", 3, "cancelled", note="n"),
            StoredOrder("b", 2, "confirmed", note=""),
        ]
        self.events = [
            StoredEvent(order.id, version, kind, text)
            for order in self.known
            for version, (kind, text) in enumerate(order.history, start=1)
        ]
        self.messages = [
            StoredMessage(
                f"m-{event.order_id}{event.version}",
                event.order_id,
                event.version,
                AT + timedelta(seconds=event.version),
                is_parked=False,
            )
            for event in self.events
        ]
        self.events.append(StoredEvent("b", 2, "order.confirmed", ""))  # of which nobody is told
        self.deliveries = [
            Delivery(message.id, message.order_id, message.version, KINDS[message.version - 1])
            for message in self.messages
        ]

    def differences(self) -> list[str]:
        return [
            *lost_or_doubled(self.known, self.orders, self.events),
            *wrong_messages(self.events, self.messages),
            *wrong_deliveries(self.messages, self.deliveries),
        ]

    def change_message(self, index: int, **changes: object) -> None:
        self.messages[index] = dataclasses.replace(self.messages[index], **changes)  # type: ignore[arg-type]


def test_a_world_in_order_has_no_difference() -> None:
    world = World()
    world.deliveries.append(world.deliveries[0])  # told twice, under one id
    assert world.differences() == []


FAULTS: dict[str, tuple[Callable[[World], object], str]] = {
    "an acknowledged order is lost": (lambda world: world.orders.pop(1), "the row is None"),
    "an acknowledged event is lost": (lambda world: world.events.pop(1), "stored"),
    "an event stands twice": (lambda world: world.events.append(world.events[3]), "stored"),
    "an order was placed twice": (
        lambda world: world.orders.append(StoredOrder("c", 1, "pending", note="")),
        "never acknowledged",
    ),
    "events without an order": (
        lambda world: world.events.append(StoredEvent("d", 1, "order.placed", "PO-d")),
        "which is not stored",
    ),
    "the row is behind its events": (
        lambda world: world.orders.__setitem__(0, StoredOrder("a", 2, "pending", note="n")),
        "should be (3, 'cancelled', 'n')",
    ),
    "an order that pays is left unconfirmed": (lambda world: world.events.pop(4), "its saga did []"),
    "an order is confirmed twice": (
        lambda world: world.events.append(StoredEvent("b", 3, "order.confirmed", "")),
        "its saga did ['order.confirmed', 'order.confirmed']",
    ),
    "a cancelled order is confirmed": (
        lambda world: world.events.append(StoredEvent("a", 4, "order.confirmed", "")),
        "its saga did ['order.confirmed']",
    ),
    "a message is lost": (lambda world: world.messages.pop(3), "no message for version 1 of order b"),
    "a message was written twice": (
        lambda world: world.messages.append(dataclasses.replace(world.messages[3], id="m-x")),
        "too many for version 1 of order b",
    ),
    "a message is not settled": (lambda world: world.change_message(3, settled_at=None), "is not settled"),
    "a message is a dead letter": (lambda world: world.change_message(3, is_parked=True), "is not settled"),
    "messages were settled out of order": (
        lambda world: world.change_message(1, settled_at=AT),
        "settled out of order",
    ),
    "a notice never arrived": (lambda world: world.deliveries.pop(3), "never arrived"),
    "a notice without a message": (
        lambda world: world.deliveries.append(Delivery("m-y", "b", 2, "order.amended")),
        "of which no message tells",
    ),
    "one id for two notices": (
        lambda world: world.deliveries.append(Delivery("m-b1", "b", 2, "order.amended")),
        "then as",
    ),
    "notices arrived out of order": (
        lambda world: world.deliveries.insert(0, world.deliveries.pop(2)),
        "arrived out of order",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault: str) -> None:
    world = World()
    make, named = FAULTS[fault]
    make(world)
    found = world.differences()
    assert any(named in line for line in found), found
