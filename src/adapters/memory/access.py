"""Tenants and access tokens in memory; each method is one step under the database's latch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from adapters.memory.database import InMemoryDatabase, Row
from application.ports.access import TokenView
from domain.access import Principal, Scope, TenantNameTaken, TokenNotActive
from domain.errors import NotFound

USE_NOTED_EVERY: Final = timedelta(minutes=1)


class InMemoryAccessTokens:
    """See the port."""

    def __init__(self, *, database: InMemoryDatabase) -> None:
        self._database = database

    def authenticate(self, secret_hash: bytes) -> Principal | None:
        """See the port."""
        with self._database.latch:
            at = self._database.now()
            for token in self._database.tokens.values():
                if token["secret_hash"] == secret_hash:
                    return _principal(token, at)
        return None


class InMemoryAccessAdministration:
    """See the port."""

    def __init__(self, *, database: InMemoryDatabase) -> None:
        self._database = database

    def create_tenant(self, tenant_id: UUID, name: str) -> None:
        """See the port."""
        with self._database.latch:
            if name in self._database.tenants.values():
                raise TenantNameTaken(name=name)
            self._database.tenants[tenant_id] = name

    def tenant_id(self, name: str) -> UUID:
        """See the port."""
        with self._database.latch:
            for tenant_id, known in self._database.tenants.items():
                if known == name:
                    return tenant_id
        raise NotFound(kind="tenant", id=name)

    def let_devices_register(self, tenant_id: UUID, *, themselves: bool) -> None:
        """See the port."""
        with self._database.latch:
            if themselves:
                self._database.tenants_of_known_devices.discard(tenant_id)
            else:
                self._database.tenants_of_known_devices.add(tenant_id)

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
        """See the port."""
        with self._database.latch:
            self._database.tokens[id] = {
                "id": id,
                "tenant_id": tenant_id,
                "owner": owner,
                "scopes": scopes,
                "secret_hash": secret_hash,
                "created_at": created_at,
                "expires_at": expires_at,
                "last_used_at": None,
                "revoked_at": None,
            }

    def tokens(self, tenant_id: UUID) -> Sequence[TokenView]:
        """See the port."""
        with self._database.latch:
            rows = [row for row in self._database.tokens.values() if row["tenant_id"] == tenant_id]
            rows.sort(key=lambda row: (row["created_at"], row["id"]))
            return [self._view(row) for row in rows]

    def rotate(
        self, token_id: UUID, *, new_id: UUID, secret_hash: bytes, at: datetime, expires_at: datetime
    ) -> TokenView:
        """See the port."""
        with self._database.latch:
            old = self._token(token_id)
            if old["revoked_at"] is not None:
                raise TokenNotActive(id=str(token_id))
            new = {
                **old,
                "id": new_id,
                "secret_hash": secret_hash,
                "created_at": at,
                "expires_at": expires_at,
                "last_used_at": None,
            }
            old["revoked_at"] = at
            self._database.tokens[new_id] = new
            return self._view(new)

    def revoke(self, token_id: UUID, *, at: datetime) -> None:
        """See the port."""
        with self._database.latch:
            token = self._token(token_id)
            if token["revoked_at"] is None:
                token["revoked_at"] = at

    def _token(self, token_id: UUID) -> Row:
        try:
            return self._database.tokens[token_id]
        except KeyError:
            raise NotFound(kind="token", id=str(token_id)) from None

    def _view(self, row: Row) -> TokenView:
        return TokenView(
            id=row["id"],
            tenant=self._database.tenants[row["tenant_id"]],
            owner=row["owner"],
            scopes=tuple(sorted(row["scopes"])),
            created_at=row["created_at"],
            expires_at=row["expires_at"],
            last_used_at=row["last_used_at"],
            revoked_at=row["revoked_at"],
        )


def _principal(token: Row, at: datetime) -> Principal | None:
    if token["revoked_at"] is not None or token["expires_at"] <= at:
        return None
    if token["last_used_at"] is None or token["last_used_at"] + USE_NOTED_EVERY <= at:
        token["last_used_at"] = at
    return Principal(token["tenant_id"], token["owner"], token["scopes"])
