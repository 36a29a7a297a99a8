"""Sagas in and out of the store, the right to advance one, and replies that nobody waited for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from domain.errors import Conflict
from domain.saga.saga import Saga

SAGA_LEASE_S: Final = 60
"""How long a claimed saga belongs to its worker after each step; longer than any one call to the outside takes."""
REPLY_LENGTH_MAX: Final = 2_000
SAGA_WAKE: Final = "saga"
"""The consumer of a wake that tells of a due saga; its key is the saga's id."""


class SagaClaimLost(Conflict):
    """The saga {id} was claimed by another worker meanwhile; nothing of this step is kept."""

    final = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaClaim:
    """The right to advance a saga. `fence` rises with each claim; who bears an older one has lost it (S8)."""

    tenant_id: UUID
    saga_id: UUID
    fence: int


class SagaRepository(Protocol):
    """Sagas of the unit of work's tenant; each is locked until the transaction ends, so whoever comes waits."""

    def claim(self, saga_ids: Collection[UUID]) -> Sequence[tuple[Saga, SagaClaim]]:
        """Those of them that are due and free, with the right to advance each for SAGA_LEASE_S from the commit on.

        Left out: what isn't due, is held by another or just being claimed, or doesn't exist. Nobody is waited for.
        Raises LookupError.
        """
        ...

    def overdue(self, since: datetime, limit: int) -> Sequence[UUID]:
        """Up to `limit` that have been due since then or longer, and are free; none is locked by it."""
        ...

    def expect(self, claims: Collection[SagaClaim]) -> None:
        """Say which claims `get_held` will be asked for, so that they may be read together, all locked; a hint."""
        ...

    def get(self, saga_id: UUID) -> Saga:
        """Whoever holds it. Raises NotFound, LookupError; TransactionConflict when the turn does not come."""
        ...

    def get_held(self, claim: SagaClaim) -> Saga:
        """The saga of a claim that still holds. Raises SagaClaimLost, LookupError, TransactionConflict."""
        ...

    def of_subject(self, subject_id: UUID) -> Saga | None:
        """The saga that holds, or held, this subject; a subject has one at most (S8). Raises as `get`."""
        ...

    def save(self, saga: Saga) -> None:
        """Enlist the saga to be written; once it rests it is nobody's, whoever held it. Raises AggregateSpent."""
        ...

    def save_held(self, saga: Saga, claim: SagaClaim, *, goes_on: bool) -> None:
        """The same, by its worker: who goes on holds it for SAGA_LEASE_S more, who doesn't gives the claim back."""
        ...


class SagaDirectory(Protocol):
    """Whose saga is whose. Raises StoreUnavailable."""

    def tenant_of(self, saga_id: UUID) -> UUID | None:
        """The tenant that the saga belongs to; None if there is no such saga."""
        ...


class DueSagas(Protocol):
    """The sagas of all tenants, as the relay sees them. Raises StoreUnavailable."""

    def due(self, limit: int) -> Sequence[tuple[UUID, UUID]]:
        """Up to `limit` (tenant, saga) that are due and free and were not told of lately; longest due first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LateReply:
    """What a gateway has said that changed nothing, or that nobody could be found for (S9)."""

    id: UUID
    saga_id: UUID | None
    """None: the key names no saga that is known."""
    key: str
    reply: str
    received_at: datetime


class LateReplies(Protocol):
    """Kept for ever and shown, but for the text, which a purge takes; each is written in a transaction of its own."""

    def keep(self, tenant_id: UUID, reply: LateReply) -> None:
        """Once, however often it is kept: by its id."""
        ...

    def list(
        self, tenant_id: UUID, *, saga_id: UUID | None, after: UUID | None, limit: int
    ) -> Sequence[LateReply]:
        """Of one saga, or of all; by id."""
        ...
