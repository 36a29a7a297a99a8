"""One business transaction on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from adapters.django_orm import idempotency
from adapters.django_orm.copy_writer import DjangoReadingWriter
from adapters.django_orm.devices import DjangoDeviceRepository
from adapters.django_orm.event_store import DjangoEventStore
from adapters.django_orm.intakes import DjangoIntakeRepository
from adapters.django_orm.outbox import DjangoInbox
from adapters.django_orm.pending_writes import PendingWrites
from adapters.django_orm.rejects import DjangoRejectWriter
from adapters.django_orm.repositories import (
    DjangoOrderRepository,
    DjangoProductRepository,
    DjangoStockItemRepository,
)
from adapters.django_orm.row_writes import Statement
from adapters.django_orm.saga_repositories import DjangoPaymentRepository, DjangoSagaRepository
from adapters.django_orm.tenant_session import TenantSession
from application.ports.outbox import NOBODY_REACTS, Subscriptions
from application.ports.unit_of_work import Cause, CommandContext
from domain.idempotency import Done, Refused, RequestKey

Result = TypeVar("Result")


class DjangoUnitOfWork:
    """UnitOfWork on the connection of the thread that enters it.

    A keyed command costs two messages to the server, and one for each thing that it reads: begin and claim; all
    writes with their events, outcome and commit. Ids of expected products come with the claim. The lease of the
    key is the server's `transaction_timeout` (H10).
    """

    orders: DjangoOrderRepository
    products: DjangoProductRepository
    stock_items: DjangoStockItemRepository
    payments: DjangoPaymentRepository
    devices: DjangoDeviceRepository
    intakes: DjangoIntakeRepository
    sagas: DjangoSagaRepository
    events: DjangoEventStore
    inbox: DjangoInbox
    readings: DjangoReadingWriter
    rejects: DjangoRejectWriter

    def __init__(
        self,
        context: CommandContext,
        *,
        subscriptions: Subscriptions = NOBODY_REACTS,
        ring: Callable[[], None] = lambda: None,
    ) -> None:
        """`ring` is called when something has been committed that a worker is to take up: messages, a due saga."""
        self._context = context
        self._subscriptions, self._ring = subscriptions, ring
        self._was_entered = False
        self._is_committed = False
        self._claimed: RequestKey | None = None
        self._outcome: Done[Any] | Refused | None = None

    def __enter__(self) -> Self:
        if self._was_entered:
            raise RuntimeError("a unit of work is used once; open another")
        self._was_entered = True
        tenant_id = self._context.tenant_id
        self._session = TenantSession(tenant_id)
        self._writes = PendingWrites(self._session, self._context, self._subscriptions)
        parts = (self._session, tenant_id, self._writes)
        self.orders = DjangoOrderRepository(*parts)
        self.products = DjangoProductRepository(*parts)
        self.stock_items = DjangoStockItemRepository(*parts)
        self.payments = DjangoPaymentRepository(*parts)
        self.devices = DjangoDeviceRepository(*parts)
        self.intakes = DjangoIntakeRepository(*parts)
        self.sagas = DjangoSagaRepository(*parts)
        self.events = DjangoEventStore(*parts)
        self.inbox = DjangoInbox(self._session)
        self.readings = DjangoReadingWriter(self._session, tenant_id)
        self.rejects = DjangoRejectWriter(self._session, self._context)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if exc_type is None and not self._is_committed:
                self._commit()
        finally:
            if not self._is_committed:
                self._writes.rolled_back()
                self._session.roll_back()

    def once(self, request: RequestKey, result_type: type[Result]) -> Done[Result] | Refused | None:
        """See the port."""
        stored, self.products.read_along = idempotency.claim(
            self._session, self._context, request, result_type, skus=self.products.expected
        )
        if stored is None:
            self._claimed = request
        return stored

    def settle(self, outcome: Done[Any] | Refused) -> None:
        """See the port. Sent with the commit."""
        if self._claimed is None:
            raise RuntimeError("no key is claimed; call `once` first")
        self._outcome = outcome

    def on_account_of(self, cause: Cause) -> None:
        """See the port."""
        self._writes.cause = cause

    def flush(self) -> None:
        """See the port."""
        self._writes.flush()

    def commit(self, outcome: Done[Any] | Refused) -> None:
        """See the port. One message."""
        self.settle(outcome)
        self._commit()

    def discard_writes(self) -> None:
        """See the port."""
        self._writes.discard()

    def _commit(self) -> None:
        self._writes.commit(self._settlement())
        self._is_committed = True
        if self._writes.has_work:
            self._ring()

    def _settlement(self) -> Sequence[Statement]:
        if self._claimed is None:
            return ()
        if self._outcome is None:
            raise RuntimeError("the key was claimed and has no outcome; call `settle` before leaving")
        saga_id = self._writes.started_saga_id
        return (idempotency.settlement(self._context, self._claimed, self._outcome, saga_id=saga_id),)
