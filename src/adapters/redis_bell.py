"""A bell over Redis: whoever waits for messages hears within milliseconds that some were committed.

A ring carries nothing and may be lost; then the next look at the database finds what there is (O2).
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

CHANNEL: Final = "holdwater:messages-written"
RING_AT_MOST_EVERY_S: Final = 0.02
"""Of one process: all commits in between are one ring."""
AWAY_PAUSE_S: Final = 1.0
SOCKET_TIMEOUT_S: Final = 2.0

_log: Final = logging.getLogger("holdwater.delivery")


class RedisBell:
    """Bell. Rings in a thread of its own, so that no request waits for Redis. Safe to share between threads."""

    def __init__(self, url: str) -> None:
        """Connects when it is first used; the thread is of the process that first rings."""
        self._url = url
        self._lock = threading.Lock()
        self._asked = threading.Event()
        self._thread: threading.Thread | None = None
        self._listening: Any = None

    def ring(self) -> None:
        """See the port."""
        self._asked.set()
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._ring_on, name="bell", daemon=True)
                    self._thread.start()

    def wait(self, timeout_s: float) -> None:
        """See the port."""
        began = time.monotonic()
        try:
            if self._listening is None:
                self._listening = self._client().pubsub()
                self._listening.subscribe(CHANNEL)
            heard = self._listening.get_message(timeout=timeout_s)
            while heard is not None:  # several rings are one; those that come meanwhile end the next wait
                heard = self._listening.get_message(timeout=0)
        except redis.RedisError:
            if self._listening is not None:
                self._listening.close()
            self._listening = None
            time.sleep(max(0.0, began + timeout_s - time.monotonic()))

    def _ring_on(self) -> None:
        client = self._client()
        while True:
            self._asked.wait()
            self._asked.clear()
            try:
                client.publish(CHANNEL, "")
            except redis.RedisError as error:
                _log.debug("a ring was lost: %s", error)
                time.sleep(AWAY_PAUSE_S)
            time.sleep(RING_AT_MOST_EVERY_S)

    def _client(self) -> Any:
        return redis.Redis.from_url(
            self._url,
            socket_timeout=SOCKET_TIMEOUT_S,
            socket_connect_timeout=SOCKET_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
