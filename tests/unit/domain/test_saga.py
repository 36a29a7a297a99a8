"""The saga machine, over steps without meaning: what is due, and what follows from each reply."""

from __future__ import annotations

from datetime import timedelta

import pytest

from builders import NOON
from domain.saga.outcome import NothingFound, StepDone, StepFailed, StepRefused, StepUnclear
from domain.saga.progress import Action, Direction, call_key
from domain.saga.saga import (
    PastThePivot,
    SagaEnded,
    SagaNotWaiting,
    StepNotParked,
    StepNotSkippable,
)
from unit.domain.trip import LIMIT, NAMES, SETTLE, Traveller


@pytest.fixture
def traveller() -> Traveller:
    return Traveller()


class TestOnTheWay:
    def test_steps_are_due_one_after_the_other_at_once(self, traveller: Traveller) -> None:
        seen = []
        while traveller.status == "running":
            seen.append(traveller.next.step)
            traveller.answer(StepDone())
        assert tuple(seen) == NAMES
        assert traveller.status == "completed"
        assert traveller.next.action is Action.REST

    @pytest.mark.promise("S3")
    def test_a_failure_is_tried_again_under_the_same_key(self, traveller: Traveller) -> None:
        first = traveller.next
        traveller.answer(StepFailed("no line"), jitter=0.5)
        assert traveller.next.action is Action.WAIT
        traveller.wait()
        assert traveller.at == NOON + timedelta(seconds=0.75)
        assert traveller.next == first
        keys = {
            call_key(traveller.saga.id, step, attempt, direction)
            for step in NAMES
            for attempt in (1, 2)
            for direction in Direction
        }
        assert len(keys) == 2 * 2 * len(NAMES)

    @pytest.mark.promise("S10")
    def test_tries_end_at_the_deadline(self, traveller: Traveller) -> None:
        traveller.done_up_to("flight")
        while traveller.next.action is not Action.EXPIRE:
            assert traveller.at < NOON + LIMIT
            traveller.answer(StepFailed("no line"))
            traveller.wait()
        assert traveller.at == NOON + LIMIT
        traveller.saga.expire(at=traveller.at)
        assert traveller.next.step == "flight"
        assert traveller.saga.reason == "the time limit has passed"

    @pytest.mark.promise("S10")
    def test_the_deadline_means_nothing_from_the_pivot_on(self, traveller: Traveller) -> None:
        traveller.done_up_to("pay")
        traveller.at += 2 * LIMIT
        assert traveller.next.step == "pay"
        traveller.answer(StepFailed("no line"))
        traveller.wait()
        assert traveller.at > NOON + 2 * LIMIT
        assert traveller.next.step == "pay"

    @pytest.mark.promise("S6")
    def test_a_step_that_must_not_be_refused_is_parked(self, traveller: Traveller) -> None:
        traveller.done_up_to("tell")
        traveller.answer(StepRefused("never"))
        assert traveller.status == "parked"
        assert traveller.states()["pay"] == "done"

    def test_from_the_pivot_on_tries_have_a_limit_and_then_an_operator_decides(
        self, traveller: Traveller
    ) -> None:
        traveller.done_up_to("tell")
        for _ in range(2):
            traveller.answer(StepUnclear("no answer"))
            traveller.wait()
        traveller.answer(StepFailed("no line"))
        assert traveller.status == "parked"
        assert traveller.next.action is Action.REST
        traveller.saga.retry("tell", operator="ada", reason="line mended", at=traveller.at)
        assert traveller.next.step == "tell"
        traveller.answer(StepDone())
        assert traveller.status == "completed"


