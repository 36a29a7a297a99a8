"""Take a batch of readings in as it was sent, to be loaded later."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

from application.conflict_retry import retry_on_conflict
from application.ports.clock import BackOff, Clock, NewId
from application.ports.intakes import IntakeView
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.run_once import run_once
from domain.telemetry.intake import Intake, SentBatch, require_room

TRIES_MAX: Final = 5
PACKING_LEVEL: Final = 1
"""The fastest of zlib's: a body is kept for seconds."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReceiveReadings:
    """Packed as the body is kept, which takes a while: before the transaction, and once for all tries."""

    batch: SentBatch
    packed: bytes
    size_bytes: int

    @classmethod
    def of(cls, batch: SentBatch, body: bytes) -> ReceiveReadings:
        """The command for a body as it was sent, but for any Content-Encoding."""
        return cls(batch=batch, packed=zlib.compress(body, PACKING_LEVEL), size_bytes=len(body))


@dataclass(frozen=True)
class ReceiveReadingsHandler:
    """Intake, body and the message that has it loaded commit together (W1)."""

    open_unit_of_work: OpenUnitOfWork
    now: Clock
    new_id: NewId
    back_off: BackOff

    @retry_on_conflict(tries_max=TRIES_MAX)
    @run_once(IntakeView)
    def handle(self, command: ReceiveReadings, uow: UnitOfWork) -> IntakeView:
        """Keep the batch, once per request key. Raises TooManyIntakes (W6)."""
        require_room(*uow.intakes.waiting(), command.size_bytes)
        intake = Intake.receive(
            id=self.new_id(), batch=command.batch, size_bytes=command.size_bytes, at=self.now()
        )
        uow.intakes.keep_body(intake.id, command.packed)
        uow.intakes.save(intake)
        return IntakeView.of(intake)
