"""Runs named child processes: starts them in order, watches, restarts, and stops them in reverse.

One thread does it all, the one that calls; the kernel's parent-death signal is bound to it (see
child_process).
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

from adapters.embedded.child_process import Command, spawn
from adapters.embedded.errors import EmbeddedServiceError, StopRequested
from adapters.embedded.parent_guard import ParentGuard
from adapters.embedded.processes import POLL_S, send_signal
from adapters.embedded.state_directory import StateDirectory

RESTARTS_MAX = 5  # unexpected deaths of one service within the window; one more stops the stack
RESTART_WINDOW_S = 300.0
BACK_OFF_FIRST_S = 0.25
BACK_OFF_MAX_S = 10.0
DOUBLINGS_MAX = 10
START_TRIES_MAX = 60  # of one start whose failures `starts_again` calls passing
START_TRY_PAUSE_S = 0.5
KILL_TIMEOUT_S = 10.0
WATCH_EVERY_S = 0.2
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A child process: what to run, when it is ready, how it stops.

    `command` is asked before every start. `starts_again` gets the log's tail of a start that ended before it
    was ready, and says whether to try once more. `foundation` services stop last, one after the other; the
    others are all told to stop first and waited for together.
    """

    name: str
    command: Callable[[], Command]
    is_ready: Callable[[], bool] = lambda: True
    ready_timeout_s: float = 30.0
    starts_again: Callable[[str], bool] = lambda log_tail: False
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 20.0
    foundation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often a service may die before the stack gives up, and the longest pause before it is started again."""

    restarts_max: int = RESTARTS_MAX
    back_off_max_s: float = BACK_OFF_MAX_S


USUAL_PATIENCE = Patience()


@dataclass(slots=True)
class _Child:
    service: Service
    process: subprocess.Popen[bytes] | None = None
    deaths: deque[float] = field(default_factory=deque)
    restart_at: float = 0.0
    ready_by: float | None = None
    """Of a restart that isn't ready yet: until when it must be."""
    log_offset: int = 0


