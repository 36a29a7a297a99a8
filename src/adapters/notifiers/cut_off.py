"""An end for a conversation as a whole, where a library limits each of its steps alone."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from types import TracebackType
from typing import Self


class CutOff:
    """Shuts the watched connection down when `seconds` have passed, whatever thread is waiting on it.

    A receiver that sends a byte now and then would never meet a time-out of each step. Whoever waits sees the
    connection end.
    """

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._twins: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self.was_cut = False

    @property
    def left_s(self) -> float:
        """Seconds to the end. Raises TimeoutError when it has come."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left

    def watch(self, connection: socket.socket) -> None:
        """End this connection too; a twin of it is kept, for TLS takes the original away from its object."""
        with self._lock:
            if self.was_cut:
                raise TimeoutError("timed out")
            self._twins.append(socket.socket(fileno=os.dup(connection.fileno())))

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for twin in self._twins:
                twin.close()
            self._twins.clear()

    def _cut(self) -> None:
        with self._lock:
            self.was_cut = True
            for twin in self._twins:
                with contextlib.suppress(OSError):  # the other side may have ended it just now
                    twin.shutdown(socket.SHUT_RDWR)
