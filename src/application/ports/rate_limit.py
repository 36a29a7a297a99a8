"""How many requests a caller may send: counted in fixed windows, for each token owner and for each tenant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from domain.errors import DomainError


class TooManyRequests(DomainError):
    """Too many requests from this tenant or this token's owner; send the same one again in {retry_after_s} s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """What is admitted in one window of `window_s` seconds."""

    owner: int
    """Requests of one token owner; rotating a token gives no second allowance."""
    tenant: int
    """Requests of all token owners of one tenant together."""
    window_s: int


class RateLimiter(Protocol):
    """Admits a limited number of requests in each window."""

    def admit(self, tenant_id: UUID, owner: str) -> int | None:
        """None: the request is admitted, and counted for its owner and its tenant. Else whole seconds to wait.

        Both counts are looked at and raised as one step, so that a limit of N admits exactly N in a window however
        many ask at once, and a request that is not admitted counts for neither. Never raises.
        """
        ...
