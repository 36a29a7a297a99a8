"""One business transaction: what it loads, what it writes, and the request that it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self, TypeVar
from uuid import UUID

from application.ports.event_store import EventStore
from application.ports.intakes import IntakeRepository
from application.ports.outbox import Inbox
from application.ports.readings import ReadingWriter, RejectWriter
from application.ports.repositories import (
    DeviceRepository,
    OrderRepository,
    PaymentRepository,
    ProductRepository,
    StockItemRepository,
)
from application.ports.sagas import SagaRepository
from domain.errors import DomainError
from domain.idempotency import Done, Refused, RequestKey

Result = TypeVar("Result")


class TransactionConflict(DomainError):
    """The database could not order this transaction among others (deadlock, lock wait, time limit); try again."""


class StoreUnavailable(DomainError):
    """The database cannot be reached; try again in {retry_after_s} s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    """Everything about a call but its content: for whom, by whom, on account of what, and under which key."""

    tenant_id: UUID
    actor: str
    """The token's owner; with the tenant, the scope of idempotency keys."""
    correlation_id: str
    """The id of the request that began it all; borne by every event, message and log line that follows."""
    causation_id: str
    """The id of the request or event that led to this call directly."""
    traceparent: str | None = None
    """W3C Trace Context, as it came in."""
    request_key: RequestKey | None = None


class Cause(NamedTuple):
    """On account of what something happens; see CommandContext."""

    correlation_id: str
    causation_id: str


class UnitOfWork(Protocol):
    """A context manager for one transaction of one tenant, never shared between threads, never used twice.

    Leaving it cleanly writes what was saved and commits; leaving it by an exception writes nothing. State rows,
    their events, the idempotency record and a message for each event and subscriber commit together or not at all
    (E1, H9, O1). After a
    rollback each aggregate that was loaded or saved is spent: saving it again raises AggregateSpent (L6).
    Raises StoreUnavailable, TransactionConflict from any method that reaches the database.
    """

    @property
    def orders(self) -> OrderRepository: ...
    @property
    def products(self) -> ProductRepository: ...
    @property
    def stock_items(self) -> StockItemRepository: ...
    @property
    def payments(self) -> PaymentRepository: ...
    @property
    def devices(self) -> DeviceRepository: ...
    @property
    def intakes(self) -> IntakeRepository: ...
    @property
    def sagas(self) -> SagaRepository: ...
    @property
    def events(self) -> EventStore: ...
    @property
    def inbox(self) -> Inbox: ...
    @property
    def readings(self) -> ReadingWriter: ...
    @property
    def rejects(self) -> RejectWriter: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def once(self, request: RequestKey, result_type: type[Result]) -> Done[Result] | Refused | None:
        """Claim the request's key for this transaction, or give the outcome that is stored under it.

        To be called first. None: the key is claimed, and `settle` must follow. Otherwise nothing may be written.
        Keys belong to (tenant, actor). A key past its expiry is new, but for one whose transaction started a saga that
        has not ended (H11). A claim ends with the transaction, however
        that ends; an attempt that outlives its lease can't commit (H10).
        Raises RequestInProgress at once, without waiting, while another transaction holds the key (H4);
        KeyReused if the stored request has another fingerprint (H3).
        """
        ...

    def settle(self, outcome: Done[Any] | Refused) -> None:
        """Keep the outcome under the key that `once` claimed; it commits with everything else (H9)."""
        ...

    def on_account_of(self, cause: Cause) -> None:
        """What is saved from now on has this cause instead of the context's; what was saved before keeps its own."""
        ...

    def flush(self) -> None:
        """Write what was saved so far, in (kind, id) order, with its events, without committing.

        Raises StaleObjectError if an aggregate is not at its stored version any more; SkuTaken, ReferenceTaken,
        DeviceNameTaken if a unique value is in use. After any of these only `discard_writes` or leaving by the
        exception may follow.
        """
        ...

    def commit(self, outcome: Done[Any] | Refused) -> None:
        """`flush`, `settle` and the commit in one step, and the last one: leaving does nothing more.

        Raises what `flush` raises; nothing is committed then, and what may follow is the same.
        """
        ...

    def discard_writes(self) -> None:
        """Undo every save and append of this transaction, but keep the claimed key; what was saved is spent."""
        ...


OpenUnitOfWork = Callable[[CommandContext], UnitOfWork]
