"""A reply from somebody who doesn't hold the saga."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from application.ports.unit_of_work import UnitOfWork
from application.sagas.steps import SagaSteps
from domain.saga.outcome import Outcome
from domain.saga.saga import Saga


def hear_late(
    saga: Saga,
    steps: Mapping[str, SagaSteps],
    uow: UnitOfWork,
    step: str,
    attempt: int,
    outcome: Outcome,
    *,
    at: datetime,
) -> bool:
    """Take in a late reply of a step forward, with all that follows from it (S9); false if it changes nothing.

    It changes something only if it ends a doubt while or after everything was undone. An effect that is found so is
    undone by the saga, which is due at once. `steps` by the definition's name; `uow` is left to write it.
    """
    if not saga.hear_late(step, attempt, outcome, at=at):
        return False
    steps[saga.definition.name].follow(saga.pending_events, saga, uow)
    uow.sagas.save(saga)
    return True
