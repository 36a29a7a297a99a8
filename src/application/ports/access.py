"""Tenants and access tokens: looking one up on every request, and administering them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.access import Principal, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """A token as administrators see it; its secret is stored nowhere."""

    id: UUID
    tenant: str
    owner: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class AccessTokens(Protocol):
    """The look-up that every request begins with."""

    def authenticate(self, secret_hash: bytes) -> Principal | None:
        """Whose token it is; None if there is none, or it has expired or was revoked, as of this very moment.

        Notes the time of use, at most once a minute. Raises StoreUnavailable.
        """
        ...


class AccessAdministration(Protocol):
    """For operators; never reachable with the rights of the web process. Each method is one transaction."""

    def create_tenant(self, tenant_id: UUID, name: str) -> None:
        """Raises TenantNameTaken."""
        ...

    def tenant_id(self, name: str) -> UUID:
        """Raises NotFound."""
        ...

    def let_devices_register(self, tenant_id: UUID, *, themselves: bool) -> None:
        """Settle whether unknown devices of the tenant are registered by their first reading."""
        ...

    def create_token(
        self,
        *,
        id: UUID,
        tenant_id: UUID,
        owner: str,
        scopes: frozenset[Scope],
        secret_hash: bytes,
        created_at: datetime,
        expires_at: datetime,
    ) -> None:
        """Store a new token."""
        ...

    def tokens(self, tenant_id: UUID) -> Sequence[TokenView]:
        """All tokens of the tenant, oldest first, the expired and revoked included."""
        ...

    def rotate(
        self, token_id: UUID, *, new_id: UUID, secret_hash: bytes, at: datetime, expires_at: datetime
    ) -> TokenView:
        """Revoke a token and store its successor, of the same tenant, owner and scopes, in one transaction.

        Raises NotFound; TokenNotActive if it was revoked already.
        """
        ...

    def revoke(self, token_id: UUID, *, at: datetime) -> None:
        """From the commit on the token is refused; a second call changes nothing. Raises NotFound."""
        ...
