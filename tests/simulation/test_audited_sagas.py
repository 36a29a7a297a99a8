"""Whatever happens to a saga, the audit's own fold comes to the row that the service writes."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.audit.saga_fold import DEFINITIONS, StepRule
from adapters.audit.stream_fold import StreamFold
from adapters.audit.tables import decoded
from adapters.row_mapping.sagas import saga_to_row
from domain.saga.definition import StepKind
from domain.saga.outcome import StepFailed, StepRefused
from domain.saga.progress import Action
from domain.saga.saga import Saga, StepNotParked, StepNotSkippable
from simulation.test_random_sagas import OUTCOMES, play
from unit.adapters.told_again import columns_of, told_again
from unit.domain.trip import NAMES, TRIP, Traveller

WHATS = st.one_of(OUTCOMES, st.sampled_from(["retry", "skip", "stuck", "refused for good"]))


# Chance seldom gets so far.
STUCK_TO_THE_DEADLINE = [("failed", "hotel")] * 60
FOUND_AFTER_ALL = [(what, "hotel") for what in ("unclear", "cancel", "failed", "wait", "done")]
PARKED_WHILE_IN_DOUBT = [(what, "hotel") for what in ("unclear", "cancel", *["failed"] * 5, "retry", "done")]


@pytest.fixture(autouse=True)
def the_trip_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the audit, as it knows the service's own."""
    rules = tuple(
        StepRule(step.name, step.kind is StepKind.COMPENSATABLE, step.is_local, step.waits_when_refused)
        for step in TRIP.steps
    )
    monkeypatch.setitem(DEFINITIONS, TRIP.name, rules)


@pytest.mark.promise("E9")
@settings(max_examples=1_000)
@example(script=STUCK_TO_THE_DEADLINE)
@example(script=FOUND_AFTER_ALL)
@example(script=PARKED_WHILE_IN_DOUBT)
@given(script=st.lists(st.tuples(WHATS, st.sampled_from(NAMES)), max_size=60))
def test_the_row_of_a_saga_is_what_the_audit_makes_of_its_events(script: list[tuple[str, str]]) -> None:
    traveller, world, fold = Traveller(), set[str](), StreamFold()
    for what, step in script:
        happen(traveller, world, what, step)
        told_again(traveller.saga, fold=fold)
        assert fold.problem is None
        assert columns_of(fold, "saga") == stored(traveller.saga)


def happen(traveller: Traveller, world: set[str], what: str, step: str) -> None:
    """As the simulation plays it; or an operator repairs, or the gateway says what it should not."""
    if what in {"retry", "skip"}:
        repair = traveller.saga.retry if what == "retry" else traveller.saga.skip
        with suppress(StepNotParked, StepNotSkippable):
            repair(step, operator="o", reason="r", at=traveller.at)
    elif what not in {"stuck", "refused for good"}:
        play(traveller, world, what, step)
    elif traveller.next.action in {Action.DO, Action.UNDO}:
        traveller.answer(StepFailed("no line") if what == "stuck" else StepRefused("never"))


def stored(saga: Saga) -> dict[str, Any]:
    """Its row, as the audit reads it."""
    row = {name: value for name, value in saga_to_row(saga).items() if name != "id"}
    return {**row, "subject_id": str(row["subject_id"]), "steps": decoded(row["steps"])}
