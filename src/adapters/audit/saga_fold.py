"""What events make of sagas, told a second time; the steps of each definition are listed here once more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from adapters.audit.fold import Data, NotAsOrdered, State, Step, folds, moment


@dataclass(frozen=True, slots=True)
class StepRule:
    """As much of a step as its state depends on."""

    name: str
    can_be_undone: bool
    is_local: bool
    waits_when_refused: bool = False


_RESERVE: Final = StepRule("reserve", can_be_undone=True, is_local=True)
_NOTIFY: Final = StepRule("notify", can_be_undone=False, is_local=True)
DEFINITIONS: Final = {
    "order-fulfilment.1": (
        StepRule("authorise", can_be_undone=True, is_local=False, waits_when_refused=True),
        _RESERVE,
        StepRule("capture", can_be_undone=False, is_local=False),
        _NOTIFY,
    ),
    "free-order-fulfilment.1": (
        _RESERVE,
        StepRule("capture", can_be_undone=False, is_local=True),
        _NOTIFY,
    ),
    "refund.1": (StepRule("refund", can_be_undone=False, is_local=False),),
}
"""The steps of each definition that a saga may follow, in their order."""


def _folds(type_: str) -> Callable[[Step], Step]:
    """What is looked up of the steps follows them."""

    def register(step: Step) -> Step:
        def with_repair(state: State, data: Data, at: datetime) -> None:
            step(state, data, at)
            state["needs_repair"] = any(each["state"] in ("parked", "undo_parked") for each in state["steps"])

        return folds(type_)(with_repair)

    return register


@_folds("saga.started")
def _started(state: State, data: Data, at: datetime) -> None:
    if data["definition"] not in DEFINITIONS:
        raise NotAsOrdered(f"the audit doesn't know the steps of {data['definition']}")
    state.update(
        definition=data["definition"],
        subject_id=data["subject_id"],
        deadline_at=moment(data["deadline_at"]),
        status="running",
        position=0,
        reason=None,
        doubt_since=None,
        created_at=at,
        steps=[
            {
                "name": rule.name,
                "state": "open",
                "attempt": 1,
                "tries": 0,
                "result": "",
                "error": "",
                "has_effect": False,
            }
            for rule in DEFINITIONS[data["definition"]]
        ],
    )
    _take_turn(state, at)


@_folds("saga.step_succeeded")
def _step_succeeded(state: State, data: Data, at: datetime) -> None:
    _step(state, data).update(state="done", result=data["result"], error="", has_effect=True)
    _pass_turn_on(state, at)


@_folds("saga.step_refused")
def _step_refused(state: State, data: Data, at: datetime) -> None:
    _step(state, data).update(state="refused", error=data["reason"])
    if _rules(state)[state["position"]].waits_when_refused and at < state["deadline_at"]:
        state["status"], state["due_at"] = "waiting", state["deadline_at"]


@_folds("saga.step_put_off")
def _step_put_off(state: State, data: Data, at: datetime) -> None:
    _note_failure(state, data)
    due_at = moment(data["due_at"])
    is_bound = state["status"] == "compensating" or state["position"] >= _pivot(state)
    state["due_at"] = due_at if is_bound else min(due_at, state["deadline_at"])


@_folds("saga.step_parked")
def _step_parked(state: State, data: Data, at: datetime) -> None:
    _note_failure(state, data)
    if data["direction"] == "do":
        _step(state, data)["state"] = "parked"
        state["status"], state["due_at"] = "parked", None
    else:
        _end_undo(state, data, "undo_parked", at)


@_folds("saga.attempt_began")
def _attempt_began(state: State, data: Data, at: datetime) -> None:
    _step(state, data).update(attempt=data["attempt"], error="")
    state["status"] = "running"
    _take_turn(state, at)


@_folds("saga.compensation_began")
def _compensation_began(state: State, data: Data, at: datetime) -> None:
    state.update(status="compensating", reason=data["reason"], due_at=at, doubt_since=at)
    for rule, step in zip(_rules(state), state["steps"], strict=True):
        step["tries"] = 0
        if step["state"] == "current" and (rule.is_local or not rule.can_be_undone):
            step["state"] = "open"


@_folds("saga.step_undone")
def _step_undone(state: State, data: Data, at: datetime) -> None:
    _end_undo(state, data, "undone" if data["had_effect"] else "absent", at)


@_folds("saga.effect_found")
def _effect_found(state: State, data: Data, at: datetime) -> None:
    _step(state, data).update(state="done", result=data["result"], tries=0, has_effect=True)
    state["status"], state["due_at"] = "compensating", at


@_folds("saga.repaired")
def _repaired(state: State, data: Data, at: datetime) -> None:
    step = _step(state, data)
    match data["direction"], data["how"]:
        case "do", "retry":
            state["status"] = "running"
            _take_turn(state, at)
        case "do", "skip":
            step["state"] = "skipped"
            _pass_turn_on(state, at)
        case "undo", "retry":
            step.update(state="done" if step["has_effect"] else "current", tries=0)
            state["status"], state["due_at"] = "compensating", at
        case "undo", "skip":
            _end_undo(state, data, "undone", at)
        case direction, how:
            raise NotAsOrdered(f"the audit doesn't know the repair {how} of direction {direction}")


@_folds("saga.completed")
def _completed(state: State, data: Data, at: datetime) -> None:
    state["status"], state["due_at"] = "completed", None


@_folds("saga.compensated")
def _compensated(state: State, data: Data, at: datetime) -> None:
    state["status"], state["due_at"] = "compensated", None


def _rules(state: State) -> tuple[StepRule, ...]:
    return DEFINITIONS[state["definition"]]


def _pivot(state: State) -> int:
    """The place of the first step that can't be undone."""
    places = (place for place, rule in enumerate(_rules(state)) if not rule.can_be_undone)
    return next(places, len(_rules(state)))


def _step(state: State, data: Data) -> dict[str, Any]:
    for step in state["steps"]:
        if step["name"] == data["step"]:
            found: dict[str, Any] = step
            return found
    raise NotAsOrdered(f"{state['definition']} has no step {data['step']}")


def _note_failure(state: State, data: Data) -> None:
    step = _step(state, data)
    step.update(tries=step["tries"] + 1, error=data["error"])


def _take_turn(state: State, at: datetime) -> None:
    if state["position"] < len(state["steps"]):
        state["steps"][state["position"]].update(state="current", tries=0)
    state["due_at"] = at


def _pass_turn_on(state: State, at: datetime) -> None:
    state["status"] = "running"
    state["position"] += 1
    _take_turn(state, at)


def _end_undo(state: State, data: Data, step_state: str, at: datetime) -> None:
    """The saga rests when nothing is left to undo and an operator has to look at something."""
    _step(state, data)["state"] = step_state
    pairs = list(zip(_rules(state), state["steps"], strict=True))
    has_more = any(rule.can_be_undone and step["state"] in ("current", "done") for rule, step in pairs)
    is_parked = any(step["state"] == "undo_parked" for _, step in pairs)
    if is_parked and not has_more:
        state["status"], state["due_at"] = "parked", None
    else:
        state["status"], state["due_at"] = "compensating", at