class Supervisor:
    """Owns the children of one state directory, their logs and the guard process that outlives us."""

    def __init__(
        self,
        state: StateDirectory,
        *,
        on_change: Callable[[], None] = lambda: None,
        report: Callable[[str], None] = lambda line: None,
        patience: Patience = USUAL_PATIENCE,
    ) -> None:
        """`on_change` is called when a pid has changed; `report` gets one line for people about an event."""
        self._state = state
        self._on_change = on_change
        self._report = report
        self._patience = patience
        self._children: dict[str, _Child] = {}
        self._guard = ParentGuard()
        self._stop_requested = False

    @property
    def pids(self) -> dict[str, int]:
        """The children that run, the guard included."""
        running = {name: child.process.pid for name, child in self._children.items() if child.process}
        return {"guard": self._guard.pid, **running} if self._guard.pid else running

    @property
    def stop_requested(self) -> bool:
        return self._stop_requested

    @contextmanager
    def handling_signals(self) -> Iterator[None]:
        """Let SIGINT, SIGTERM and SIGHUP ask for a stop, also while services start. Main thread only.

        A signal that the caller was started to ignore (`nohup`, a shell's `&`) stays ignored.
        """
        heeded = [number for number in STOP_SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        previous = {number: signal.signal(number, self._on_signal) for number in heeded}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def request_stop(self) -> None:
        """Make run_until_stopped() return, or a start in progress raise StopRequested."""
        self._stop_requested = True

    def start(self, service: Service) -> None:
        """Start a service and wait until it is ready.

        Raises EmbeddedServiceError with the tail of its log when it ends or isn't ready in time (it is
        stopped then), and StopRequested after a signal.
        """
        if service.name in self._children:
            raise EmbeddedServiceError(f"there is a child named {service.name} already; choose another name")
        child = self._children[service.name] = _Child(service)
        try:
            self._start(child)
        except BaseException:
            self._end([child])
            del self._children[service.name]
            raise

    def run_until_stopped(self) -> None:
        """Watch the children until a stop is requested; returns then, with all of them still running.

        Raises EmbeddedServiceError when one died too often within RESTART_WINDOW_S; one that doesn't become ready
        again in time counts as dead.
        """
        while not self._stop_requested:
            if self._guard.ensure_running():
                self._on_change()
            for child in list(self._children.values()):
                self._watch(child)
            time.sleep(WATCH_EVERY_S)

    def stop(self) -> None:
        """Stop all children in reverse order of start, SIGKILL last; then the guard."""
        children = list(reversed(self._children.values()))
        self._end([child for child in children if not child.service.foundation])
        for child in children:
            self._end([child])
        self._children.clear()
        self._guard.close()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop_requested = True

    def _start(self, child: _Child) -> None:
        service = child.service
        deadline = time.monotonic() + service.ready_timeout_s
        for _ in range(START_TRIES_MAX):
            offset = self._state.log_size(service.name)
            process = self._spawn(child)
            if self._becomes_ready(process, service, deadline):
                self._report(f"{service.name} is ready")
                return
            tail = self._state.log_tail(service.name, since=offset)
            if process.poll() is None:
                raise EmbeddedServiceError(
                    f"{service.name} wasn't ready within {service.ready_timeout_s:g} s; "
                    f"see {self._state.log_path(service.name)}, which ends with:\n{tail}"
                )
            self._bury(child)
            if time.monotonic() > deadline or not service.starts_again(tail):
                break
            time.sleep(START_TRY_PAUSE_S)
        raise EmbeddedServiceError(
            f"{service.name} ended with status {process.returncode} before it was ready; "
            f"see {self._state.log_path(service.name)}, which ends with:\n{tail}"
        )

    def _spawn(self, child: _Child) -> subprocess.Popen[bytes]:
        service = child.service
        command = service.command()
        log = self._state.open_log(service.name)
        try:
            process = spawn(command, log=log, parent_death_signal=service.stop_signal)
        finally:
            os.close(log)
        child.process = process
        self._guard.add(process.pid, stop_signal=service.stop_signal, grace_s=service.stop_timeout_s)
        self._on_change()
        return process

    def _becomes_ready(self, process: subprocess.Popen[bytes], service: Service, deadline: float) -> bool:
        while process.poll() is None:
            if self._stop_requested:
                raise StopRequested(f"stopped while {service.name} was starting")
            # It may have died while it was asked: then another program answered, not our child.
            if service.is_ready() and process.poll() is None:
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return False

    def _watch(self, child: _Child) -> None:
        """Never waits for one child, since what it needs to become ready may be another that has to be restarted."""
        now = time.monotonic()
        if child.process is None:
            if now >= child.restart_at:
                self._restart(child, now)
        elif child.process.poll() is not None:
            self._note_end(child, child.process.returncode, now)
        elif child.ready_by is not None:
            if child.service.is_ready() and child.process.poll() is None:
                child.ready_by = None
                self._report(f"{child.service.name} is ready")
            elif now > child.ready_by:
                self._end([child])
                self._note_death(child, f"wasn't ready within {child.service.ready_timeout_s:g} s")

    def _restart(self, child: _Child, now: float) -> None:
        if child.ready_by is None:
            child.ready_by = now + child.service.ready_timeout_s
        child.log_offset = self._state.log_size(child.service.name)
        try:
            self._spawn(child)
        except EmbeddedServiceError as error:
            self._note_death(child, str(error))

    def _note_end(self, child: _Child, status: int, now: float) -> None:
        service = child.service
        if child.ready_by is None:
            self._note_death(child, f"ended with status {status}")
            return
        tail = self._state.log_tail(service.name, since=child.log_offset)
        if now <= child.ready_by and service.starts_again(tail):
            self._bury(child)
            child.restart_at = now + START_TRY_PAUSE_S
        else:
            self._note_death(
                child, f"ended with status {status} before it was ready; its log ends with:\n{tail}"
            )

    def _note_death(self, child: _Child, reason: str) -> None:
        name = child.service.name
        self._bury(child)
        child.ready_by = None
        now = time.monotonic()
        while child.deaths and now - child.deaths[0] > RESTART_WINDOW_S:
            child.deaths.popleft()
        child.deaths.append(now)
        if len(child.deaths) > self._patience.restarts_max:
            raise EmbeddedServiceError(
                f"{name} died {len(child.deaths)} times within {RESTART_WINDOW_S:g} s, at last: {reason}; "
                f"see {self._state.log_path(name)}, which ends with:\n{self._state.log_tail(name)}"
            )
        doublings = min(len(child.deaths) - 1, DOUBLINGS_MAX)
        pause_s = min(BACK_OFF_FIRST_S * 2**doublings, self._patience.back_off_max_s)
        child.restart_at = now + pause_s
        self._report(f"{name} {reason.splitlines()[0]}; it is started again in {pause_s:g} s")

    def _end(self, children: list[_Child]) -> None:
        """Tell all of them to stop, then wait for each within its own time; SIGKILL for the rest."""
        told_at = time.monotonic()
        for child in children:
            if child.process is not None and child.process.poll() is None:
                send_signal(child.process.pid, child.service.stop_signal)
        for child in children:
            if child.process is None:
                continue
            left_s = max(0.0, told_at + child.service.stop_timeout_s - time.monotonic())
            try:
                child.process.wait(left_s)
            except subprocess.TimeoutExpired:
                self._report(f"{child.service.name} didn't stop in time and is killed")
                child.process.kill()
                child.process.wait(KILL_TIMEOUT_S)
            self._bury(child)

    def _bury(self, child: _Child) -> None:
        """Forget a child that has been waited for, and end what it left behind in its process group."""
        if child.process is not None:
            with suppress(OSError):
                os.killpg(child.process.pid, signal.SIGKILL)
            self._guard.remove(child.process.pid)
            child.process = None
            self._on_change()
