"""Rate limits that all processes count together, in Redis.

One script looks at both counts and raises them, so nothing can come between; it runs in one round trip. Redis may be
flushed, restarted or lost at any time: then counts begin anew, and while it is away each process counts for itself.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.retry import Retry

from application.ports.rate_limit import RateLimiter, RateLimits

# The number of the window is part of the key's name, by the server's clock, so that all clients agree on it and a count
# can't outlive its window. The braces keep both keys of a tenant on one node of a cluster.
_ADMIT: Final = """\
local limits = {tonumber(ARGV[1]), tonumber(ARGV[2])}
local length = tonumber(ARGV[3])
local now = tonumber(redis.call('TIME')[1])
local ends = now - now % length + length
local keys = {KEYS[1] .. ':' .. ends, KEYS[2] .. ':' .. ends}
for index = 1, 2 do
    if tonumber(redis.call('GET', keys[index]) or '0') >= limits[index] then
        return ends - now
    end
end
for index = 1, 2 do
    if redis.call('INCR', keys[index]) == 1 then
        redis.call('EXPIREAT', keys[index], ends + 1)
    end
end
return 0
"""
_KEYS: Final = 2

_log: Final = logging.getLogger("holdwater.limits")


class RedisRateLimiter:
    """RateLimiter over Redis; asks `otherwise` while that is away, and never raises because of it."""

    def __init__(
        self,
        url: str,
        limits: RateLimits,
        otherwise: RateLimiter,
        *,
        step_timeout_s: float,
        ask_again_after_s: float,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connects when it is first asked. Raises ValueError for a URL that is none.

        `step_timeout_s` holds for each step of asking Redis, five at most: connect, log in, choose the database, run
        the script, send the script if it is unknown. `ask_again_after_s`: while Redis is away, one request of this
        process in that time tries it again, and no other waits for it.
        """
        self._otherwise, self._seconds = otherwise, seconds
        self._ask_again_after_s = ask_again_after_s
        self._prefix = f"holdwater:rate:{limits.window_s}"
        self._arguments = (limits.owner, limits.tenant, limits.window_s)
        self._pool: Any = redis.ConnectionPool.from_url(
            url,
            socket_timeout=step_timeout_s,
            socket_connect_timeout=step_timeout_s,
            # A second try would double the wait; the next request is the next try.
            retry=Retry(NoBackoff(), 0),
            # The newer protocol, and the client's name and version, would be further steps of connecting.
            protocol=2,
            driver_info=None,
        )
        self._digest = hashlib.sha1(_ADMIT.encode(), usedforsecurity=False).hexdigest()
        self._turn = threading.Lock()
        self._is_away = False
        self._ask_again_at = 0.0

    def admit(self, tenant_id: UUID, owner: str) -> int | None:
        """See the port."""
        if self._is_away and not self._may_ask_again():
            return self._otherwise.admit(tenant_id, owner)
        keys = (
            f"{self._prefix}:{{{tenant_id}}}:owner:{owner}",
            f"{self._prefix}:{{{tenant_id}}}:tenant",
        )
        try:
            wait_s = self._ask(keys)
        except redis.RedisError as error:
            self._lost(error)
            return self._otherwise.admit(tenant_id, owner)
        if self._is_away:
            self._is_away = False
            _log.warning("Redis answers again; all processes count requests together")
        return wait_s or None

    def close(self) -> None:
        """Give the connections back; the next request makes new ones."""
        self._pool.disconnect()

    def _ask(self, keys: tuple[str, str]) -> int:
        try:
            return self._run("EVALSHA", self._digest, _KEYS, *keys, *self._arguments)
        except NoScriptError:
            # Redis is new or its scripts were flushed; EVAL runs the script and keeps it.
            return self._run("EVAL", _ADMIT, _KEYS, *keys, *self._arguments)

    def _run(self, *command: str | int) -> int:
        """Send a command on a connection of the pool; the client's own way to do so takes half as long again."""
        connection = self._pool.get_connection()
        try:
            connection.send_command(*command)
            answer: int = (
                connection.read_response()
            )  # a connection that fails is closed by this, and made anew
            return answer
        finally:
            self._pool.release(connection)

    def _may_ask_again(self) -> bool:
        """Whether it is this request's turn to try; true for one of those that ask in `ask_again_after_s`."""
        with self._turn:
            now = self._seconds()
            if now < self._ask_again_at:
                return False
            self._ask_again_at = now + self._ask_again_after_s
            return True

    def _lost(self, error: redis.RedisError) -> None:
        with self._turn:
            was_away, self._is_away = self._is_away, True
            self._ask_again_at = self._seconds() + self._ask_again_after_s
        if not was_away:
            _log.warning("Redis does not answer (%s); each process counts requests for itself", error)
