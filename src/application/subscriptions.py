"""Event → who reacts: the one table of all consequences."""

from __future__ import annotations

from collections.abc import Collection
from types import MappingProxyType
from typing import Final

from application.ports.intakes import LOAD_INTAKE
from application.ports.outbox import Subscriptions
from domain.orders.events import OrderAmended, OrderCancelled, OrderPlaced
from domain.telemetry.intake_events import IntakeReceived

ORDER_EMAIL: Final = "order_email"
"""Tells the customer by e-mail."""
ORDER_WEBHOOK: Final = "order_webhook"
"""Tells the shop's systems by webhook."""

REACTIONS: Final[Subscriptions] = MappingProxyType(
    {
        OrderPlaced: (ORDER_EMAIL, ORDER_WEBHOOK),
        OrderAmended: (ORDER_WEBHOOK,),
        OrderCancelled: (ORDER_EMAIL, ORDER_WEBHOOK),
        IntakeReceived: (LOAD_INTAKE,),
    }
)


def reactions_of(consumers: Collection[str]) -> Subscriptions:
    """The part of REACTIONS that concerns these consumers: those that are configured.

    A consumer that is turned on later hears of the events since.
    """
    return {
        event: reacting
        for event, all_reacting in REACTIONS.items()
        if (reacting := tuple(consumer for consumer in all_reacting if consumer in consumers))
    }
