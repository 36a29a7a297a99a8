"""Load a batch that was taken in: decode what was kept, store it, say what became of it."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from application.conflict_retry import retry_on_conflict
from application.delivery.consumer import Undeliverable, reaction_context
from application.ports.clock import BackOff, Clock
from application.ports.event_store import RecordedEvent
from application.ports.outbox import Message
from application.ports.reading_decoder import (
    BatchTooLarge,
    Form,
    MalformedBatch,
    Precision,
    ReadingDecoder,
)
from application.ports.readings import Decoded
from application.ports.unit_of_work import CommandContext, OpenUnitOfWork, UnitOfWork
from application.telemetry.ingest_readings import Along, IngestReadings, IngestReadingsHandler
from domain.errors import DomainError
from domain.telemetry.batch import BatchRefused, BatchResult, Mode, RowFault
from domain.telemetry.intake import IntakeEnded
from domain.telemetry.reading import microseconds

TRIES_MAX: Final = 5
TRY_AGAIN_AFTER: Final = tuple(
    timedelta(seconds=seconds) for seconds in (1, 5, 15, 60, 120, 300, 600, 1_200, 1_800, 3_600)
)
"""Two hours in all: what stands in the way is the database, overload, or a fault of ours."""
FOR_GOOD: Final = (MalformedBatch, BatchTooLarge, BatchRefused)
"""Refusals of the batch itself: no further try would come to another end."""

_log: Final = logging.getLogger("holdwater.readings")


@dataclass(frozen=True, slots=True, eq=False)
class _Refused:
    intake_id: UUID
    refusal: DomainError

    @property
    def faults(self) -> tuple[RowFault, ...]:
        """The bad rows that it names."""
        return self.refusal.faults if isinstance(self.refusal, BatchRefused) else ()


@dataclass(frozen=True)
class LoadIntake:
    """Consumer of IntakeReceived.

    The intake ends in the transaction that stores its readings, so the result is recorded once, however often the
    message comes, and by however many workers at a time (W2). The message is settled afterwards.
    """

    decoder: ReadingDecoder
    ingest: IngestReadingsHandler
    open_unit_of_work: OpenUnitOfWork
    now: Clock
    back_off: BackOff
    retry_delays: Sequence[timedelta] = TRY_AGAIN_AFTER

    def act(self, message: Message, event: RecordedEvent) -> None:
        """See Consumer. Raises Undeliverable, Overloaded, TransactionConflict, StoreUnavailable."""
        context, intake_id = reaction_context(message, event), event.stream_id
        try:
            self._load(intake_id, context)
        except IntakeEnded as ended:
            _log.info("%s", ended)

    def record(self, event: RecordedEvent, uow: UnitOfWork) -> None:
        """See Consumer. That the message is settled is all there is to record."""

    def _load(self, intake_id: UUID, context: CommandContext) -> None:
        try:
            decoded, mode = self._decoded(intake_id, context)
            command = IngestReadings(decoded=decoded, mode=mode, along=self._ending(intake_id))
            self.ingest.handle(command, context)
        except FOR_GOOD as refusal:
            self._refuse(_Refused(intake_id, refusal), context)

    def _decoded(self, intake_id: UUID, context: CommandContext) -> tuple[Decoded, Mode]:
        # Read and closed before anything is decoded, which takes a while.
        with self.open_unit_of_work(context) as uow:
            packed = uow.intakes.body(intake_id)
            intake = uow.intakes.get(intake_id)
            if not intake.is_waiting:
                raise IntakeEnded(id=str(intake_id), status=intake.status.value)
            if packed is None:
                raise Undeliverable(f"the body of the intake {intake_id} is lost; send the batch again")
        batch = intake.batch
        decoded = self.decoder.decode(
            zlib.decompress(packed),
            Form(batch.form),
            now_us=microseconds(intake.created_at),
            precision=Precision(batch.precision),
            device=batch.device,
            metric=batch.metric,
        )
        return decoded, batch.mode

    def _ending(self, intake_id: UUID) -> Along:
        def end(uow: UnitOfWork, result: BatchResult) -> None:
            intake = uow.intakes.get(intake_id)
            intake.load(result, at=self.now())
            uow.intakes.save(intake)
            uow.intakes.drop_body(intake_id)

        return end

    @retry_on_conflict(tries_max=TRIES_MAX)
    def _refuse(self, refused: _Refused, context: CommandContext) -> None:
        error = refused.refusal
        with self.open_unit_of_work(context) as uow:
            intake = uow.intakes.get(refused.intake_id)
            intake.refuse(error.code, str(error), faults=refused.faults, at=self.now())
            uow.intakes.save(intake)
            uow.intakes.drop_body(refused.intake_id)
