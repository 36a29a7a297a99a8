"""Rounds of work until the process is told to stop, patient while a server is away."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from application.ports.task_queue import QueueUnavailable
from application.ports.unit_of_work import StoreUnavailable, TransactionConflict

AWAY_WAIT_S_FIRST: Final = 0.1
AWAY_WAIT_S_MAX: Final = 1.0

_log: Final = logging.getLogger("holdwater.delivery")


def run_rounds(
    do_round: Callable[[], bool],
    *,
    stop: threading.Event,
    idle_s: float,
    idle: Callable[[float], object] | None = None,
) -> None:
    """Call `do_round` until `stop` is set: at once again if it returns true, else after `idle_s` seconds.

    `idle` waits so long, or less if there is reason to; without one nothing ends the wait but `stop`.

    While PostgreSQL or the broker is away it is called after growing waits of at most AWAY_WAIT_S_MAX seconds.
    """
    wait_s = 0.0
    while not stop.is_set():
        try:
            goes_on = do_round()
        except (StoreUnavailable, QueueUnavailable, TransactionConflict) as error:
            if not wait_s:
                _log.warning("%s", error)
            wait_s = _longer(wait_s)
            stop.wait(wait_s)
            continue
        if wait_s:
            _log.warning("back at work")
            wait_s = 0.0
        if not goes_on:
            (idle or stop.wait)(idle_s)


def holds(check: Callable[[], object], *, stop: threading.Event) -> bool:
    """Call `check` until it returns, which it does not while PostgreSQL is away; false if told to stop before.

    Whatever else it raises is raised here.
    """
    wait_s = 0.0
    while not stop.wait(wait_s):
        try:
            check()
        except StoreUnavailable as error:
            if not wait_s:
                _log.warning("%s", error)
            wait_s = _longer(wait_s)
        else:
            return True
    return False


def _longer(wait_s: float) -> float:
    return min(max(AWAY_WAIT_S_FIRST, 2 * wait_s), AWAY_WAIT_S_MAX)


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set; main thread only."""
    stop = threading.Event()

    def ask_to_stop(signum: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, ask_to_stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
