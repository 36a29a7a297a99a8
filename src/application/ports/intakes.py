"""Batches that wait to be loaded: where they are kept, and how callers see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from domain.telemetry.batch import BatchResult
from domain.telemetry.intake import Intake, IntakeRefusal

LOAD_INTAKE: Final = "load_intake"
"""The consumer that loads what was received."""


class Waiting(NamedTuple):
    """What a tenant has waiting."""

    intakes: int
    size_bytes: int
    """As they were sent."""


class IntakeRepository(Protocol):
    """Intakes of the unit of work's tenant, and their bodies.

    A body is kept and dropped at once, within the transaction. `UnitOfWork.discard_writes` does not undo that, so
    both are to be called when nothing can be refused any more.
    """

    def get(self, intake_id: UUID) -> Intake:
        """Raises NotFound."""
        ...

    def save(self, intake: Intake) -> None:
        """Enlist the intake to be written. Raises AggregateSpent."""
        ...

    def keep_body(self, intake_id: UUID, body: bytes) -> None:
        """Keep what the intake is to be loaded from; the intake is saved in the same transaction."""
        ...

    def body(self, intake_id: UUID) -> bytes | None:
        """What was kept, whole; None if it was dropped.

        To be asked for before the intake: one that is read afterwards, and waits, should have one.
        """
        ...

    def drop_body(self, intake_id: UUID) -> None:
        """Keep it no longer; nothing happens if there is none."""
        ...

    def waiting(self) -> Waiting:
        """The tenant's intakes that wait, as they are committed; with those that this transaction has written."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeView:
    """A batch on its way in, as callers see it."""

    id: UUID
    version: int
    status: str
    """`waiting`, `loaded` or `refused`."""
    form: str
    mode: str
    size_bytes: int
    received_at: datetime
    ended_at: datetime | None
    result: BatchResult | None
    """Of one that is loaded."""
    refusal: IntakeRefusal | None
    """Of one that is refused: nothing of it is stored."""

    @classmethod
    def of(cls, intake: Intake) -> IntakeView:
        """The view of the aggregate as it stands."""
        return cls(
            id=intake.id,
            version=intake.version,
            status=intake.status.value,
            form=intake.batch.form,
            mode=intake.batch.mode.value,
            size_bytes=intake.size_bytes,
            received_at=intake.created_at,
            ended_at=None if intake.is_waiting else intake.updated_at,
            result=intake.result,
            refusal=intake.refusal,
        )
