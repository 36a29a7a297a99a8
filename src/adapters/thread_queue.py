"""Wakes to threads of this process, where there is no broker."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from application.ports.outbox import Wake

WAITING_MAX: Final = 1_000
"""Wakes beyond this are let go; the relay's rounds bring them again."""

_log: Final = logging.getLogger("holdwater.delivery")


class ThreadQueue:
    """TaskQueue whose tasks run here, each key once at a time."""

    def __init__(self, handle: Callable[[Wake], object], *, threads: int) -> None:
        self._handle = handle
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="worker")
        self._lock = threading.Lock()
        self._live: set[Wake] = set()

    def wake(self, wakes: Sequence[Wake]) -> None:
        """See the port."""
        for wake in wakes:
            with self._lock:
                if wake in self._live or len(self._live) >= WAITING_MAX:
                    continue
                self._live.add(wake)
            self._pool.submit(self._run, wake)

    def close(self, *, cancel: bool = True) -> None:
        """Finish what runs; drop what waits, or with `cancel` false finish that too."""
        self._pool.shutdown(wait=True, cancel_futures=cancel)

    def _run(self, wake: Wake) -> None:
        try:
            self._handle(wake)
        except Exception:  # noqa: BLE001 - a pool would swallow it; here it is told
            _log.exception("a wake of %s failed; the key is woken again", wake.consumer)
        finally:
            with self._lock:
                self._live.discard(wake)
