"""The contract of schedules: one scheduler at a time has a job, and a dead one's job goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from adapters.system_clock import new_id
from application.ports.schedules import JOB_ERROR_LENGTH_MAX, Plan, Schedules, ScheduleState
from unit.contracts.threads import Threads

HOURLY = Plan(every=timedelta(hours=1), lease=timedelta(minutes=10))
RACERS = 12

PassTime = Callable[[timedelta], None]


class SchedulesContract:
    """Jobs have names of the test's own, since schedules are the whole installation's."""

    @pytest.fixture
    def schedules(self) -> Schedules:
        raise NotImplementedError("the binding must override schedules")

    @pytest.fixture
    def pass_time(self) -> PassTime:
        """Lets that much time pass for all schedules."""
        raise NotImplementedError("the binding must override pass_time")

    @pytest.fixture
    def job(self) -> str:
        """A new name."""
        return f"job-{new_id()}"

    @pytest.fixture
    def release_thread(self) -> Callable[[], None]:
        """Gives back what a thread that ends holds."""
        return lambda: None

    def test_a_new_job_is_due_at_once_and_then_by_its_interval(
        self, schedules: Schedules, pass_time: PassTime, job: str
    ) -> None:
        schedules.plan({job: HOURLY})
        turn = schedules.take([job])
        assert turn is not None
        assert schedules.take([job]) is None
        assert state(schedules, job).is_running
        assert schedules.end(turn, next_in=HOURLY.every, error="")
        assert schedules.take([job]) is None
        pass_time(HOURLY.every)
        again = schedules.take([job])
        assert again is not None
        assert again.fence > turn.fence

    def test_a_turn_runs_out_and_who_lost_it_changes_nothing(
        self, schedules: Schedules, pass_time: PassTime, job: str
    ) -> None:
        schedules.plan({job: HOURLY})
        lost = schedules.take([job])
        assert lost is not None
        pass_time(HOURLY.lease - timedelta(minutes=1))
        assert schedules.take([job]) is None
        pass_time(timedelta(minutes=2))
        held = schedules.take([job])
        assert held is not None
        assert not schedules.end(lost, next_in=HOURLY.every, error="too late")
        assert state(schedules, job).is_running
        assert schedules.end(held, next_in=HOURLY.every, error="")
        assert state(schedules, job).error == ""

    def test_the_job_that_has_been_due_the_longest_comes_first(
        self, schedules: Schedules, pass_time: PassTime, job: str
    ) -> None:
        early, late = f"{job}-early", f"{job}-late"
        for name in (late, early):
            schedules.plan({name: HOURLY})
            turn = schedules.take([name])
            assert turn is not None
            delay = timedelta(minutes=1) if name == early else timedelta(minutes=2)
            schedules.end(turn, next_in=delay, error="")
        pass_time(HOURLY.every)
        taken = [schedules.take([late, early]) for _ in range(3)]
        assert [turn and turn.job for turn in taken] == [early, late, None]

    def test_planning_again_changes_no_time_but_a_shorter_interval_counts_at_once(
        self, schedules: Schedules, pass_time: PassTime, job: str
    ) -> None:
        schedules.plan({job: HOURLY})
        turn = schedules.take([job])
        assert turn is not None
        schedules.plan({job: HOURLY})
        assert schedules.take([job]) is None
        schedules.end(turn, next_in=HOURLY.every, error="")
        schedules.plan({job: Plan(every=timedelta(minutes=5), lease=HOURLY.lease)})
        pass_time(timedelta(minutes=6))
        assert schedules.take([job]) is not None

    def test_tells_how_the_last_run_went(self, schedules: Schedules, job: str) -> None:
        schedules.plan({job: HOURLY})
        assert state(schedules, job).ended_ago_s is None
        turn = schedules.take([job])
        assert turn is not None
        schedules.end(turn, next_in=HOURLY.every, error="e" * (JOB_ERROR_LENGTH_MAX + 1))
        known = state(schedules, job)
        assert known.error == "e" * JOB_ERROR_LENGTH_MAX
        assert known.ended_ago_s is not None
        assert not known.is_running
        assert known.due_in_s > 0

    def test_jobs_that_are_not_asked_for_are_left_to_others(self, schedules: Schedules, job: str) -> None:
        schedules.plan({job: HOURLY})
        assert schedules.take([f"{job}-other"]) is None

    def test_of_many_schedulers_at_once_one_gets_the_turn(
        self, schedules: Schedules, job: str, release_thread: Callable[[], None]
    ) -> None:
        schedules.plan({job: HOURLY})
        threads = Threads(release_thread)
        turns = threads.race(RACERS, lambda _: schedules.take([job]))
        assert [turn.error for turn in turns] == [None] * RACERS
        assert len([turn for turn in turns if turn.result is not None]) == 1


def state(schedules: Schedules, job: str) -> ScheduleState:
    """What is known of the job."""
    known: Mapping[str, ScheduleState] = {each.job: each for each in schedules.states()}
    return known[job]
