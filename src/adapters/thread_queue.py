"""Wakes to threads of this process, where there is no broker."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from application.ports.outbox import Wake
from application.ports.task_queue import Lane, lane_of

WAITING_MAX: Final = 1_000
"""Wakes beyond this are let go; the relay's rounds bring them again."""

_log: Final = logging.getLogger("holdwater.delivery")


class ThreadQueue:
    """TaskQueue whose tasks run here, each key once at a time."""

    def __init__(self, handle: Callable[[Wake], object], *, threads: Mapping[Lane, int]) -> None:
        self._handle = handle
        self._pools = {
            lane: ThreadPoolExecutor(count, thread_name_prefix=f"worker-{lane}")
            for lane, count in threads.items()
        }
        self._lock = threading.Lock()
        self._live: dict[Lane, set[Wake]] = {lane: set() for lane in threads}

    def wake(self, wakes: Sequence[Wake]) -> None:
        """See the port."""
        for wake in wakes:
            lane = lane_of(wake)
            with self._lock:
                live = self._live[lane]
                if wake in live or len(live) >= WAITING_MAX:
                    continue
                live.add(wake)
            self._pools[lane].submit(self._run, wake)

    def close(self, *, cancel: bool = True) -> None:
        """Finish what runs; drop what waits, or with `cancel` false finish that too."""
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=cancel)
        for pool in self._pools.values():
            pool.shutdown(wait=True)

    def _run(self, wake: Wake) -> None:
        try:
            self._handle(wake)
        except Exception:  # noqa: BLE001 - a pool would swallow it; here it is told
            _log.exception("a wake of %s failed; the key is woken again", wake.consumer)
        finally:
            with self._lock:
                self._live[lane_of(wake)].discard(wake)
