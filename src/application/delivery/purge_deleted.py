"""Remove expired keys, handled messages, old rejects, and what orders that were deleted long ago say of persons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from application.ports.clock import Clock
from application.ports.purge import OpenPurge, PurgeUnitOfWork
from domain.retention import RetentionPolicy

ORDERS_PER_BATCH: Final = 100
KEYS_PER_BATCH: Final = 1_000
MESSAGES_PER_BATCH: Final = 1_000
REJECTS_PER_BATCH: Final = 5_000
BATCHES_MAX: Final = 1_000
"""Of each kind, in one run, unless told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeReport:
    """What one run has removed; `is_complete` is false if its bounds left something for the next."""

    orders: int
    keys: int
    messages: int
    rejects: int
    is_complete: bool


@dataclass(frozen=True)
class PurgeDeletedHandler:
    """Works in batches, each a transaction of its own, so that a run can be stopped and repeated at any time (D7).

    Several at once get different rows. Keys go first: no stored answer outlives the order that it tells of, since
    retention is never shorter than a key's life.
    """

    open_purge: OpenPurge
    now: Clock

    def handle(self, policy: RetentionPolicy, *, batches_max: int = BATCHES_MAX) -> PurgeReport:
        """One run of at most `batches_max` of each kind.

        Raises StoreUnavailable, TransactionConflict; the batches before are kept.
        """
        keys, keys_done = self._in_batches(
            lambda unit: unit.drop_expired_keys(KEYS_PER_BATCH), KEYS_PER_BATCH, batches_max
        )
        messages, messages_done = self._in_batches(
            lambda unit: unit.drop_settled_messages(MESSAGES_PER_BATCH), MESSAGES_PER_BATCH, batches_max
        )
        rejects, rejects_done = self._in_batches(
            lambda unit: unit.drop_old_rejects(REJECTS_PER_BATCH), REJECTS_PER_BATCH, batches_max
        )
        orders, orders_done = self._in_batches(
            lambda unit: self._purge_orders(unit, policy), ORDERS_PER_BATCH, batches_max
        )
        return PurgeReport(
            orders=orders,
            keys=keys,
            messages=messages,
            rejects=rejects,
            is_complete=keys_done and messages_done and rejects_done and orders_done,
        )

    def _in_batches(
        self, work: Callable[[PurgeUnitOfWork], int], size: int, batches_max: int
    ) -> tuple[int, bool]:
        total = 0
        for _ in range(batches_max):
            with self.open_purge() as unit:
                done = work(unit)
            total += done
            if done < size:
                return total, True
        return total, False

    def _purge_orders(self, unit: PurgeUnitOfWork, policy: RetentionPolicy) -> int:
        at = self.now()
        found = unit.deleted_orders(policy.deleted_before(at), ORDERS_PER_BATCH)
        for deleted in found:
            deleted.order.purge(policy, at=at)
            unit.replace(deleted)
        return len(found)
