"""Rounds of work: idle between them, patient while a server is away, and ended by a signal's event."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from application.ports.task_queue import QueueUnavailable
from application.ports.unit_of_work import StoreUnavailable
from entrypoints.worker.rounds import AWAY_WAIT_S_FIRST, AWAY_WAIT_S_MAX, holds, run_rounds

MORE, IDLE = True, False


class Told(threading.Event):
    """A stop event that waits no time, and notes how long it was to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        return self.is_set()


def script(stop: Told, *steps: bool | Exception) -> Callable[[], bool]:
    """Rounds that give or raise these, and then ask to stop."""
    left = list(steps)

    def do_round() -> bool:
        if not left:
            stop.set()
            return True
        step = left.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    return do_round


def test_rounds_follow_at_once_while_there_is_more_and_idle_otherwise() -> None:
    stop = Told()
    run_rounds(script(stop, MORE, IDLE, MORE, IDLE), stop=stop, idle_s=3)
    assert stop.waits == [3, 3]


def test_who_idles_otherwise_is_asked_to() -> None:
    stop, idled = Told(), list[float]()
    run_rounds(script(stop, IDLE, IDLE), stop=stop, idle_s=3, idle=idled.append)
    assert (idled, stop.waits) == ([3, 3], [])


@pytest.mark.parametrize(
    "away", [StoreUnavailable(retry_after_s=1), QueueUnavailable()], ids=lambda error: type(error).__name__
)
def test_waits_grow_to_a_bound_while_a_server_is_away_and_start_anew(
    away: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    stop = Told()
    run_rounds(script(stop, *[away] * 8, MORE, away), stop=stop, idle_s=3)
    assert stop.waits[0] == AWAY_WAIT_S_FIRST
    assert stop.waits[1] == 2 * AWAY_WAIT_S_FIRST
    assert stop.waits[7] == AWAY_WAIT_S_MAX
    assert stop.waits[8] == AWAY_WAIT_S_FIRST
    assert caplog.text.count("back at work") == 2
    assert caplog.text.count(str(away)) == 2


def test_a_fault_of_the_code_ends_the_rounds() -> None:
    stop = Told()
    with pytest.raises(ZeroDivisionError):
        run_rounds(script(stop, ZeroDivisionError()), stop=stop, idle_s=3)


def test_a_check_is_repeated_while_the_store_is_away() -> None:
    stop = Told()
    assert holds(
        script(stop, StoreUnavailable(retry_after_s=1), StoreUnavailable(retry_after_s=1), IDLE), stop=stop
    )
    assert stop.waits == [0, AWAY_WAIT_S_FIRST, 2 * AWAY_WAIT_S_FIRST]


def test_a_check_that_refuses_is_heard_and_one_that_was_stopped_is_not_passed() -> None:
    stop = Told()
    with pytest.raises(ZeroDivisionError):
        holds(script(stop, ZeroDivisionError()), stop=stop)
    stop.set()
    assert not holds(script(stop, IDLE), stop=stop)
