"""How far messages are, for whoever looks often: asked for seldom, and not known rather than made up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from application.ports.outbox import ConsumerLag
from application.ports.readiness import NotFit
from domain.errors import DomainError

_log: Final = logging.getLogger("holdwater.delivery")


class SampleLagHandler:
    """Gives many callers one answer; one thread asks, and the others wait for what it hears.

    An answer, and that there was none, is kept for `kept_s` seconds. Who waits longer than `wait_s` seconds for the
    thread that asks goes away without an answer.
    """

    def __init__(
        self,
        *,
        ask: Callable[[], Sequence[ConsumerLag]],
        seconds: Callable[[], float],
        kept_s: float,
        wait_s: float,
    ) -> None:
        """`ask` may raise any DomainError or NotFit; `seconds` is a clock that never goes back."""
        self._ask, self._seconds = ask, seconds
        self._kept_s, self._wait_s = kept_s, wait_s
        self._asking = threading.Lock()
        self._ask_again_at: float | None = None
        self._lag: Sequence[ConsumerLag] | None = None
        self._is_away = False

    def handle(self) -> Sequence[ConsumerLag] | None:
        """By consumer; None: not known at this moment."""
        if not self._asking.acquire(timeout=self._wait_s):
            return None
        try:
            if self._ask_again_at is None or self._seconds() >= self._ask_again_at:
                self._lag = self._asked()
                self._ask_again_at = self._seconds() + self._kept_s
            return self._lag
        finally:
            self._asking.release()

    def _asked(self) -> Sequence[ConsumerLag] | None:
        try:
            lag = self._ask()
        except (DomainError, NotFit) as error:
            if not self._is_away:
                _log.warning("how far messages are could not be found out: %s", error)
            self._is_away = True
            return None
        if self._is_away:
            _log.warning("how far messages are is known again")
        self._is_away = False
        return lag
