"""Repair a saga that got stuck: an operator decides, under their name and with a reason (S12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.conflict_retry import retry_on_conflict
from application.ports.clock import BackOff, Clock
from application.ports.saga_views import SagaView
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.run_once import run_once
from application.sagas.steps import SagaSteps
from domain.aggregate import ExpectedVersion
from domain.errors import InvalidInput
from domain.saga.saga import Saga


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySagaStep:
    """Try a parked step again at once; `expected_version` None: whatever version stands."""

    saga_id: UUID
    expected_version: ExpectedVersion
    step: str
    operator: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipSagaStep:
    """Take a parked step as carried out, or as undone, since somebody saw to it by hand."""

    saga_id: UUID
    expected_version: ExpectedVersion
    step: str
    operator: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompensateSaga:
    """Undo what was done. Who asked is the actor of the call."""

    saga_id: UUID
    expected_version: ExpectedVersion
    reason: str


@dataclass(frozen=True)
class RepairSagaHandler:
    """Changes the saga under its lock, with all that follows, in one transaction; it is due at once then.

    A worker that is calling out for the saga meanwhile goes on: its reply is taken in over the repaired state, or kept
    as a late one (S9).
    """

    steps: Mapping[str, SagaSteps]
    """By the definition's name."""
    open_unit_of_work: OpenUnitOfWork
    now: Clock
    back_off: BackOff

    @retry_on_conflict(tries_max=3)
    @run_once(SagaView)
    def handle(self, command: RetrySagaStep | SkipSagaStep | CompensateSaga, uow: UnitOfWork) -> SagaView:
        """Raises NotFound, StaleObjectError, InvalidInput, StepNotParked, StepNotSkippable, PastThePivot, SagaEnded."""
        saga = uow.sagas.get(command.saga_id)
        saga.require_version(command.expected_version)
        _repair(saga, command, self.now())
        self.steps[saga.definition.name].follow(saga.pending_events, saga, uow)
        uow.sagas.save(saga)
        return SagaView.of(saga)


def _repair(saga: Saga, command: RetrySagaStep | SkipSagaStep | CompensateSaga, at: datetime) -> None:
    if isinstance(command, CompensateSaga):
        saga.cancel(reason=command.reason, at=at)
        return
    names = [step.name for step in saga.steps]
    if command.step not in names:
        raise InvalidInput(field="step", problem=f"is none of this saga; it has {', '.join(names)}")
    repair = saga.retry if isinstance(command, RetrySagaStep) else saga.skip
    repair(command.step, operator=command.operator, reason=command.reason, at=at)
