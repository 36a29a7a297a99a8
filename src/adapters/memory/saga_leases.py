"""Who holds which saga in memory, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from application.ports.outbox import WAKE_AGAIN_AFTER_S
from application.ports.sagas import SagaClaim

_WAKE_AGAIN = timedelta(seconds=WAKE_AGAIN_AFTER_S)


@dataclass(frozen=True, slots=True)
class SagaLease:
    """`until` None: nobody holds it."""

    fence: int = 0
    until: datetime | None = None
    wake_at: datetime | None = None


class SagaLeases:
    """By saga. Each method is one step; the saga's row is locked by whoever claims it or commits a change."""

    def __init__(self) -> None:
        self._leases: dict[UUID, SagaLease] = {}

    def next_fence(self, saga_id: UUID, *, at: datetime) -> int | None:
        """Of the next claim, or None while it is held."""
        lease = self._leases.get(saga_id, SagaLease())
        is_free = lease.until is None or lease.until <= at
        return lease.fence + 1 if is_free else None

    def is_held(self, claim: SagaClaim) -> bool:
        """Whether the claim is the latest; it may have run out, as long as nobody has taken the saga since."""
        lease = self._leases.get(claim.saga_id, SagaLease())
        return lease.fence == claim.fence and lease.until is not None

    def given_back(self, saga_id: UUID) -> SagaLease:
        """What it is once nobody holds the saga."""
        return SagaLease(self._leases.get(saga_id, SagaLease()).fence)

    def wake(self, saga_id: UUID, *, at: datetime) -> bool:
        """Whether it is free and was not woken lately; it counts as woken then."""
        lease = self._leases.get(saga_id, SagaLease())
        is_free = (lease.until is None or lease.until <= at) and (
            lease.wake_at is None or lease.wake_at <= at
        )
        if is_free:
            self._leases[saga_id] = SagaLease(lease.fence, lease.until, at + _WAKE_AGAIN)
        return is_free

    def replace(self, leases: dict[UUID, SagaLease]) -> None:
        """With a commit."""
        self._leases.update(leases)
