"""Tenants and access tokens on PostgreSQL: looked up as the application's role, administered as the owner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final
from uuid import UUID

import django.db
from django.db import transaction
from django.db.models.functions import Now

from adapters.django_orm.error_translation import constraint_name, port_errors
from adapters.django_orm.models import AccessToken, TelemetrySetting, Tenant
from adapters.django_orm.tenant_session import query_of_nobody
from application.ports.access import TokenView
from domain.access import Principal, Scope, TenantNameTaken, TokenNotActive
from domain.errors import NotFound

ADMINISTRATION_ALIAS: Final = "owner"


class DjangoAccessTokens:
    """AccessTokens, through the one database function that may see a token."""

    def authenticate(self, secret_hash: bytes) -> Principal | None:
        """See the port. One message to the server; times are the database's."""
        rows = query_of_nobody("SELECT tenant_id, owner, scopes FROM authenticate_token(%s)", (secret_hash,))
        if not rows:
            return None
        tenant_id, owner, scopes = rows[0]
        return Principal(tenant_id, owner, frozenset(Scope(scope) for scope in scopes))


class DjangoAccessAdministration:
    """AccessAdministration, with the rights of the owner of the tables."""

    def create_tenant(self, tenant_id: UUID, name: str) -> None:
        """See the port."""
        try:
            with _one_transaction():
                Tenant.objects.using(ADMINISTRATION_ALIAS).bulk_create(
                    [Tenant(id=tenant_id, name=name, created_at=Now())]
                )
        except django.db.IntegrityError as error:
            if constraint_name(error) == "tenant_name_unique":
                raise TenantNameTaken(name=name) from error
            raise

    def tenant_id(self, name: str) -> UUID:
        """See the port."""
        with _one_transaction():
            found = Tenant.objects.using(ADMINISTRATION_ALIAS).filter(name=name).values_list("id", flat=True)
            for tenant_id in found:
                return tenant_id
        raise NotFound(kind="tenant", id=name)

    def let_devices_register(self, tenant_id: UUID, *, themselves: bool) -> None:
        """See the port."""
        with _one_transaction():
            TelemetrySetting.objects.using(ADMINISTRATION_ALIAS).bulk_create(
                [TelemetrySetting(tenant_id=tenant_id, registers_devices=themselves)],
                update_conflicts=True,
                unique_fields=["tenant_id"],
                update_fields=["registers_devices"],
            )

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
        with _one_transaction():
            AccessToken.objects.using(ADMINISTRATION_ALIAS).bulk_create(
                [
                    AccessToken(
                        tenant_id=tenant_id,
                        id=id,
                        owner=owner,
                        scopes=sorted(scope.value for scope in scopes),
                        secret_hash=secret_hash,
                        created_at=created_at,
                        expires_at=expires_at,
                    )
                ]
            )

    def tokens(self, tenant_id: UUID) -> Sequence[TokenView]:
        """See the port."""
        with _one_transaction():
            names = dict(
                Tenant.objects.using(ADMINISTRATION_ALIAS).filter(id=tenant_id).values_list("id", "name")
            )
            found = AccessToken.objects.using(ADMINISTRATION_ALIAS).filter(tenant_id=tenant_id)
            return [_view(token, names[tenant_id]) for token in found.order_by("created_at", "id")]

    def rotate(
        self, token_id: UUID, *, new_id: UUID, secret_hash: bytes, at: datetime, expires_at: datetime
    ) -> TokenView:
        """See the port."""
        with _one_transaction():
            old = self._locked(token_id)
            if old.revoked_at is not None:
                raise TokenNotActive(id=str(token_id))
            self._revoke(old, at)
            successor = AccessToken(
                tenant_id=old.tenant_id,
                id=new_id,
                owner=old.owner,
                scopes=old.scopes,
                secret_hash=secret_hash,
                created_at=at,
                expires_at=expires_at,
            )
            AccessToken.objects.using(ADMINISTRATION_ALIAS).bulk_create([successor])
            tenant = Tenant.objects.using(ADMINISTRATION_ALIAS).get(id=old.tenant_id)
            return _view(successor, tenant.name)

    def revoke(self, token_id: UUID, *, at: datetime) -> None:
        """See the port."""
        with _one_transaction():
            token = self._locked(token_id)
            if token.revoked_at is None:
                self._revoke(token, at)

    def _locked(self, token_id: UUID) -> AccessToken:
        found = AccessToken.objects.using(ADMINISTRATION_ALIAS).select_for_update().filter(id=token_id)
        for token in found:
            return token
        raise NotFound(kind="token", id=str(token_id))

    def _revoke(self, token: AccessToken, at: datetime) -> None:
        AccessToken.objects.using(ADMINISTRATION_ALIAS).filter(tenant_id=token.tenant_id, id=token.id).update(
            revoked_at=at
        )


@contextmanager
def _one_transaction() -> Iterator[None]:
    with port_errors(), transaction.atomic(using=ADMINISTRATION_ALIAS):
        yield


def _view(token: AccessToken, tenant_name: str) -> TokenView:
    return TokenView(
        id=token.id,
        tenant=tenant_name,
        owner=token.owner,
        scopes=tuple(Scope(scope) for scope in token.scopes),
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
        revoked_at=token.revoked_at,
    )
