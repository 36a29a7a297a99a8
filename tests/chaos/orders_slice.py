"""Orders under chaos: load, receiver of notices, checks."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Final

from chaos.load_client import ClientsSlice
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


class OrdersSlice(ClientsSlice[OrderClient]):
    """Slice of orders. The receiver is made by the caller, since the service must know its address at start."""

    name = "orders"
    client_class = OrderClient
    clients_count = CLIENTS
    pause_s = PAUSE_S

    def __init__(self, receiver: Receiver) -> None:
        super().__init__()
        self._receiver = receiver

    def prepare(self, target: Target) -> None:
        """See Slice."""
        super().prepare(target)
        products(target, random.Random(0))

    def be_fair(self) -> None:
        """See Slice."""
        self._receiver.be_fair()
        super().be_fair()

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
            *self.client_faults(),
            *lost_or_doubled(
                all_orders(self._clients), orders, [event for event in events if event.order_id not in others]
            ),
            *wrong_messages(events, messages),
            *wrong_deliveries(messages, self._receiver.deliveries()),
            *stuck,
        ]

    def counts(self) -> Mapping[str, int]:
        """See Slice."""
        total = self.client_counts()
        deliveries = self._receiver.deliveries()
        total["notices told"] = len({delivery.message_id for delivery in deliveries})
        total["notices told again"] = len(deliveries) - total["notices told"]
        return total