class TestRefusal:
    @pytest.mark.promise("S1", "S5")
    def test_undoes_what_was_done_in_reverse_order(self, traveller: Traveller) -> None:
        traveller.done_up_to("pay")
        traveller.answer(StepRefused("no money"))
        undone = []
        while traveller.status == "compensating":
            due = traveller.next
            undone.append((due.action, due.step, due.result))
            traveller.answer(StepDone())
        assert undone == [
            (Action.UNDO, "seat", "SEAT"),
            (Action.UNDO, "flight", "FLIGHT"),
            (Action.UNDO, "hotel", "HOTEL"),
        ]
        assert traveller.status == "compensated"
        assert traveller.saga.reason == "no money"

    def test_of_a_step_that_waits_lets_it_be_tried_anew_under_another_key(self, traveller: Traveller) -> None:
        traveller.answer(StepRefused("no money"))
        assert traveller.status == "waiting"
        assert traveller.next.until == NOON + LIMIT
        assert traveller.saga.try_anew(at=traveller.at) == 2
        assert (traveller.next.step, traveller.next.attempt) == ("hotel", 2)
        assert not traveller.hear("hotel", StepDone("late"), attempt=1)
        traveller.answer(StepDone("second"))
        assert traveller.saga.progress("hotel").result == "second"

    @pytest.mark.promise("S10")
    def test_that_nobody_acts_on_ends_at_the_deadline_without_asking_anybody(
        self, traveller: Traveller
    ) -> None:
        traveller.answer(StepRefused("no money"))
        traveller.wait()
        assert traveller.next.action is Action.EXPIRE
        with pytest.raises(SagaNotWaiting):
            traveller.saga.try_anew(at=traveller.at)
        traveller.saga.expire(at=traveller.at)
        assert traveller.status == "compensated"

    def test_a_further_attempt_needs_a_refusal(self, traveller: Traveller) -> None:
        with pytest.raises(SagaNotWaiting):
            traveller.saga.try_anew(at=traveller.at)


class TestCancellation:
    @pytest.mark.promise("S11")
    def test_before_the_pivot_undoes(self, traveller: Traveller) -> None:
        traveller.done_up_to("flight")
        traveller.saga.cancel(reason="changed my mind", at=traveller.at)
        assert (traveller.next.action, traveller.next.step) == (Action.ASK, "flight")
        with pytest.raises(SagaEnded):
            traveller.saga.cancel(reason="twice", at=traveller.at)

    @pytest.mark.promise("S11")
    @pytest.mark.parametrize("step", ["pay", "tell"])
    def test_from_the_pivot_on_is_refused(self, traveller: Traveller, step: str) -> None:
        traveller.done_up_to(step)
        with pytest.raises(PastThePivot, match="pay has begun"):
            traveller.saga.cancel(reason="changed my mind", at=traveller.at)

    def test_of_a_step_that_is_never_in_doubt_asks_nobody(self, traveller: Traveller) -> None:
        traveller.done_up_to("seat")
        traveller.saga.cancel(reason="changed my mind", at=traveller.at)
        assert (traveller.next.action, traveller.next.step) == (Action.UNDO, "flight")


class TestDoubt:
    """A step whose turn it was when everything turned back may have been carried out."""

    @pytest.fixture
    def traveller(self) -> Traveller:
        traveller = Traveller().done_up_to("flight")
        traveller.answer(StepUnclear("no answer"))
        traveller.saga.cancel(reason="changed my mind", at=traveller.at)
        return traveller

    @pytest.mark.promise("S4")
    def test_found_it_is_undone(self, traveller: Traveller) -> None:
        assert traveller.next.action is Action.ASK
        traveller.answer(StepDone("F-1"))
        assert (traveller.next.action, traveller.next.step, traveller.next.result) == (
            Action.UNDO,
            "flight",
            "F-1",
        )

    @pytest.mark.promise("S4")
    def test_refused_there_was_nothing_to_undo(self, traveller: Traveller) -> None:
        traveller.answer(StepRefused("full"))
        assert traveller.states()["flight"] == "absent"
        assert traveller.next.step == "hotel"

    @pytest.mark.promise("S4")
    def test_not_found_is_final_only_when_everything_has_settled(self, traveller: Traveller) -> None:
        traveller.answer(NothingFound(SETTLE))
        assert traveller.next.until == NOON + SETTLE
        traveller.wait()
        assert traveller.next.action is Action.ASK
        traveller.answer(NothingFound(SETTLE))
        assert traveller.states()["flight"] == "absent"

    @pytest.mark.promise("S5")
    def test_that_nobody_can_resolve_is_parked_and_stops_no_other(self, traveller: Traveller) -> None:
        for _ in range(2):
            traveller.answer(StepFailed("no line"))
            traveller.wait()
        traveller.answer(StepFailed("no line"))
        assert traveller.states()["flight"] == "undo_parked"
        assert traveller.next.step == "hotel"
        traveller.answer(StepDone())
        assert traveller.status == "parked"
        traveller.saga.retry("flight", operator="ada", reason="line mended", at=traveller.at)
        assert (traveller.next.action, traveller.next.step) == (Action.ASK, "flight")

    @pytest.mark.promise("S9")
    @pytest.mark.parametrize("is_parked", [False, True], ids=["while undoing", "while parked"])
    def test_is_resolved_by_a_late_reply(self, traveller: Traveller, is_parked: bool) -> None:
        if is_parked:
            for _ in range(2):
                traveller.answer(StepFailed("no line"))
                traveller.wait()
            traveller.answer(StepFailed("no line"))
        assert traveller.hear("flight", StepDone("F-1"))
        assert (traveller.next.action, traveller.next.step, traveller.next.result) == (
            Action.UNDO,
            "flight",
            "F-1",
        )

    @pytest.mark.promise("S9")
    def test_a_late_success_after_everything_was_undone_is_undone_as_well(self, traveller: Traveller) -> None:
        traveller.at += SETTLE
        traveller.answer(NothingFound(SETTLE))
        traveller.answer(StepDone())
        assert traveller.status == "compensated"
        assert traveller.hear("flight", StepDone("F-1"))
        assert traveller.next.action is Action.UNDO
        traveller.answer(StepDone())
        assert traveller.status == "compensated"
        assert not traveller.hear("flight", StepDone("F-1"))


