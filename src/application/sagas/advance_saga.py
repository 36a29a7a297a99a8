"""Advance a saga as far as it goes now: call outside, and commit what came of it with everything that follows."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

from application.ports.clock import Clock, NewId
from application.ports.sagas import REPLY_LENGTH_MAX, LateReplies, LateReply, SagaClaim, SagaClaimLost
from application.ports.unit_of_work import (
    Cause,
    CommandContext,
    OpenUnitOfWork,
    StoreUnavailable,
    TransactionConflict,
    UnitOfWork,
)
from application.sagas.late import hear_late
from application.sagas.steps import SagaSteps
from domain.errors import StaleObjectError
from domain.saga.outcome import NothingFound, Outcome, StepUnclear
from domain.saga.progress import Action, Direction, Directive, call_key
from domain.saga.saga import Saga

CALLS_PER_CLAIM_MAX: Final = 50
"""A saga with more to do than this gives way to others."""
SAGAS_TOGETHER_MAX: Final = 32
"""In one transaction."""
OVERDUE_AFTER: Final = timedelta(milliseconds=100)
"""A saga that nobody has taken up for so long tells of more than there are threads for; others join it then."""
CALLS_TOGETHER_MAX: Final = timedelta(seconds=2)
"""So long calls are made before what was heard is committed; with the last one, much shorter than a lease."""
LOCAL_STEPS_MAX: Final = 50
"""Of one saga in one transaction."""
RECORD_TRIES_MAX: Final = 10
"""A reply whose saga was changed meanwhile, by a cancellation say, is taken in again over the new state."""
ACTOR: Final = "saga"

T = TypeVar("T")

_log: Final = logging.getLogger("holdwater.saga")


@dataclass(frozen=True, slots=True)
class Due:
    """A call that is to be made, by whom, and with what it needs."""

    claim: SagaClaim
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

    Several sagas of a tenant share transactions: what is heard of all is committed at once, each under its own claim
    and version. If that fails, each is written on its own.
    """

    late_replies: LateReplies
    steps: Mapping[str, SagaSteps]
    """By the definition's name."""
    open_unit_of_work: OpenUnitOfWork
    now: Clock
    new_id: NewId
    jitter: Callable[[], float]

    def handle(self, tenant_id: UUID, saga_id: UUID) -> int:
        """How many calls were made. Raises StoreUnavailable; the claim that was held then runs out.

        A saga that had to wait for its turn is advanced together with others of its tenant that wait too: the more
        there is to do, the more share a transaction; while there is little each goes its own way.
        """
        errors: list[Exception] = []
        try:
            due = self._claim_and_advance(tenant_id, [saga_id], with_overdue=True)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - it may be about one of the others
            _log.info("saga %s is advanced alone: %s", saga_id, error)
            due = self.begin(tenant_id, [saga_id], errors)
        calls = self._carry_on(due, errors)
        if errors:
            raise errors[0]
        return calls

    def handle_all(self, tenant_id: UUID, saga_ids: Sequence[UUID]) -> int:
        """The same for several, SAGAS_TOGETHER_MAX at a time. The first error is raised when all had their turn."""
        calls, errors = 0, list[Exception]()
        for begin in range(0, len(saga_ids), SAGAS_TOGETHER_MAX):
            due = self.begin(tenant_id, saga_ids[begin : begin + SAGAS_TOGETHER_MAX], errors)
            calls += self._carry_on(due, errors)
        if errors:
            raise errors[0]
        return calls

    def _carry_on(self, due: list[Due], errors: list[Exception]) -> int:
        """Make the calls, and those that follow from them; how many. `errors` as in `begin`."""
        calls = 0
        for number in range(1, CALLS_PER_CLAIM_MAX + 1):
            if not due:
                break
            heard, too_many = self._call_all(due)
            calls += len(heard)
            due = self.go_on(heard, too_many, errors, may_call=number < CALLS_PER_CLAIM_MAX)
        return calls

    def begin(
        self, tenant_id: UUID, saga_ids: Sequence[UUID], errors: list[Exception] | None = None
    ) -> list[Due]:
        """Claim those that are due and free, and do what can be done here; the calls that are due then.

        What goes wrong with one is added to `errors`, or raised when all had their turn.
        """
        advance = partial(self._claim_and_advance, tenant_id)
        return self._together_or_one_by_one(advance, saga_ids, errors)

    def go_on(
        self,
        heard: Sequence[Heard],
        given_up: Sequence[Due] = (),
        errors: list[Exception] | None = None,
        *,
        may_call: bool = True,
    ) -> list[Due]:
        """Take in what was heard, do what can be done here, commit; the calls that are due then.

        `given_up`: calls that were not made; their sagas are given back. `errors` as in `begin`.
        """
        advance = partial(self._take_turns, may_call=may_call)
        return self._together_or_one_by_one(advance, [*heard, *given_up], errors)

    def _together_or_one_by_one(
        self, advance: Callable[[Sequence[T]], list[Due]], turns: Sequence[T], errors: list[Exception] | None
    ) -> list[Due]:
        if len(turns) > 1:
            try:
                return advance(turns)
            except StoreUnavailable:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, it may be about one of them alone
                _log.info("%s sagas are written one by one: %s", len(turns), error)
        due: list[Due] = []
        own_errors: list[Exception] = []
        for turn in turns:
            try:
                due += self._until_it_is_recorded(partial(advance, [turn]))
            except StoreUnavailable:
                raise
            except Exception as error:  # noqa: BLE001 - raised when all had their turn
                own_errors.append(error)
        if errors is not None:
            errors += own_errors
        elif own_errors:
            raise own_errors[0]
        return due

    def _until_it_is_recorded(self, advance: Callable[[], list[Due]]) -> list[Due]:
        for _ in range(RECORD_TRIES_MAX):
            try:
                return advance()
            except (StaleObjectError, TransactionConflict):
                continue
        return []

    def _claim_and_advance(
        self, tenant_id: UUID, saga_ids: Sequence[UUID], *, with_overdue: bool = False
    ) -> list[Due]:
        with self.open_unit_of_work(_context(tenant_id, saga_ids[0])) as uow:
            claimed = [*uow.sagas.claim(saga_ids)]
            overdue_since = self.now() - OVERDUE_AFTER
            if with_overdue and any((saga.due_at or overdue_since) < overdue_since for saga, _ in claimed):
                others = uow.sagas.overdue(overdue_since, SAGAS_TOGETHER_MAX - len(claimed))
                claimed += uow.sagas.claim([each for each in others if each not in saga_ids])
            self._expect([saga for saga, _ in claimed], uow)
            due = [self._advance(saga, claim, uow, may_call=True) for saga, claim in claimed]
        return [each for each in due if each is not None]

    def _take_turns(self, turns: Sequence[Heard | Due], *, may_call: bool) -> list[Due]:
        """One transaction for all."""
        due: list[Due] = []
        late: list[Heard] = []
        claims = [_claim_of(turn) for turn in turns]
        with self.open_unit_of_work(_context(claims[0].tenant_id, claims[0].saga_id)) as uow:
            uow.sagas.expect(claims)
            held = self._held(claims, uow)
            self._expect(list(held.values()), uow)
            for turn, claim in zip(turns, claims, strict=True):
                saga = held.get(claim.saga_id)
                if isinstance(turn, Heard) and (
                    saga is None or not self._take_in(saga, turn.due.directive, turn.outcome)
                ):
                    late.append(turn)
                if saga is not None:
                    follows = self._advance(saga, claim, uow, may_call=may_call and isinstance(turn, Heard))
                    due += [] if follows is None else [follows]
        for heard in late:
            self._hear_late(heard)
        return due

    def _held(self, claims: Sequence[SagaClaim], uow: UnitOfWork) -> dict[UUID, Saga]:
        held = {}
        for claim in claims:
            with suppress(SagaClaimLost):
                held[claim.saga_id] = uow.sagas.get_held(claim)
        return held

    def _expect(self, sagas: Sequence[Saga], uow: UnitOfWork) -> None:
        by_definition: defaultdict[str, list[Saga]] = defaultdict(list)
        for saga in sagas:
            by_definition[saga.definition.name].append(saga)
        for name, alike in by_definition.items():
            self.steps[name].expect(alike, uow)

    def _advance(self, saga: Saga, claim: SagaClaim, uow: UnitOfWork, *, may_call: bool) -> Due | None:
        uow.on_account_of(Cause(str(saga.id), str(saga.id)))
        steps = self.steps[saga.definition.name]
        directive = self._run_local_steps(saga, steps, uow)
        due = None
        if directive is not None and may_call:
            prepared = steps.prepare(directive, saga, uow)
            due = Due(claim, directive, _key_of(saga, directive), steps, prepared)
        uow.sagas.save_held(saga, claim, goes_on=due is not None)
        return due

    def _call_all(self, due: Sequence[Due]) -> tuple[list[Heard], Sequence[Due]]:
        """Call for each in turn while there is time, at least for one: what was heard, and what was left."""
        heard: list[Heard] = []
        end = self.now() + CALLS_TOGETHER_MAX
        for each in due:
            if heard and self.now() >= end:
                break
            heard.append(Heard(each, _call(each)))
        return heard, due[len(heard) :]

    def _hear_late(self, heard: Heard) -> None:
        """Keep the reply. If it tells of an effect that was believed not to be there, the effect is undone (S9)."""
        claim, directive, at = heard.due.claim, heard.due.directive, self.now()
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
                with self.open_unit_of_work(_context(claim.tenant_id, claim.saga_id)) as uow:
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
                    self._take_in(saga, directive, steps.run(directive, saga, uow, at=at))
                case _:
                    return directive
        return None


def _context(tenant_id: UUID, saga_id: UUID) -> CommandContext:
    cause = Cause(str(saga_id), str(saga_id))
    return CommandContext(tenant_id=tenant_id, actor=ACTOR, **cause._asdict())


def _claim_of(turn: Heard | Due) -> SagaClaim:
    return turn.due.claim if isinstance(turn, Heard) else turn.claim


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
