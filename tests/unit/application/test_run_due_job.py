"""Jobs that come from no caller: whose turn it is, and what follows from a run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from adapters.memory.schedules import InMemorySchedules
from application.ports.schedules import Plan, ScheduleState
from application.upkeep.run_due_job import TRY_AGAIN_AFTER, Job, RunDueJobHandler
from builders import NOON

EVERY = timedelta(hours=1)
LEASE = timedelta(minutes=5)


class Hands:
    """Schedules on a clock that the test moves, and a scheduler over one job that does as told."""

    def __init__(self) -> None:
        self.at = NOON
        self.schedules = InMemorySchedules(now=self.now)
        self.runs = 0
        self.job: Callable[[], bool] = lambda: False

    def now(self) -> datetime:
        return self.at

    def scheduler(self) -> RunDueJobHandler:
        handler = RunDueJobHandler(
            self.schedules, {"tidy": Job(plan=Plan(every=EVERY, lease=LEASE), run=self._run)}
        )
        handler.plan()
        return handler

    @property
    def state(self) -> ScheduleState:
        (state,) = self.schedules.states()
        return state

    def _run(self) -> bool:
        self.runs += 1
        return self.job()


@pytest.fixture
def hands() -> Hands:
    return Hands()


def test_a_job_runs_at_once_and_then_after_each_interval(hands: Hands) -> None:
    scheduler = hands.scheduler()
    assert scheduler.handle()
    assert not scheduler.handle()
    hands.at += EVERY
    assert scheduler.handle()
    assert hands.runs == 2


def test_what_is_left_over_is_done_at_once(hands: Hands) -> None:
    scheduler = hands.scheduler()
    hands.job = lambda: hands.runs < 3
    while scheduler.handle():
        pass
    assert hands.runs == 3


def test_a_failure_is_told_and_tried_again_soon(hands: Hands, caplog: pytest.LogCaptureFixture) -> None:
    scheduler = hands.scheduler()

    def fail() -> bool:
        raise ValueError("no disk")

    hands.job = fail
    with caplog.at_level(logging.ERROR):
        assert scheduler.handle()
    assert "the job tidy failed" in caplog.text
    assert hands.state.error == "ValueError: no disk"
    hands.job = lambda: False
    assert not scheduler.handle()
    hands.at += TRY_AGAIN_AFTER
    assert scheduler.handle()
    assert hands.state.error == ""


def test_two_schedulers_do_it_once(hands: Hands) -> None:
    first, second = hands.scheduler(), hands.scheduler()
    taken_meanwhile: list[bool] = []

    def run() -> bool:
        taken_meanwhile.append(second.handle())
        return False

    hands.job = run
    assert first.handle()
    assert taken_meanwhile == [False]
    assert hands.runs == 1


def test_a_scheduler_that_was_frozen_past_its_lease_changes_no_time(
    hands: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    frozen, other = hands.scheduler(), hands.scheduler()

    def freeze() -> bool:
        hands.job = lambda: False
        hands.at += LEASE
        assert other.handle()
        return True

    hands.job = freeze
    assert frozen.handle()
    assert "took longer than its lease" in caplog.text
    assert hands.state.due_in_s == EVERY.total_seconds()
