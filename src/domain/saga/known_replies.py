"""What a saga knows already of a reply that nobody waited for."""

from __future__ import annotations

from domain.saga.outcome import StepDone, StepRefused
from domain.saga.progress import CallKey, Direction, StepProgress, StepState
from domain.saga.saga_state import SagaState


def is_news(saga: SagaState, call: CallKey, outcome: StepDone | StepRefused) -> bool:
    """Whether a reply that changes nothing tells what the saga neither knows nor hears by a call that it still makes.

    Whatever the saga never asked for is news.
    """
    progress = next((step for step in saga.steps if step.name == call.step), None)
    if progress is None or call.attempt > progress.attempt:
        return True
    is_done = isinstance(outcome, StepDone)
    if call.attempt < progress.attempt:
        return is_done or call.direction is Direction.UNDO  # each further attempt follows a refusal
    if call.direction is Direction.UNDO:
        return _is_news_of_undoing(saga, progress, is_done=is_done)
    if isinstance(outcome, StepDone):
        is_known = progress.has_effect and progress.result == outcome.result
        return not is_known and progress.state is not StepState.CURRENT
    return progress.state not in {StepState.CURRENT, StepState.PARKED, StepState.REFUSED, StepState.ABSENT}


def _is_news_of_undoing(saga: SagaState, progress: StepProgress, *, is_done: bool) -> bool:
    match progress.state:
        case StepState.DONE:
            return saga.reason is None  # else it is being undone
        case StepState.UNDONE:
            return not is_done
        case StepState.UNDO_PARKED:
            return is_done
    return True
