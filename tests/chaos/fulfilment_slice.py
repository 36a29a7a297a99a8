"""Fulfilment under chaos: orders that pay, stock that runs out, and the books of the payment gateway."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from chaos.fulfilment_checks import (
    OrderRow,
    PaymentRow,
    SagaRow,
    StockRow,
    wrong_ends,
    wrong_money,
    wrong_sagas,
    wrong_stock,
)
from chaos.fulfilment_load import (
    CUSTOMER,
    PLENTIFUL,
    PLENTIFUL_ON_HAND,
    SCARCE,
    SCARCE_ON_HAND,
    PayingClient,
    all_orders,
    all_received,
)
from chaos.ledger import read_ledger
from chaos.load_client import ClientsSlice, stock_up
from chaos.slices import Target
from chaos.tables import read

CLIENTS: Final = 4
PAUSE_S: Final = 0.35
"""Mean pause of a client between two requests: together some ten a second."""

_UNFINISHED: Final = "SELECT count(*) FROM saga WHERE status IN ('running', 'compensating')"
_ORDERS: Final = "SELECT id::text, customer_ref, status, total_minor, cancel_reason FROM customer_order"
_SAGAS: Final = "SELECT id::text, subject_id::text, status, leased_until IS NOT NULL FROM saga"
_PAYMENTS: Final = (
    "SELECT id::text, order_id::text, status, amount_minor, refunded_minor, gateway_id FROM payment"
)
_STOCK: Final = """
SELECT s.sku, s.on_hand, s.reserved, s.sold, s.received, s.adjusted, coalesce(sum(r.quantity), 0)::bigint
FROM stock_item s LEFT JOIN stock_reservation r ON r.tenant_id = s.tenant_id AND r.stock_item_id = s.id
GROUP BY s.tenant_id, s.id
"""
_SOLD: Final = """
SELECT l.sku, sum(l.quantity)::bigint FROM order_line l JOIN customer_order o ON o.tenant_id = l.tenant_id
WHERE o.id = l.order_id AND o.status = 'confirmed' GROUP BY l.sku
"""
_RETRIES: Final = "SELECT count(*) FROM event WHERE type = 'saga.step_put_off'"
_COMPENSATIONS: Final = "SELECT count(*) FROM event WHERE type = 'saga.compensation_began'"
_LATE_REPLIES: Final = "SELECT count(*) FROM late_reply"


class FulfilmentSlice(ClientsSlice[PayingClient]):
    """Slice of orders that pay. Its checks are about the orders of all slices: every one is fulfilled."""

    name = "fulfilment"
    client_class = PayingClient
    clients_count = CLIENTS
    pause_s = PAUSE_S

    def __init__(self) -> None:
        super().__init__()
        self._found: Counter[str] = Counter()

    def prepare(self, target: Target) -> None:
        """See Slice."""
        super().prepare(target)
        stock = dict.fromkeys(SCARCE, SCARCE_ON_HAND) | dict.fromkeys(PLENTIFUL, PLENTIFUL_ON_HAND)
        stock_up(target, random.Random(0), stock)

    def unsettled(self) -> int:
        """See Slice. Parked sagas are a difference, and those that wait for their customer have all the time."""
        ((count,),) = read(self._target, _UNFINISHED)
        return int(count)

    def differences(self) -> Sequence[str]:
        """See Slice."""
        orders = [OrderRow(*row) for row in read(self._target, _ORDERS)]
        own = [order for order in orders if order.customer_ref.startswith(CUSTOMER)]
        sagas = [SagaRow(*row) for row in read(self._target, _SAGAS)]
        payments = [PaymentRow(*row) for row in read(self._target, _PAYMENTS)]
        stock = [StockRow(*row) for row in read(self._target, _STOCK)]
        sold = dict(read(self._target, _SOLD))
        self._count(own)
        return [
            *self.client_faults(),
            *wrong_ends(all_orders(self._clients), own),
            *wrong_sagas(orders, sagas),
            *wrong_money(orders, payments, read_ledger(self._target)),
            *wrong_stock(stock, sold, all_received(self._clients)),
        ]

    def counts(self) -> Mapping[str, int]:
        """See Slice."""
        total = self.client_counts()
        total.update(self._found)
        return total

    def _count(self, own: Sequence[OrderRow]) -> None:
        self._found = Counter(f"paying orders {order.status.replace('_', ' ')} at the end" for order in own)
        for name, sql in (
            ("failed tries of sagas", _RETRIES),
            ("compensations", _COMPENSATIONS),
            ("late replies", _LATE_REPLIES),
        ):
            ((self._found[name],),) = read(self._target, sql)
