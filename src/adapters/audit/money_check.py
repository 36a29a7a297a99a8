"""M1 for all orders. The ledger can't be part of the snapshot, so what differs is looked at again before it counts.

The ledger is read after the snapshot. Whatever of an order has not changed between that snapshot and a later one was
the same while the ledger was read in between: its differences are real. What has changed is compared anew, with a
ledger that is read after the later snapshot, and so on, a few times.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from adapters.audit.findings import Findings
from adapters.audit.ledger_spool import LedgerSpool, spooled
from adapters.audit.money_law import (
    Discord,
    OrderMoney,
    PaymentRow,
    SagaRow,
    charge_without_an_order,
    judge,
    judge_own_books,
)
from adapters.audit.snapshot import Row, Snapshot
from application.ports.audit import IN_FLIGHT_KEPT_MAX
from application.ports.payment_gateway import PaymentLedger

LOOKS_MAX: Final = 5
PAUSE_S: Final = 0.2
"""Before each further look: something is on its way, and may arrive."""
SUSPECTS_MAX: Final = 100_000
"""Orders that are looked at again; with more, the ledger is another one's, and the rest counts as it stands."""
IDS_A_QUERY: Final = 1_000

_decode = msgspec.json.Decoder().decode
# Sagas are about the order or about a refund of one of its payments.
_ORDERS: Final = """
SELECT o.tenant_id::text, o.id::text, o.status, o.total_minor, o.currency,
    coalesce((
        SELECT json_agg(json_build_array(
            p.id, p.gateway_id, p.amount_minor, p.currency, p.status, p.refunded_minor, p.version
        ) ORDER BY p.attempt)
        FROM payment p WHERE p.tenant_id = o.tenant_id AND p.order_id = o.id
    ), '[]')::text,
    coalesce((
        SELECT json_agg(json_build_array(s.id, s.status, s.version) ORDER BY s.id)
        FROM saga s WHERE s.tenant_id = o.tenant_id AND s.subject_id = ANY(
            ARRAY(
                SELECT (r ->> 'id')::uuid FROM payment p, jsonb_array_elements(
                    CASE WHEN p.refunds IS JSON ARRAY THEN p.refunds::jsonb ELSE '[]' END
                ) r
                WHERE p.tenant_id = o.tenant_id AND p.order_id = o.id AND pg_input_is_valid(r ->> 'id', 'uuid')
            ) || o.id
        )
    ), '[]')::text
FROM {source}
"""
_ALL: Final = _ORDERS.format(source="customer_order o")
_OF_TENANT: Final = _ORDERS.format(source="customer_order o WHERE o.tenant_id = %s")
_OF_IDS: Final = _ORDERS.format(
    source="tenant t JOIN customer_order o ON o.tenant_id = t.id AND o.id = ANY(%s::uuid[])"
)
_OF_OTHERS: Final = "SELECT id::text FROM customer_order WHERE tenant_id <> %s"
_PAYMENTS_WITHOUT_ORDER: Final = """
SELECT p.tenant_id::text, p.id::text, p.order_id::text FROM payment p
LEFT JOIN customer_order o ON o.tenant_id = p.tenant_id AND o.id = p.order_id
WHERE o.id IS NULL AND (%s::uuid IS NULL OR p.tenant_id = %s::uuid)
"""

OpenSnapshot = Callable[[], AbstractContextManager[Snapshot]]


class _Suspect(NamedTuple):
    """An order, or (None) the lack of one, that differed when it was looked at."""

    order: OrderMoney | None
    discords: Sequence[Discord]


