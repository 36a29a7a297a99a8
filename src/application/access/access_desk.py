"""Issue, rotate and revoke access tokens, and create the tenants that they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from application.ports.access import AccessAdministration, TokenView
from application.ports.clock import Clock, NewId, NewSecret
from domain.access import (
    OWNER_LENGTH_MAX,
    TENANT_NAME_LENGTH_MAX,
    TOKEN_LIFETIME_DEFAULT,
    TOKEN_LIFETIME_MAX,
    hash_secret,
    parse_scopes,
)
from domain.errors import InvalidInput
from domain.text import require_text


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueToken:
    """For whom, with which scopes, for how long."""

    tenant: str
    owner: str
    scopes: tuple[str, ...]
    lifetime: timedelta = TOKEN_LIFETIME_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A new token; the one time that its secret is shown."""

    id: UUID
    secret: str


@dataclass(frozen=True)
class AccessDesk:
    """The operator's desk: every method is one transaction of the administration port."""

    administration: AccessAdministration
    now: Clock
    new_id: NewId
    new_secret: NewSecret

    def create_tenant(self, name: str) -> UUID:
        """Raises InvalidInput, TenantNameTaken."""
        require_text("name", name, length_max=TENANT_NAME_LENGTH_MAX)
        tenant_id = self.new_id()
        self.administration.create_tenant(tenant_id, name)
        return tenant_id

    def let_devices_register(self, tenant: str, *, themselves: bool) -> None:
        """Settle whether unknown devices are registered by their first reading. Raises NotFound."""
        self.administration.let_devices_register(self.administration.tenant_id(tenant), themselves=themselves)

    def issue(self, command: IssueToken) -> IssuedToken:
        """Raises NotFound for an unknown tenant, InvalidInput."""
        require_text("owner", command.owner, length_max=OWNER_LENGTH_MAX)
        _require_lifetime(command.lifetime)
        at, issued = self.now(), IssuedToken(id=self.new_id(), secret=self.new_secret())
        self.administration.create_token(
            id=issued.id,
            tenant_id=self.administration.tenant_id(command.tenant),
            owner=command.owner,
            scopes=parse_scopes(command.scopes),
            secret_hash=hash_secret(issued.secret),
            created_at=at,
            expires_at=at + command.lifetime,
        )
        return issued

    def tokens(self, tenant: str) -> tuple[TokenView, ...]:
        """All tokens of the tenant, oldest first. Raises NotFound."""
        return tuple(self.administration.tokens(self.administration.tenant_id(tenant)))

    def rotate(self, token_id: UUID, lifetime: timedelta = TOKEN_LIFETIME_DEFAULT) -> IssuedToken:
        """Replace a token; the owner stays, and with it the idempotency keys. Raises NotFound, TokenNotActive."""
        _require_lifetime(lifetime)
        at, issued = self.now(), IssuedToken(id=self.new_id(), secret=self.new_secret())
        self.administration.rotate(
            token_id,
            new_id=issued.id,
            secret_hash=hash_secret(issued.secret),
            at=at,
            expires_at=at + lifetime,
        )
        return issued

    def revoke(self, token_id: UUID) -> None:
        """Refuse the token from now on. Raises NotFound."""
        self.administration.revoke(token_id, at=self.now())


def _require_lifetime(lifetime: timedelta) -> None:
    if not timedelta(0) < lifetime <= TOKEN_LIFETIME_MAX:
        raise InvalidInput(
            field="lifetime", problem=f"must be above 0 and at most {TOKEN_LIFETIME_MAX.days} days"
        )
