"""Real threads for race tests: every wait is bounded, every error comes back to the test."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from application.ports.unit_of_work import UnitOfWork

WAIT_S_MAX: Final = 30
"""Longer than any correct run takes; who waits longer fails."""

GRACE_S: Final = 0.05
"""How long a test looks for something that must not happen; too short hides a fault, it never makes one up."""

Result = TypeVar("Result")


class RolledBackOnPurpose(Exception):
    """Ends a transaction by an exception, to see it rolled back."""


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """What one thread came to: a result, or the error that it raised."""

    result: Result | None = None
    error: Exception | None = None


class Threads:
    """Runs actions at the same time; `release_thread` is called at the end of each thread."""

    def __init__(self, release_thread: Callable[[], None]) -> None:
        self._release_thread = release_thread

    def race(self, count: int, action: Callable[[int], Result]) -> list[Outcome[Result]]:
        """Start `action(0)` … `action(count - 1)` together; their outcomes in that order."""
        line_up = threading.Barrier(count)
        outcomes: list[Outcome[Result] | None] = [None] * count

        def run(index: int) -> None:
            try:
                line_up.wait(WAIT_S_MAX)
                outcomes[index] = Outcome(result=action(index))
            except Exception as error:  # noqa: BLE001 - whatever it was, the test decides
                outcomes[index] = Outcome(error=error)
            finally:
                self._release_thread()

        runners = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(count)]
        for runner in runners:
            runner.start()
        for runner in runners:
            runner.join(WAIT_S_MAX)
        finished = [outcome for outcome in outcomes if outcome is not None]
        assert len(finished) == count, f"{count - len(finished)} of {count} threads are still running"
        return finished

    def run(self, action: Callable[[], Result]) -> Result:
        """Run one action in a thread of its own; its result, or its error raised here."""
        (outcome,) = self.race(1, lambda _: action())
        if outcome.error is not None:
            raise outcome.error
        return outcome.result  # type: ignore[return-value]

    def start(self, action: Callable[[], Result]) -> Running[Result]:
        """Run an action in a thread of its own and go on."""
        return Running(action, self._release_thread)

    def hold_open(
        self, unit_of_work: AbstractContextManager[UnitOfWork], work: Callable[[UnitOfWork], object]
    ) -> HeldTransaction:
        """Do the work in a transaction in another thread, and leave it open until it is told to end."""
        return HeldTransaction(unit_of_work, work, self._release_thread)


class Running(Generic[Result]):
    """An action that runs in a thread of its own."""

    def __init__(self, action: Callable[[], Result], release_thread: Callable[[], None]) -> None:
        self._action, self._release_thread = action, release_thread
        self._outcome: Outcome[Result] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def waits(self) -> bool:
        """Whether it is still running after a moment that suffices for what does not have to wait."""
        self._thread.join(GRACE_S)
        return self._outcome is None

    def outcome(self) -> Outcome[Result]:
        """What it came to, once it has ended."""
        self._thread.join(WAIT_S_MAX)
        assert self._outcome is not None, "the action did not end"
        return self._outcome

    def _run(self) -> None:
        try:
            self._outcome = Outcome(result=self._action())
        except Exception as error:  # noqa: BLE001 - handed to the test
            self._outcome = Outcome(error=error)
        finally:
            self._release_thread()


class HeldTransaction:
    """A transaction in a thread of its own, paused after its work."""

    def __init__(
        self,
        unit_of_work: AbstractContextManager[UnitOfWork],
        work: Callable[[UnitOfWork], object],
        release_thread: Callable[[], None],
    ) -> None:
        self._unit_of_work, self._work, self._release_thread = unit_of_work, work, release_thread
        self._worked, self._may_end = threading.Event(), threading.Event()
        self._commits = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        if not self._worked.wait(WAIT_S_MAX):
            raise TimeoutError("the transaction did not get through its work")
        if self._error is not None:
            raise self._error

    def commit(self) -> None:
        """Let it commit, and wait until it has. Raises what the commit raised."""
        self._commits = True
        self._end()
        if self._error is not None:
            raise self._error

    def roll_back(self) -> None:
        """Let it roll back, and wait until it has; nothing if it has ended already."""
        self._end()

    def _end(self) -> None:
        self._may_end.set()
        self._thread.join(WAIT_S_MAX)
        assert not self._thread.is_alive(), "the transaction did not end"

    def _run(self) -> None:
        try:
            with self._unit_of_work as uow:
                self._work(uow)
                self._worked.set()
                if not (self._may_end.wait(WAIT_S_MAX) and self._commits):
                    raise RolledBackOnPurpose
        except RolledBackOnPurpose:
            pass
        except Exception as error:  # noqa: BLE001 - handed to the test
            self._error = error
        finally:
            self._worked.set()
            self._release_thread()
