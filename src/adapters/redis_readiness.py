"""Whether Redis answers; the service works without it, only later wake-ups come by sweep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import redis

from application.ports.readiness import CheckResult

TIMEOUT_S: Final = 1


@dataclass(frozen=True)
class RedisCheck:
    """The readiness check `redis`; an empty URL means that poll mode is wanted, which is no problem."""

    url: str

    def __call__(self) -> CheckResult:
        """Connect, ask, disconnect; never raises, takes TIMEOUT_S at most for each step."""
        return CheckResult("redis", required=False, problem=self._problem() if self.url else None)

    def _problem(self) -> str | None:
        try:
            with redis.Redis.from_url(
                self.url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
            ) as client:
                client.ping()
        except (redis.RedisError, ValueError) as error:
            return f"Redis does not answer: {type(error).__name__}"
        return None
