"""Take a batch of readings in: screen it, find its series, make room for it, store it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from application.conflict_retry import retry_on_conflict
from application.ports.clock import BackOff, Clock
from application.ports.readings import ColumnOperations, Decoded, PartitionKeeper, ReadingColumns
from application.ports.unit_of_work import CommandContext, OpenUnitOfWork, UnitOfWork
from application.run_once import Answer, run_once
from application.telemetry.resolve_series import ResolveSeries
from domain.telemetry.batch import (
    REJECTS_MAX,
    BatchRefused,
    BatchResult,
    Mode,
    Reject,
    TooManyRejects,
    named,
)
from domain.telemetry.reading import ReadingRules, RejectReason
from domain.telemetry.retention import RawRetention

TRIES_MAX: Final = 5

Along = Callable[[UnitOfWork, BatchResult], None]
"""What commits together with a batch."""


def nothing_along(uow: UnitOfWork, result: BatchResult) -> None:
    """The batch alone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IngestReadings:
    """What a body was decoded to; `mode` says what becomes of a batch with bad rows (W3)."""

    decoded: Decoded
    mode: Mode
    along: Along = nothing_along


@dataclass(frozen=True, slots=True, eq=False)
class _Admitted:
    """Rows that may be stored, the id of each series, and what may not be stored."""

    columns: ReadingColumns
    series_ids: tuple[int, ...]
    rejects: tuple[Reject, ...]
    along: Along

    @property
    def total(self) -> int:
        return len(self.columns) + len(self.rejects)


@dataclass(frozen=True)
class IngestReadingsHandler:
    """Series and partitions are made in transactions of their own, before the one that stores.

    Whatever that leaves behind when the batch is refused afterwards is empty: a series without readings, a month
    without rows.
    """

    operations: ColumnOperations
    series: ResolveSeries
    partitions: PartitionKeeper
    open_unit_of_work: OpenUnitOfWork
    now: Clock
    back_off: BackOff
    retention: RawRetention

    @retry_on_conflict(tries_max=TRIES_MAX)
    def handle(self, command: IngestReadings, context: CommandContext) -> Answer[BatchResult]:
        """Store the batch, once per request key; each reading once however often it comes (W1, W2).

        Raises BatchRefused if the mode is strict and a row is bad, TooManyRejects if more than REJECTS_MAX are in any
        mode: nothing of it is stored then.
        """
        admitted = self._admit(command, context)
        if admitted.rejects and command.mode is Mode.STRICT:
            raise BatchRefused.because_of(admitted.rejects, rows=admitted.total)
        if len(admitted.rejects) > REJECTS_MAX:
            raise TooManyRejects.because_of(admitted.rejects, rows=admitted.total)
        return self._store(admitted, context)

    def _admit(self, command: IngestReadings, context: CommandContext) -> _Admitted:
        now = self.now()
        rules = ReadingRules.at(now, horizon=self.retention.horizon(now))
        columns, rejects = command.decoded
        screened = self.operations.screen(columns, rules)
        rejects += screened.rejects
        if command.mode is Mode.STRICT and rejects:
            # Before anything is made for it: neither devices nor months come from a batch that is refused.
            raise BatchRefused.because_of(rejects, rows=command.decoded.total)
        columns = self.operations.named(screened.columns)
        resolved = self.series.resolve(columns.keys, context)
        known = self.operations.without(columns, resolved.refused)
        in_months = self.operations.without_months(known.columns, self._without_room(known.columns))
        rejects += known.rejects + in_months.rejects
        return _Admitted(in_months.columns, tuple(resolved.series_ids), rejects, command.along)

    def _without_room(self, columns: ReadingColumns) -> Mapping[int, tuple[RejectReason, str]]:
        missing = self.partitions.ensure(tuple(self.operations.months(columns)))
        return {month: (RejectReason.NO_PARTITION, problem) for month, problem in missing.items()}

    @run_once(BatchResult)
    def _store(self, admitted: _Admitted, uow: UnitOfWork) -> BatchResult:
        written = uow.readings.write(admitted.columns, admitted.series_ids)
        result = BatchResult(
            accepted=written.accepted,
            duplicate=written.duplicate,
            conflict=len(written.conflicts),
            rejected=len(admitted.rejects),
            faults=named(admitted.rejects),
        )
        uow.rejects.keep((*admitted.rejects, *written.conflicts))
        admitted.along(uow, result)
        return result