class TestCompensation:
    @pytest.mark.promise("S5")
    def test_that_fails_is_tried_again_then_parked_and_stops_no_other(self, traveller: Traveller) -> None:
        traveller.done_up_to("pay")
        traveller.answer(StepRefused("no money"))
        traveller.answer(StepDone())
        assert traveller.next.step == "flight"
        traveller.answer(StepFailed("no line"))
        traveller.wait()
        traveller.answer(StepUnclear("no answer"))
        traveller.wait()
        traveller.answer(StepFailed("no line"))
        assert traveller.states()["flight"] == "undo_parked"
        assert (traveller.next.action, traveller.next.step) == (Action.UNDO, "hotel")
        traveller.answer(StepDone())
        assert traveller.status == "parked"
        traveller.saga.retry("flight", operator="ada", reason="line mended", at=traveller.at)
        assert (traveller.next.action, traveller.next.result) == (Action.UNDO, "FLIGHT")
        traveller.answer(StepDone())
        assert traveller.status == "compensated"

    @pytest.mark.promise("S12")
    def test_an_operator_may_take_it_as_done(self, traveller: Traveller) -> None:
        traveller.done_up_to("flight")
        traveller.saga.cancel(reason="r", at=traveller.at)
        traveller.answer(StepRefused("full"))
        traveller.answer(StepRefused("no"))
        assert traveller.status == "parked"
        traveller.saga.skip("hotel", operator="ada", reason="called them", at=traveller.at)
        assert traveller.status == "compensated"

    @pytest.mark.promise("S12")
    def test_only_what_is_parked_can_be_repaired_and_only_what_nobody_relies_on_skipped(
        self, traveller: Traveller
    ) -> None:
        with pytest.raises(StepNotParked):
            traveller.saga.retry("hotel", operator="ada", reason="r", at=traveller.at)
        traveller.done_up_to("pay")
        for _ in range(3):
            traveller.answer(StepFailed("no line"))
            if traveller.next.action is Action.WAIT:
                traveller.wait()
        with pytest.raises(StepNotSkippable):
            traveller.saga.skip("pay", operator="ada", reason="r", at=traveller.at)
        assert traveller.hear("pay", StepDone("P-1"))  # a reply ends the doubt by itself
        for _ in range(3):
            traveller.answer(StepFailed("no line"))
            if traveller.next.action is Action.WAIT:
                traveller.wait()
        traveller.saga.skip("tell", operator="ada", reason="told them", at=traveller.at)
        assert traveller.status == "completed"


@pytest.mark.promise("S9")
def test_replies_that_come_again_or_to_nobody_change_nothing(traveller: Traveller) -> None:
    traveller.done_up_to("pay")
    version = traveller.saga.version
    for step in ("hotel", "flight", "seat"):
        assert not traveller.hear(step, StepDone("again"))
        assert not traveller.hear(step, StepRefused("no"))
        assert not traveller.hear(step, StepDone(), direction=Direction.UNDO)
    assert not traveller.hear("tell", StepDone())
    assert not traveller.saga.hear_answer("hotel", 1, StepDone(), at=traveller.at, jitter=0)
    assert traveller.saga.version == version
    with pytest.raises(KeyError):
        traveller.hear("no such step", StepDone())
