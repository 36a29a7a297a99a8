"""What can happen to a batch that is taken in first and loaded later."""

from __future__ import annotations

from dataclasses import dataclass

from domain.event import Event, event
from domain.telemetry.batch import RowFault


@event("intake.received")
@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeReceived(Event):
    """The batch is kept as it was sent, with everything that reading it later takes. See SentBatch."""

    form: str
    precision: str
    device: str | None
    metric: str | None
    mode: str
    size_bytes: int


@event("intake.loaded")
@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeLoaded(Event):
    """Its readings are stored; what became of them is what BatchResult says."""

    accepted: int
    duplicate: int
    conflict: int
    rejected: int
    faults: tuple[RowFault, ...]


@event("intake.refused")
@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeRefused(Event):
    """Nothing of it is stored, for good: `code` names the refusal, as an answer would have."""

    code: str
    detail: str
    faults: tuple[RowFault, ...]