@dataclass
class MoneyCheck:
    """`check` fills everything in; then `look_again` decides on what differed."""

    findings: Findings
    tenant_id: str | None
    checked: Counter[str] = field(default_factory=Counter)
    in_flight_count: int = 0
    ahead: list[str] = field(default_factory=list)
    ahead_count: int = 0
    undecided: list[str] = field(default_factory=list)
    _suspects: dict[str, _Suspect] = field(default_factory=dict)

    def check(self, snapshot: Snapshot, spool: LedgerSpool | None) -> None:
        """All orders of the snapshot; `spool`: a ledger that was read after it was taken."""
        params = () if self.tenant_id is None else (self.tenant_id,)
        for row in snapshot.rows(_ALL if self.tenant_id is None else _OF_TENANT, params):
            order = _order_of(row)
            self.checked["orders against their money"] += 1
            self.in_flight_count += order.is_in_flight
            for discord in judge_own_books(order):
                self._add(order.tenant_id, "order", order.id, discord)
            if spool is not None:
                is_ahead = self._judge(order, spool)
                self.ahead_count += is_ahead
                if is_ahead and len(self.ahead) < IN_FLIGHT_KEPT_MAX:
                    self.ahead.append(order.id)
        for tenant_id, payment_id, order_id in snapshot.rows(
            _PAYMENTS_WITHOUT_ORDER, (self.tenant_id, self.tenant_id)
        ):
            self._add(
                tenant_id, "payment", payment_id, Discord("order", order_id, "its row", "none", "the orders")
            )
        if spool is not None:
            self.checked["ledger entries"] = spool.count
            if self.tenant_id is not None:
                spool.know(order_id for (order_id,) in snapshot.rows(_OF_OTHERS, params))
            for order_id, entries in itertools.groupby(
                spool.of_unknown_orders(), lambda entry: entry.order_id
            ):
                self._suspect(order_id, None, [charge_without_an_order(entry) for entry in entries])

    def look_again(self, open_snapshot: OpenSnapshot, ledger: PaymentLedger) -> None:
        """Decide on what differed from the ledger, in snapshots of its own. Raises as the ledger does."""
        for look in range(LOOKS_MAX):
            if not self._suspects:
                break
            if look:
                time.sleep(PAUSE_S)
            with open_snapshot() as snapshot:
                changed = self._settle(dict(_orders_of(snapshot, list(self._suspects))))
                if changed:
                    self.undecided = sorted(changed)  # unless the ledger answers
                    with spooled(ledger, only=changed.keys(), stay_awake=snapshot.stay_awake) as spool:
                        for order in changed.values():
                            self._judge(order, spool)
        self.undecided = sorted(self._suspects)

    def _judge(self, order: OrderMoney, spool: LedgerSpool) -> bool:
        """Suspect it if it differs; whether the ledger is ahead of it."""
        verdict = judge(order, spool.entries(order.id))
        self._suspect(order.id, order, verdict.discords)
        return verdict.is_ahead

    def _suspect(self, order_id: str, order: OrderMoney | None, discords: Sequence[Discord]) -> None:
        suspect = _Suspect(order, discords)
        if len(self._suspects) >= SUSPECTS_MAX:
            self._count(order_id, suspect)
        elif discords:
            self._suspects[order_id] = suspect

    def _settle(self, now: dict[str, OrderMoney]) -> dict[str, OrderMoney]:
        """Count what stands as it stood, and forget all; what of ours has changed since."""
        changed = {}
        for order_id, suspect in self._suspects.items():
            order = now.get(order_id)
            if order == suspect.order or order is None:
                self._count(order_id, suspect)
            elif self.tenant_id in (None, order.tenant_id):
                changed[order_id] = order
        self._suspects = {}
        return changed

    def _count(self, order_id: str, suspect: _Suspect) -> None:
        tenant_id = None if suspect.order is None else suspect.order.tenant_id
        for discord in suspect.discords:
            self._add(tenant_id, "order", order_id, discord)

    def _add(self, tenant_id: str | None, kind: str, id: str, discord: Discord) -> None:
        self.findings.add(
            "M1",
            tenant_id,
            kind,
            id,
            discord.field,
            expected=discord.expected,
            by=discord.by,
            found=discord.found,
            at=discord.at,
        )


def _orders_of(snapshot: Snapshot, ids: Sequence[str]) -> Iterator[tuple[str, OrderMoney]]:
    """Whosever they are."""
    for start in range(0, len(ids), IDS_A_QUERY):
        for row in snapshot.all(_OF_IDS, (list(ids[start : start + IDS_A_QUERY]),)):
            order = _order_of(row)
            yield order.id, order


def _order_of(row: Row) -> OrderMoney:
    *own, payments, sagas = row
    return OrderMoney._make(
        (
            *own,
            tuple(PaymentRow(*payment) for payment in _decode(payments)),
            tuple(SagaRow(*saga) for saga in _decode(sagas)),
        )
    )
