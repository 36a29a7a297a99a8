"""Orders under chaos: load, receiver of notices, checks."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final

from chaos.orders_checks import (
    StoredEvent,
    StoredMessage,
    StoredOrder,
    lost_or_doubled,
    wrong_deliveries,
    wrong_messages,
)
from chaos.orders_load import CUSTOMER, OrderClient, all_orders, products
from chaos.receiver import Receiver
from chaos.slices import Target
from chaos.tables import read

CLIENTS: Final = 8
PAUSE_S: Final = 0.2
"""Mean pause of a client between two requests: together some 30 a second, which leaves room for restarts."""

_ORDERS: Final = (
    "SELECT id::text, version, status, note FROM customer_order WHERE starts_with(customer_ref, %s)"
)
_OTHERS: Final = "SELECT id::text FROM customer_order WHERE NOT starts_with(customer_ref, %s)"
_EVENTS: Final = """
SELECT stream_id::text, version, type, coalesce(data->>'reference', data->>'note', data->>'reason', '')
FROM event WHERE stream_kind = 'order'
"""
_MESSAGES: Final = """
SELECT id::text, stream_id::text, version, settled_at, parked_at IS NOT NULL FROM message
WHERE consumer = 'order_webhook'
"""
_KEYS: Final = "SELECT count(*) FROM idempotency_record WHERE outcome IS NULL"


class OrdersSlice:
    """Slice of orders. The receiver is made by the caller, since the service must know its address at start."""

    name = "orders"

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._stop = threading.Event()
        self._clients: list[OrderClient] = []

    def prepare(self, target: Target) -> None:
        """See Slice."""
        self._target = target
        products(target, random.Random(0))

    def start(self, dice: random.Random) -> None:
        """See Slice."""
        self._clients = [
            OrderClient(number, self._target, random.Random(dice.getrandbits(64)), PAUSE_S, self._stop)
            for number in range(CLIENTS)
        ]
        for client in self._clients:
            client.start()

    def be_fair(self) -> None:
        """See Slice."""
        self._receiver.be_fair()
        for client in self._clients:
            client.be_fair()

    def stop(self) -> None:
        """See Slice."""
        self._stop.set()
        for client in self._clients:
            client.join()

    def unsettled(self) -> int:
        """See Slice."""
        ((count,),) = read(
            self._target, "SELECT count(*) FROM message WHERE settled_at IS NULL AND parked_at IS NULL"
        )
        return int(count)

    def differences(self) -> Sequence[str]:
        """See Slice."""
        orders = [StoredOrder(*row) for row in read(self._target, _ORDERS, (CUSTOMER,))]
        others = {order_id for (order_id,) in read(self._target, _OTHERS, (CUSTOMER,))}
        events = [StoredEvent(*row) for row in read(self._target, _EVENTS)]
        messages = [StoredMessage(*row) for row in read(self._target, _MESSAGES)]
        ((keys_without_outcome,),) = read(self._target, _KEYS)
        stuck = [f"{keys_without_outcome} keys have no outcome"] if keys_without_outcome else []
        return [
            *chain.from_iterable(client.faults for client in self._clients),
            *lost_or_doubled(
                all_orders(self._clients), orders, [event for event in events if event.order_id not in others]
            ),
            *wrong_messages(events, messages),
            *wrong_deliveries(messages, self._receiver.deliveries()),
            *stuck,
        ]

    def counts(self) -> Mapping[str, int]:
        """See Slice."""
        total: Counter[str] = Counter()
        for client in self._clients:
            total += client.counts
        deliveries = self._receiver.deliveries()
        total["notices told"] = len({delivery.message_id for delivery in deliveries})
        total["notices told again"] = len(deliveries) - total["notices told"]
        return total
