"""A notifier that keeps what it was told, and fails when it is told to."""

from __future__ import annotations

import threading
import time
from uuid import UUID

from application.ports.notifier import Notice, NoticeRefused, NotifierUnavailable


class InMemoryNotifier:
    """Notifier whose receiver knows a repetition by its key, as a good one does."""

    def __init__(self, channel: str = "memory") -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._attempts: list[Notice] = []
        self._taken: dict[UUID, Notice] = {}
        self._failures_left = 0
        self._retry_after_s: int | None = None
        self._refusal: str | None = None
        self._pause_s = 0.0

    @property
    def channel(self) -> str:
        """See the port."""
        return self._channel

    @property
    def attempts(self) -> tuple[Notice, ...]:
        """What `notify` was called with, in order, whatever came of it."""
        with self._lock:
            return tuple(self._attempts)

    @property
    def taken(self) -> tuple[Notice, ...]:
        """What the receiver took, each key once, in order."""
        with self._lock:
            return tuple(self._taken.values())

    def fail(self, times: int, *, retry_after_s: int | None = None) -> None:
        """Let the next `times` attempts fail in passing."""
        with self._lock:
            self._failures_left, self._retry_after_s = times, retry_after_s

    def refuse(self, problem: str | None) -> None:
        """Refuse everything for that reason from now on; None ends it."""
        with self._lock:
            self._refusal = problem

    def slow_down(self, pause_s: float) -> None:
        """Let each attempt take so many seconds from now on."""
        with self._lock:
            self._pause_s = pause_s

    def notify(self, notice: Notice) -> None:
        """See the port."""
        with self._lock:
            self._attempts.append(notice)
            pause_s = self._pause_s
        time.sleep(pause_s)
        with self._lock:
            if self._refusal is not None:
                raise NoticeRefused(channel=self._channel, problem=self._refusal)
            if self._failures_left:
                self._failures_left -= 1
                raise NotifierUnavailable(
                    channel=self._channel, problem="it was told to fail", retry_after_s=self._retry_after_s
                )
            self._taken.setdefault(notice.id, notice)
