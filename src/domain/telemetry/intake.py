"""The intake: a batch of readings that is kept as it was sent, and loaded later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.aggregate import Aggregate
from domain.errors import Conflict, DomainError
from domain.event import Event
from domain.telemetry.batch import DETAIL_LENGTH_MAX, BatchResult, Mode, RowFault
from domain.telemetry.intake_events import IntakeLoaded, IntakeReceived, IntakeRefused

INTAKES_WAITING_MAX: Final = 1_000
"""Of one tenant (W6). Batches that are received at the same moment don't see each other, so a few more may wait."""
INTAKE_BYTES_WAITING_MAX: Final = 512 * 1024 * 1024
"""Of one tenant, as they were sent; see above."""
COME_AGAIN_AFTER_S: Final = 5
"""When a batch that found no room may be sent again."""


class IntakeEnded(Conflict):
    """The intake {id} has ended already: it is {status}."""

    final = False


class TooManyIntakes(DomainError):
    """{waiting} batches of {waiting_bytes} bytes wait to be loaded; send this one again in {retry_after_s} s."""


class IntakeStatus(StrEnum):
    """Where an intake stands; the last two are its ends."""

    WAITING = "waiting"
    LOADED = "loaded"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentBatch:
    """How to read the bytes of a batch, and what becomes of it; when it came is the time of lines without one."""

    form: str
    """The name of the wire form."""
    precision: str
    """The unit of a line's time."""
    device: str | None
    """That of readings that name none."""
    metric: str | None
    mode: Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeRefusal:
    """Why nothing of a batch is stored."""

    code: str
    detail: str
    faults: tuple[RowFault, ...]
    """The first of the bad rows, if rows are what is wrong."""


class Intake(Aggregate):
    """A batch on its way in: it waits until it is loaded, or refused, once."""

    kind = "intake"

    status: IntakeStatus
    batch: SentBatch
    size_bytes: int
    result: BatchResult | None
    refusal: IntakeRefusal | None
    created_at: datetime

    @classmethod
    def receive(cls, *, id: UUID, batch: SentBatch, size_bytes: int, at: datetime) -> Intake:
        """Take a batch of so many bytes in; nobody has read it yet."""
        intake = cls(id)
        intake._record(
            IntakeReceived(
                occurred_at=at,
                form=batch.form,
                precision=batch.precision,
                device=batch.device,
                metric=batch.metric,
                mode=batch.mode.value,
                size_bytes=size_bytes,
            )
        )
        return intake

    @property
    def is_waiting(self) -> bool:
        """Whether it is still to be loaded."""
        return self.status is IntakeStatus.WAITING

    def load(self, result: BatchResult, *, at: datetime) -> None:
        """Say what became of its readings. Raises IntakeEnded."""
        self._require_waiting()
        self._record(
            IntakeLoaded(
                occurred_at=at,
                accepted=result.accepted,
                duplicate=result.duplicate,
                conflict=result.conflict,
                rejected=result.rejected,
                faults=result.faults,
            )
        )

    def refuse(self, code: str, detail: str, *, faults: tuple[RowFault, ...] = (), at: datetime) -> None:
        """Say that it can never be loaded, and why. Raises IntakeEnded."""
        self._require_waiting()
        self._record(
            IntakeRefused(occurred_at=at, code=code, detail=detail[:DETAIL_LENGTH_MAX], faults=faults)
        )

    def _require_waiting(self) -> None:
        if not self.is_waiting:
            raise IntakeEnded(id=str(self.id), status=self.status.value)

    def _apply(self, event: Event) -> None:
        match event:
            case IntakeReceived():
                self.batch = SentBatch(
                    form=event.form,
                    precision=event.precision,
                    device=event.device,
                    metric=event.metric,
                    mode=Mode(event.mode),
                )
                self.status, self.size_bytes = IntakeStatus.WAITING, event.size_bytes
                self.result = self.refusal = None
                self.created_at = event.occurred_at
            case IntakeLoaded():
                self.status = IntakeStatus.LOADED
                self.result = BatchResult(
                    accepted=event.accepted,
                    duplicate=event.duplicate,
                    conflict=event.conflict,
                    rejected=event.rejected,
                    faults=event.faults,
                )
            case IntakeRefused():
                self.status = IntakeStatus.REFUSED
                self.refusal = IntakeRefusal(code=event.code, detail=event.detail, faults=event.faults)
            case _:
                super()._apply(event)


def require_room(waiting: int, waiting_bytes: int, size_bytes: int) -> None:
    """Raise TooManyIntakes if a tenant with so much waiting may not send a batch of `size_bytes` (W6)."""
    if waiting >= INTAKES_WAITING_MAX or waiting_bytes + size_bytes > INTAKE_BYTES_WAITING_MAX:
        raise TooManyIntakes(waiting=waiting, waiting_bytes=waiting_bytes, retry_after_s=COME_AGAIN_AFTER_S)
