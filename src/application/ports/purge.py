"""Removing for good what is no longer to be kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

from domain.orders.order import Order


@dataclass(frozen=True, slots=True)
class DeletedOrder:
    """A deleted order and whose it is."""

    tenant_id: UUID
    order: Order


class PurgeUnitOfWork(Protocol):
    """A context manager for one transaction over all tenants, in a role that sees deleted rows alone (D7).

    Leaving it cleanly commits, leaving it by an exception changes nothing. Raises StoreUnavailable,
    TransactionConflict from any method that reaches the database.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def deleted_orders(self, deleted_before: datetime, limit: int) -> Sequence[DeletedOrder]:
        """Up to `limit` orders that were deleted then or earlier and are not purged, oldest deletion first.

        Left out are those that a reservation, an unsettled message or a saga that has not ended refers to, and those
        that another transaction works on, be it on the order or its saga; the others are locked to the end, and their
        sagas with them, so that none wakes up before.
        """
        ...

    def replace(self, deleted: DeletedOrder) -> None:
        """Store the purged order, and redact its lines and stored events in place by `Event.personal`.

        So are the events of its payments and of its saga; their rows are then what the redacted events make of them,
        at the same version. Of late replies to the saga no text is left. Raises StaleObjectError.
        """
        ...

    def drop_expired_keys(self, limit: int) -> int:
        """Remove up to `limit` request keys that have expired, as `UnitOfWork.once` says; how many (H11)."""
        ...

    def drop_settled_messages(self, limit: int) -> int:
        """Remove up to `limit` messages that were settled longer than SETTLED_KEPT_FOR ago; how many."""
        ...

    def drop_old_rejects(self, limit: int) -> int:
        """Remove up to `limit` rejects that are older than REJECTS_KEPT_FOR, oldest first; how many."""
        ...


OpenPurge = Callable[[], PurgeUnitOfWork]
