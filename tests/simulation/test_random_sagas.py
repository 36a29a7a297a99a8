"""Random things happen to a saga and to a world that keeps its own account of what was carried out."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.saga.events import SagaStepSucceeded, SagaStepUndone
from domain.saga.outcome import NothingFound, Outcome, StepDone, StepFailed, StepRefused, StepUnclear
from domain.saga.progress import ENDED, Action, Directive, SagaStatus, StepState
from domain.saga.saga import PastThePivot, Saga, SagaEnded, SagaNotWaiting
from unit.domain.trip import NAMES, SETTLE, TRIP, Traveller

OUTCOMES = st.sampled_from(
    ["done", "done", "refused", "failed", "unclear", "vanished", "nothing", "cancel", "late", "anew"]
)


@pytest.mark.promise("S2", "S4", "S5", "S6", "S9")
@settings(max_examples=2_000)
@given(script=st.lists(st.tuples(OUTCOMES, st.sampled_from(NAMES)), max_size=60))
def test_whatever_happens_it_ends_done_or_undone_and_says_what_is_true(script: list[tuple[str, str]]) -> None:
    """Against a world that keeps its own account of what was carried out, and forgets nothing."""
    traveller, world = Traveller(), set[str]()
    for what, step in script:
        play(traveller, world, what, step)
    for _ in range(200):
        if traveller.saga.status in ENDED:
            break
        settle_down(traveller, world)
    saga = traveller.saga
    assert saga.status in ENDED, saga.steps
    believed = {each.name for each in saga.steps if each.state is StepState.DONE}
    assert believed == world
    assert world == (set(NAMES) if saga.status is SagaStatus.COMPLETED else set())
    assert Saga.from_events(saga.id, saga.pending_events).steps == saga.steps
    order = [NAMES.index(event.step) for event in saga.pending_events if isinstance(event, SagaStepSucceeded)]
    assert order == sorted(order)
    pivot_is_done = any(
        isinstance(event, SagaStepSucceeded) and event.step == "pay" for event in saga.pending_events
    )
    assert not (pivot_is_done and any(isinstance(event, SagaStepUndone) for event in saga.pending_events))


def play(traveller: Traveller, world: set[str], what: str, step: str) -> None:
    """One thing happens: a try with that end, a caller's wish, a reply that is late, or some time passes."""
    due = traveller.next
    if what == "cancel":
        with suppress(PastThePivot, SagaEnded):
            traveller.saga.cancel(reason="r", at=traveller.at)
    elif what == "anew":
        with suppress(SagaNotWaiting):
            traveller.saga.try_anew(at=traveller.at)
    elif what == "late":
        if step in world:
            traveller.hear(step, StepDone(step), attempt=traveller.saga.progress(step).attempt)
    elif due.action is Action.WAIT:
        traveller.wait()
    elif due.action is Action.EXPIRE:
        traveller.saga.expire(at=traveller.at)
    elif due.action is not Action.REST:
        call(traveller, world, due, what)


def call(traveller: Traveller, world: set[str], due: Directive, what: str) -> None:
    """The world does, or doesn't do, what is due; the saga hears of it, or doesn't."""
    is_local = TRIP.steps[NAMES.index(due.step)].is_local
    if due.action is Action.ASK:
        known = due.step in world
        traveller.answer(StepFailed("no line") if what == "failed" else answer_of(due.step, known=known))
    elif what in {"failed", "nothing"} and not is_local:
        traveller.answer(StepFailed("no line"))
    elif what == "refused" and due.action is Action.DO and due.step != "tell" and due.step not in world:
        traveller.answer(StepRefused("no"))
    else:
        (world.add if due.action is Action.DO else world.discard)(due.step)
        if what == "unclear" and not is_local:
            traveller.answer(StepUnclear("no answer"))
        elif what != "vanished" or is_local:
            traveller.answer(StepDone(due.step))


def answer_of(step: str, *, known: bool) -> Outcome:
    """What the world says when it is asked."""
    return StepDone(step) if known else NothingFound(SETTLE)


def settle_down(traveller: Traveller, world: set[str]) -> None:
    """Everything works again, and an operator is at hand."""
    for progress in traveller.saga.steps:
        if progress.state in {StepState.PARKED, StepState.UNDO_PARKED} and (
            traveller.saga.status is SagaStatus.PARKED
        ):
            traveller.saga.retry(progress.name, operator="ada", reason="mended", at=traveller.at)
    if traveller.next.action is not Action.REST:
        play(traveller, world, "done", "")
