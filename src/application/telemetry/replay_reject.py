"""Send a reading again that was not stored, as it was kept: its device may be known by now, its month have room."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.ports.reading_decoder import MalformedBatch, ReadingDecoder
from application.ports.reject_views import RejectViews
from application.ports.unit_of_work import CommandContext, UnitOfWork
from application.run_once import Answer
from application.telemetry.ingest_readings import IngestReadings, IngestReadingsHandler
from domain.telemetry.batch import BatchResult, Mode
from domain.telemetry.rejects import RejectUnreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReject:
    """Which one."""

    reject_id: UUID


@dataclass(frozen=True)
class ReplayRejectHandler:
    """A replay is a batch of its own, under the id and the key of the request that asks for it.

    What the reject kept is taken in like any body with mode=partial, and the reject is marked in the same transaction:
    of several replays at once, one counts. So a reading that is refused again, and a conflict, which the value that
    came first always wins, becomes a new reject under the new request's id, and the answer counts it; the old one says
    when it was replayed and is done with. A line is sent again whole: of its fields those that were stored are
    duplicates.
    """

    rejects: RejectViews
    decoder: ReadingDecoder
    ingest: IngestReadingsHandler

    def handle(self, command: ReplayReject, context: CommandContext) -> Answer[BatchResult]:
        """Raises NotFound, RejectUnreadable if `sent` was cut or never was a reading, RejectReplayed."""
        reject = self.rejects.get(context.tenant_id, command.reject_id)
        try:
            decoded = self.decoder.decode_sent(reject.sent)
        except MalformedBatch as error:
            raise RejectUnreadable(id=str(reject.id), problem=error.data["problem"]) from error

        def mark(uow: UnitOfWork, result: BatchResult) -> None:
            uow.rejects.mark_replayed(reject.id)

        # Whether it was replayed before is asked under the key alone: a retry gets the stored answer.
        return self.ingest.handle(IngestReadings(decoded=decoded, mode=Mode.PARTIAL, along=mark), context)
