"""Rate limits that all processes count together, in Redis.

One script looks at both counts and raises them, so nothing can come between; it runs in one round trip. Redis may be
flushed, restarted or lost at any time: then counts begin anew, and while it is away each process counts for itself.
"""

from __future__ import annotations

import functools
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
PACKED_MAX: Final = 1_024
"""Callers whose command is kept ready to be sent."""

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
        the script, send the script if it is unknown (one found closed takes no time).
        `ask_again_after_s`: while Redis is away, one request of this process in that time tries it again, and no
        other waits for it.
        """
        self._otherwise, self._seconds = otherwise, seconds
        self._ask_again_after_s = ask_again_after_s
        self._prefix = f"holdwater:rate:{limits.window_s}"
        self._arguments = (limits.owner, limits.tenant, limits.window_s)
        # The pool knows what a URL means; its connections are not taken from it, see `_run`.
        pool: Any = redis.ConnectionPool.from_url(
            url,
            socket_timeout=step_timeout_s,
            socket_connect_timeout=step_timeout_s,
            # A second try would double the wait; the next request is the next try.
            retry=Retry(NoBackoff(), 0),
            # The newer protocol, and the client's name and version, would be further steps of connecting.
            protocol=2,
            driver_info=None,
        )
        self._new_connection = functools.partial(pool.connection_class, **pool.connection_kwargs)
        self._packer = self._new_connection()  # never connects
        self._idle: list[Any] = []
        """Connections that nobody uses; never more than there were threads asking at once."""
        self._packed = functools.lru_cache(PACKED_MAX)(self._pack)
        self._digest = hashlib.sha1(_ADMIT.encode(), usedforsecurity=False).hexdigest()
        self._turn = threading.Lock()
        self._is_away = False
        self._ask_again_at = 0.0

    def admit(self, tenant_id: UUID, owner: str) -> int | None:
        """See the port."""
        if self._is_away and not self._may_ask_again():
            return self._otherwise.admit(tenant_id, owner)
        try:
            wait_s = self._ask(tenant_id, owner)
        except redis.RedisError as error:
            self._lost(error)
            return self._otherwise.admit(tenant_id, owner)
        if self._is_away:
            self._is_away = False
            _log.warning("Redis answers again; all processes count requests together")
        return wait_s or None

    def close(self) -> None:
        """Give the connections back; the next request makes new ones."""
        while self._idle:
            self._idle.pop().disconnect()

    def _ask(self, tenant_id: UUID, owner: str) -> int:
        try:
            return self._run(self._packed(tenant_id, owner, "EVALSHA", self._digest))
        except NoScriptError:
            # Redis is new or its scripts were flushed; EVAL runs the script and keeps it.
            return self._run(self._pack(tenant_id, owner, "EVAL", _ADMIT))

    def _pack(self, tenant_id: UUID, owner: str, command: str, script: str) -> list[bytes]:
        tenant = f"{self._prefix}:{{{tenant_id}}}"
        keys = (f"{tenant}:owner:{owner}", f"{tenant}:tenant")
        packed: list[bytes] = self._packer.pack_command(command, script, _KEYS, *keys, *self._arguments)
        return packed

    def _run(self, packed: list[bytes]) -> int:
        """Send a command. The client's pool would look at the connection before and after, for half the time of it all.

        Instead, a connection that was closed while it was idle is noticed when it is used, and made anew once.
        """
        try:
            connection, is_new = self._idle.pop(), False
        except IndexError:
            connection, is_new = self._new_connection(), True
        try:
            return self._exchange(connection, packed)
        except redis.ConnectionError:
            if is_new:
                raise
            return self._exchange(connection, packed)
        finally:
            self._idle.append(connection)

    def _exchange(self, connection: Any, packed: list[bytes]) -> int:
        """A connection that fails is closed by this, and opens again when it is used next."""
        connection.send_packed_command(packed)
        answer: int = connection.read_response()
        return answer

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
