"""Find out who is calling."""

from __future__ import annotations

from dataclasses import dataclass

from application.ports.access import AccessTokens
from domain.access import SECRET_LENGTH_MAX, NotAuthenticated, Principal, hash_secret


@dataclass(frozen=True)
class AuthenticateHandler:
    """Looks the token up by its hash, on every request, so that a revoked one is refused at once."""

    tokens: AccessTokens

    def handle(self, secret: str) -> Principal:
        """Raises NotAuthenticated; the same for a token that never was, has expired, or was revoked."""
        principal = None
        if 1 <= len(secret) <= SECRET_LENGTH_MAX:
            principal = self.tokens.authenticate(hash_secret(secret))
        if principal is None:
            raise NotAuthenticated()
        return principal
