"""Definitions of sagas: what can't be kept is refused when it is written down (S6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from domain.saga.definition import (
    InvalidDefinition,
    RetryPolicy,
    SagaDefinition,
    Step,
    StepKind,
    definition_called,
)

PATIENT = RetryPolicy(first=timedelta(seconds=1), longest=timedelta(minutes=1), tries_max=None)
BOUNDED = RetryPolicy(first=timedelta(seconds=1), longest=timedelta(minutes=1), tries_max=5)
numbers = count(1)


def a_definition(steps: Sequence[Step], **changes: Any) -> SagaDefinition:
    """Under a name of its own."""
    facts: dict[str, Any] = {"name": f"saga-{next(numbers)}", "time_limit": timedelta(hours=1), **changes}
    return SagaDefinition(steps=tuple(steps), **facts)


def compensatable(name: str = "hold", **changes: Any) -> Step:
    """A step that can be undone."""
    facts: dict[str, Any] = {"kind": StepKind.COMPENSATABLE, "retry": PATIENT, "undo": BOUNDED, **changes}
    return Step(name=name, **facts)


def pivot(name: str = "take", **changes: Any) -> Step:
    """The step that decides."""
    facts: dict[str, Any] = {"kind": StepKind.PIVOT, "retry": BOUNDED, **changes}
    return Step(name=name, **facts)


def retriable(name: str = "tell", **changes: Any) -> Step:
    """A step that ends well in the end."""
    facts: dict[str, Any] = {"kind": StepKind.RETRIABLE, "retry": BOUNDED, **changes}
    return Step(name=name, **facts)


@pytest.mark.promise("S6")
@pytest.mark.parametrize(
    ("steps", "rule"),
    [
        ([], "1 to"),
        ([compensatable(), compensatable()], "same name"),
        ([pivot(), pivot("take again")], "one pivot"),
        ([pivot(), compensatable()], "nothing after the pivot may be refused"),
        ([retriable(), pivot()], "nothing after the pivot may be refused"),
        ([retriable(), compensatable()], "nothing after the pivot may be refused"),
        ([compensatable(undo=None)], "a compensation belongs to each compensatable step"),
        ([pivot(undo=BOUNDED)], "and to no other"),
        ([retriable(undo=BOUNDED)], "and to no other"),
        ([pivot(waits_when_refused=True)], "can't wait"),
        ([compensatable(retry=BOUNDED)], "it is not parked"),
    ],
    ids=str,
)
def test_a_wrong_definition_fails_when_it_is_made(steps: list[Step], rule: str) -> None:
    with pytest.raises(InvalidDefinition, match=rule):
        a_definition(steps)


@pytest.mark.promise("S6")
def test_a_right_one_can_be_found_by_its_name_and_not_be_changed() -> None:
    definition = a_definition([compensatable(), compensatable("reserve"), pivot(), retriable()])
    assert definition_called(definition.name) is definition
    assert definition.pivot == 2
    a_definition(definition.steps, name=definition.name)
    with pytest.raises(InvalidDefinition, match="needs a name of its own"):
        a_definition([pivot()], name=definition.name)
    with pytest.raises(LookupError, match="no saga is called"):
        definition_called("never heard of")


def test_the_pivot_may_be_missing() -> None:
    assert a_definition([compensatable(), retriable()]).pivot == 1
    assert a_definition([compensatable()]).pivot == 1


@pytest.mark.parametrize("limit", [timedelta(0), timedelta(seconds=-1)])
def test_a_time_limit_lies_ahead(limit: timedelta) -> None:
    with pytest.raises(InvalidDefinition, match="time limit"):
        a_definition([pivot()], time_limit=limit)


class TestRetries:
    def test_pauses_double_up_to_the_longest_and_are_shortened_by_up_to_a_half(self) -> None:
        policy = RetryPolicy(first=timedelta(seconds=1), longest=timedelta(seconds=10), tries_max=None)
        pauses = [policy.pause(tries, 0).total_seconds() for tries in (1, 2, 3, 4, 5, 5_000)]
        assert pauses == [1, 2, 4, 8, 10, 10]
        assert policy.pause(5, 0.999).total_seconds() == pytest.approx(5, abs=0.01)

    def test_end_where_there_is_a_limit(self) -> None:
        assert not BOUNDED.is_spent(4)
        assert BOUNDED.is_spent(5)
        assert not PATIENT.is_spent(1_000_000)

    @pytest.mark.parametrize(
        ("first", "longest", "tries_max"), [(0, 1, None), (2, 1, None), (1, 1, 0), (-1, 1, None)]
    )
    def test_that_make_no_sense_are_refused(self, first: int, longest: int, tries_max: int | None) -> None:
        with pytest.raises(InvalidDefinition):
            RetryPolicy(
                first=timedelta(seconds=first), longest=timedelta(seconds=longest), tries_max=tries_max
            )
