"""The unit of work in memory: one transaction as database.py describes it."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

from adapters.memory.database import InMemoryDatabase
from adapters.memory.devices import InMemoryDeviceRepository
from adapters.memory.event_store import InMemoryEventStore
from adapters.memory.intakes import InMemoryIntakeRepository
from adapters.memory.outbox import InMemoryInbox
from adapters.memory.readings import InMemoryReadingWriter, InMemoryRejectWriter
from adapters.memory.repositories import (
    InMemoryOrderRepository,
    InMemoryProductRepository,
    InMemoryStockItemRepository,
)
from adapters.memory.saga_repositories import InMemoryPaymentRepository, InMemorySagaRepository
from adapters.memory.transaction import Transaction
from adapters.memory.write_list import WriteList
from adapters.row_mapping.json_codec import outcome_from_data, outcome_to_data
from application.ports.outbox import NOBODY_REACTS, Subscriptions
from application.ports.unit_of_work import Cause, CommandContext
from domain.idempotency import KEY_KEPT_FOR, Done, Refused, RequestKey

Result = TypeVar("Result")


class InMemoryUnitOfWork:
    """See the port; used once, as a context manager, by one thread."""

    def __init__(
        self,
        context: CommandContext,
        *,
        database: InMemoryDatabase,
        subscriptions: Subscriptions = NOBODY_REACTS,
        ring: Callable[[], None] = lambda: None,
    ) -> None:
        """`ring` is called when something has been committed that a worker is to take up: messages, a due saga."""
        self._context, self._database, self._subscriptions = context, database, subscriptions
        self._ring = ring
        self._entered = False

    def __enter__(self) -> Self:
        """Begin the transaction. Raises RuntimeError on a second use."""
        if self._entered:
            raise RuntimeError("a unit of work is used once; open a new one")
        self._entered = True
        self._committed = False
        self._transaction = Transaction(self._database, self._context, self._subscriptions)
        self._writes = WriteList(self._transaction)
        self._request: RequestKey | None = None
        self.orders = InMemoryOrderRepository(self._transaction, self._writes)
        self.products = InMemoryProductRepository(self._transaction, self._writes)
        self.stock_items = InMemoryStockItemRepository(self._transaction, self._writes)
        self.payments = InMemoryPaymentRepository(self._transaction, self._writes)
        self.devices = InMemoryDeviceRepository(self._transaction, self._writes)
        self.intakes = InMemoryIntakeRepository(self._transaction, self._writes)
        self.sagas = InMemorySagaRepository(self._transaction, self._writes)
        self.events = InMemoryEventStore(self._transaction, self._writes)
        self.inbox = InMemoryInbox(self._transaction)
        self.readings = InMemoryReadingWriter(self._transaction)
        self.rejects = InMemoryRejectWriter(self._transaction)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if exc_type is None and not self._committed:
                self._commit()
        finally:
            if not self._committed:
                self._writes.mark_spent()
                self._transaction.roll_back()

    def once(self, request: RequestKey, result_type: type[Result]) -> Done[Result] | Refused | None:
        """See the port."""
        name = (self._context.tenant_id, self._context.actor, request.key)
        stored = self._database.claim(self._transaction.changes, name)
        if stored is None:
            self._request = request
            return None
        request.require_same_request(stored["fingerprint"])
        return outcome_from_data(stored["outcome"], result_type)

    def settle(self, outcome: Done[Any] | Refused) -> None:
        """See the port. Raises RuntimeError if no key was claimed."""
        if self._request is None:
            raise RuntimeError("there is nothing to settle: `once` claimed no key")
        self._transaction.changes.outcome = {
            "fingerprint": self._request.fingerprint,
            "outcome": outcome_to_data(outcome),
            "expires_at": self._database.now() + KEY_KEPT_FOR,
        }

    def on_account_of(self, cause: Cause) -> None:
        """See the port."""
        self._writes.cause = cause

    def flush(self) -> None:
        """See the port."""
        self._writes.flush()

    def commit(self, outcome: Done[Any] | Refused) -> None:
        """See the port."""
        self.settle(outcome)
        self._commit()

    def discard_writes(self) -> None:
        """See the port."""
        self._writes.discard()

    def _commit(self) -> None:
        self._writes.flush()
        if self._request is not None and self._transaction.changes.outcome is None:
            raise RuntimeError("the claimed key was not settled; nothing is committed")
        self._transaction.commit()
        self._committed = True
        self._writes.mark_stored()
        if self._transaction.changes.has_work:
            self._ring()
