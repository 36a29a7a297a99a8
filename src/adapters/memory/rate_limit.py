"""Rate limits that each process counts for itself."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from uuid import UUID

from application.ports.rate_limit import RateLimits


class InMemoryRateLimiter:
    """RateLimiter of one process: N processes admit up to N times the limit.

    Windows are counted by a clock that never goes back; what is kept is bounded by the owners seen in one window.
    """

    def __init__(self, limits: RateLimits, *, seconds: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._seconds = limits, seconds
        self._lock = threading.Lock()
        self._window = -1
        self._owners: Counter[tuple[UUID, str]] = Counter()
        self._tenants: Counter[UUID] = Counter()

    def admit(self, tenant_id: UUID, owner: str) -> int | None:
        """See the port."""
        limits = self._limits
        with self._lock:
            now = self._seconds()
            window = int(now // limits.window_s)
            if window != self._window:
                self._window = window
                self._owners.clear()
                self._tenants.clear()
            if self._owners[tenant_id, owner] >= limits.owner or self._tenants[tenant_id] >= limits.tenant:
                return max(1, math.ceil((window + 1) * limits.window_s - now))
            self._owners[tenant_id, owner] += 1
            self._tenants[tenant_id] += 1
        return None
