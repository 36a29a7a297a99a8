"""Who may do what: tenants, the scopes of an access token, and the rules of its life."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.errors import Conflict, DomainError, InvalidInput

TENANT_NAME_LENGTH_MAX: Final = 100
OWNER_LENGTH_MAX: Final = 100
TOKEN_LIFETIME_DEFAULT: Final = timedelta(days=90)
TOKEN_LIFETIME_MAX: Final = timedelta(days=3_650)
SECRET_LENGTH_MAX: Final = 200
"""Longer bearer tokens are refused without a look-up."""


class NotAuthenticated(DomainError):
    """The access token is missing, unknown, expired or revoked; send a valid one as 'Authorization: Bearer TOKEN'."""


class ScopeMissing(DomainError):
    """The access token lacks the scope {scope}; ask for a token that has it."""


class TenantNameTaken(Conflict):
    """There is a tenant {name!r} already."""


class TokenNotActive(Conflict):
    """The token {id} has been revoked; create a new one."""


class Scope(StrEnum):
    """What a token allows. A write scope includes reading in its area; `all` includes everything."""

    PRODUCTS_READ = "products:read"
    PRODUCTS_WRITE = "products:write"
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    ORDERS_IMPORT = "orders:import"
    PAYMENTS_REFUND = "payments:refund"
    READINGS_READ = "readings:read"
    READINGS_WRITE = "readings:write"
    OPS = "ops"
    ALL = "all"


def parse_scopes(names: Iterable[str]) -> frozenset[Scope]:
    """The scopes of those names. Raises InvalidInput for an unknown name or none at all."""
    try:
        scopes = frozenset(Scope(name.strip()) for name in names)
    except ValueError as error:
        known = ", ".join(scope.value for scope in Scope)
        raise InvalidInput(field="scopes", problem=f"{error}; known are {known}") from None
    if not scopes:
        raise InvalidInput(field="scopes", problem="name at least one")
    return scopes


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling: the owner of a valid token, within one tenant."""

    tenant_id: UUID
    owner: str
    scopes: frozenset[Scope]

    def allows(self, scope: Scope) -> bool:
        """Whether the token's scopes include `scope`."""
        area, _, right = scope.value.partition(":")
        return (
            Scope.ALL in self.scopes
            or scope in self.scopes
            or (right == "read" and any(held.value == f"{area}:write" for held in self.scopes))
        )

    def require(self, scope: Scope) -> None:
        """Raise ScopeMissing unless the token's scopes include `scope`."""
        if not self.allows(scope):
            raise ScopeMissing(scope=scope.value)


def hash_secret(secret: str) -> bytes:
    """What is stored of a token: SHA-256. A plain hash suffices, since the secret has 256 random bits."""
    return hashlib.sha256(secret.encode()).digest()
