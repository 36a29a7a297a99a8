"""Advance a saga as far as it goes now: call outside, and commit what came of it with everything that follows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from application.ports.clock import Clock, NewId
from application.ports.sagas import (
    REPLY_LENGTH_MAX,
    LateReplies,
    LateReply,
    SagaClaim,
    SagaClaimLost,
    SagaClaims,
)
from application.ports.unit_of_work import CommandContext, OpenUnitOfWork, TransactionConflict, UnitOfWork
from application.sagas.late import hear_late
from application.sagas.steps import SagaSteps
from domain.errors import StaleObjectError
from domain.saga.outcome import NothingFound, Outcome, StepUnclear
from domain.saga.progress import Action, Direction, Directive, call_key
from domain.saga.saga import Saga

CALLS_PER_CLAIM_MAX: Final = 50
"""A saga with more to do than this gives way to others."""
LOCAL_STEPS_MAX: Final = 50
"""In one transaction."""
RECORD_TRIES_MAX: Final = 10
"""A reply whose saga was changed meanwhile, by a cancellation say, is taken in again over the new state."""
ACTOR: Final = "saga"

_log: Final = logging.getLogger("holdwater.saga")


@dataclass(frozen=True, slots=True)
class Due:
    """A call that is to be made, with what it needs."""

    directive: Directive
    key: str
    steps: SagaSteps
    prepared: object


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of it."""

    due: Due
    outcome: Outcome


@dataclass(frozen=True)
class AdvanceSagaHandler:
    """Claim, call, commit, and again, until the saga waits, rests or ends (S8).

    A worker that dies leaves its claim to run out; the next one makes the same call under the same key. One that was
    frozen past its lease finds its claim lost: what it heard is kept as a late reply and changes nothing else (S9).
    """

    claims: SagaClaims
    late_replies: LateReplies
    steps: Mapping[str, SagaSteps]
    """By the definition's name."""
    open_unit_of_work: OpenUnitOfWork
    now: Clock
    new_id: NewId
    jitter: Callable[[], float]

    def handle(self, tenant_id: UUID, saga_id: UUID) -> int:
        """How many calls were made. Raises StoreUnavailable; the claim that was held then runs out."""
        claim = self.claims.claim(tenant_id, saga_id)
        if claim is None:
            return 0
        due, calls = self.go_on(claim, None), 0
        while due is not None:
            heard = Heard(due, _call(due))
            calls += 1
            due = self.go_on(claim, heard, may_call=calls < CALLS_PER_CLAIM_MAX)
        return calls

    def go_on(self, claim: SagaClaim, heard: Heard | None, *, may_call: bool = True) -> Due | None:
        """Take in what was heard, do what can be done here, commit; the call that is due then, if one is."""
        is_late = True
        due: Due | None = None
        for _ in range(RECORD_TRIES_MAX):
            try:
                with self.open_unit_of_work(_context(claim)) as uow:
                    due, is_late = self._advance(claim, uow, heard, may_call=may_call)
                break
            except (StaleObjectError, TransactionConflict):
                continue
            except SagaClaimLost:
                break
        if heard is not None and is_late:
            self._hear_late(claim, heard)
        return due

    def _advance(
        self, claim: SagaClaim, uow: UnitOfWork, heard: Heard | None, *, may_call: bool
    ) -> tuple[Due | None, bool]:
        saga = uow.sagas.get_held(claim)
        steps = self.steps[saga.definition.name]
        is_late = heard is not None and not self._take_in(saga, heard.due.directive, heard.outcome)
        directive = self._run_local_steps(saga, steps, uow)
        due = None
        if directive is not None and may_call:
            due = Due(directive, _key_of(saga, directive), steps, steps.prepare(directive, saga, uow))
        uow.sagas.save_held(saga, claim, goes_on=due is not None)
        return due, is_late

    def _hear_late(self, claim: SagaClaim, heard: Heard) -> None:
        """Keep the reply. If it tells of an effect that was believed not to be there, the effect is undone (S9)."""
        directive, at = heard.due.directive, self.now()
        _log.warning("a reply to %s came too late: %s", heard.due.key, heard.outcome)
        self.late_replies.keep(
            claim.tenant_id,
            LateReply(
                id=self.new_id(),
                saga_id=claim.saga_id,
                key=heard.due.key,
                reply=f"{directive.action}: {heard.outcome}"[:REPLY_LENGTH_MAX],
                received_at=at,
            ),
        )
        if directive.action is Action.UNDO:
            return
        for _ in range(RECORD_TRIES_MAX):
            try:
                with self.open_unit_of_work(_context(claim)) as uow:
                    saga = uow.sagas.get(claim.saga_id)
                    hear_late(saga, self.steps, uow, directive.step, directive.attempt, heard.outcome, at=at)
                return
            except (StaleObjectError, TransactionConflict):
                continue

    def _take_in(self, saga: Saga, directive: Directive, outcome: Outcome) -> bool:
        at, jitter = self.now(), self.jitter()
        if directive.action is Action.ASK:
            return saga.hear_answer(directive.step, directive.attempt, outcome, at=at, jitter=jitter)
        direction = Direction.DO if directive.action is Action.DO else Direction.UNDO
        return saga.hear(directive.step, directive.attempt, direction, outcome, at=at, jitter=jitter)

    def _run_local_steps(self, saga: Saga, steps: SagaSteps, uow: UnitOfWork) -> Directive | None:
        """Everything that is due and needs no call; the call that is due then, if one is."""
        followed = 0
        for _ in range(LOCAL_STEPS_MAX):
            if len(saga.pending_events) > followed:
                steps.follow(saga.pending_events[followed:], saga, uow)
                followed = len(saga.pending_events)
            at = self.now()
            directive = saga.next(at)
            match directive.action:
                case Action.WAIT | Action.REST:
                    return None
                case Action.EXPIRE:
                    saga.expire(at=at)
                case Action.DO | Action.UNDO if saga.is_local(directive.step):
                    uow.flush()  # what was saved so far can be loaded again
                    self._take_in(saga, directive, steps.run(directive, saga, uow, at=at))
                case _:
                    return directive
        return None


def _context(claim: SagaClaim) -> CommandContext:
    return CommandContext(
        tenant_id=claim.tenant_id,
        actor=ACTOR,
        correlation_id=str(claim.saga_id),
        causation_id=str(claim.saga_id),
    )


def _key_of(saga: Saga, directive: Directive) -> str:
    """ASK asks for the key of the step forward."""
    direction = Direction.UNDO if directive.action is Action.UNDO else Direction.DO
    return call_key(saga.id, directive.step, directive.attempt, direction)


def _call(due: Due) -> Outcome:
    try:
        outcome = due.steps.call(due.directive, due.key, due.prepared)
    except Exception as error:  # noqa: BLE001 - whatever went wrong there, it may have had its effect
        _log.exception("calling %s failed", due.key)
        return StepUnclear(f"{type(error).__name__}: {error}")
    if isinstance(outcome, NothingFound) and due.directive.action is not Action.ASK:
        return StepUnclear("nothing was found")
    return outcome
