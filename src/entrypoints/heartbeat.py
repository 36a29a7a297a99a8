"""A process of a role says every few seconds that it lives."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from typing import Final

from application.ports.heartbeats import BEAT_EVERY_S, RoleProcess
from application.ports.unit_of_work import StoreUnavailable
from entrypoints.container import Container

STOP_WAIT_S: Final = 5.0

_log: Final = logging.getLogger("holdwater.heartbeat")


class Heart:
    """Beats in a thread of its own, which holds a connection only while it beats."""

    def __init__(self, container: Container, role: str) -> None:
        self._heartbeats, self._release = container.heartbeats(), container.release_thread()
        self._process = RoleProcess(
            id=container.new_id()(),
            role=role,
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=container.now()(),
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to beat; it ends with the process, or by `ask_to_stop`."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Say that the process ends in good order, as soon as may be; safe in a signal handler."""
        self._stop.set()

    def stop(self) -> None:
        """The same, and wait until it is said."""
        self.ask_to_stop()
        self._thread.join(STOP_WAIT_S)

    def _run(self) -> None:
        wait_s = 0.0
        while not self._stop.wait(wait_s):
            self._say(lambda: self._heartbeats.beat(self._process))
            wait_s = BEAT_EVERY_S
        self._say(lambda: self._heartbeats.leave(self._process))

    def _say(self, word: Callable[[], None]) -> None:
        try:
            word()
        except StoreUnavailable:
            _log.debug("a heartbeat could not be stored")  # the role itself says so louder
        except Exception:  # noqa: BLE001 - a role goes on without its heartbeat
            _log.exception("a heartbeat failed")
        finally:
            self._release()
