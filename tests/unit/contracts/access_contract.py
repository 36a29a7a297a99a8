"""The contract of AccessTokens and AccessAdministration."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from adapters.system_clock import new_id, new_secret
from application.ports.access import AccessAdministration, AccessTokens, TokenView
from domain.access import Principal, Scope, TenantNameTaken, TokenNotActive, hash_secret
from domain.errors import NotFound

SCOPES = frozenset({Scope.ORDERS_WRITE, Scope.PRODUCTS_READ})


class AccessContract:
    """The life of a tenant and of its tokens. Both ports work on one store, with a clock that is right."""

    @pytest.fixture
    def access_tokens(self) -> AccessTokens:
        """The look-up of the adapter under test."""
        raise NotImplementedError("the binding must override access_tokens")

    @pytest.fixture
    def access_administration(self) -> AccessAdministration:
        """The administration of the adapter under test."""
        raise NotImplementedError("the binding must override access_administration")

    @pytest.fixture
    def tenant_name(self, access_administration: AccessAdministration) -> str:
        """The name of a new tenant."""
        name = f"tenant-{new_id().hex}"
        access_administration.create_tenant(new_id(), name)
        return name

    @pytest.fixture
    def tenant(self, access_administration: AccessAdministration, tenant_name: str) -> UUID:
        """A new tenant."""
        return access_administration.tenant_id(tenant_name)

    @pytest.mark.promise("A1")
    def test_know_the_owner_of_a_valid_token(
        self, access_tokens: AccessTokens, access_administration: AccessAdministration, tenant: UUID
    ) -> None:
        token = NewToken(tenant)
        token.create(access_administration)
        assert access_tokens.authenticate(token.hash) == Principal(tenant, "alice", SCOPES)

    @pytest.mark.promise("A1")
    def test_know_nobody_by_a_token_that_never_was(self, access_tokens: AccessTokens) -> None:
        assert access_tokens.authenticate(hash_secret(new_secret())) is None

    @pytest.mark.promise("A1")
    def test_refuse_an_expired_token(
        self, access_tokens: AccessTokens, access_administration: AccessAdministration, tenant: UUID
    ) -> None:
        token = NewToken(tenant, lifetime=timedelta(days=-1))
        token.create(access_administration)
        assert access_tokens.authenticate(token.hash) is None

    @pytest.mark.promise("A1")
    def test_refuse_a_revoked_token_at_once(
        self, access_tokens: AccessTokens, access_administration: AccessAdministration, tenant: UUID
    ) -> None:
        token, other = NewToken(tenant), NewToken(tenant)
        for each in (token, other):
            each.create(access_administration)
            assert access_tokens.authenticate(each.hash) is not None
        access_administration.revoke(token.id, at=token.created_at)
        assert access_tokens.authenticate(token.hash) is None
        assert access_tokens.authenticate(other.hash) is not None

    def test_keep_the_time_of_the_first_revocation(
        self, access_administration: AccessAdministration, tenant: UUID
    ) -> None:
        token = NewToken(tenant)
        token.create(access_administration)
        for minutes in (1, 2):
            access_administration.revoke(token.id, at=token.created_at + timedelta(minutes=minutes))
        (view,) = access_administration.tokens(tenant)
        assert view.revoked_at == token.created_at + timedelta(minutes=1)

    @pytest.mark.promise("A1", "H6")
    def test_rotate_a_token_and_keep_owner_and_scopes(
        self,
        access_tokens: AccessTokens,
        access_administration: AccessAdministration,
        tenant: UUID,
        tenant_name: str,
    ) -> None:
        token, successor = NewToken(tenant), NewToken(tenant)
        token.create(access_administration)
        view = access_administration.rotate(
            token.id,
            new_id=successor.id,
            secret_hash=successor.hash,
            at=successor.created_at,
            expires_at=successor.expires_at,
        )
        assert view == successor.view(tenant_name)
        assert access_tokens.authenticate(token.hash) is None
        assert access_tokens.authenticate(successor.hash) == Principal(tenant, "alice", SCOPES)
        first, second = access_administration.tokens(tenant)
        assert (first.id, first.revoked_at, second.id) == (token.id, successor.created_at, successor.id)

    def test_rotate_no_revoked_and_no_unknown_token(
        self, access_administration: AccessAdministration, tenant: UUID
    ) -> None:
        token, successor = NewToken(tenant), NewToken(tenant)
        token.create(access_administration)
        access_administration.revoke(token.id, at=token.created_at)
        for token_id, refusal in ((token.id, TokenNotActive), (new_id(), NotFound)):
            with pytest.raises(refusal):
                access_administration.rotate(
                    token_id,
                    new_id=successor.id,
                    secret_hash=successor.hash,
                    at=successor.created_at,
                    expires_at=successor.expires_at,
                )
        assert len(access_administration.tokens(tenant)) == 1

    def test_revoke_no_unknown_token(self, access_administration: AccessAdministration) -> None:
        with pytest.raises(NotFound):
            access_administration.revoke(new_id(), at=datetime.now(UTC))

    def test_list_all_tokens_of_a_tenant_oldest_first(
        self, access_administration: AccessAdministration, tenant: UUID, tenant_name: str
    ) -> None:
        tokens = [NewToken(tenant, age=timedelta(days=days)) for days in (1, 3, 2)]
        for token in tokens:
            token.create(access_administration)
        expected = [tokens[index].view(tenant_name) for index in (1, 2, 0)]
        assert list(access_administration.tokens(tenant)) == expected

    @pytest.mark.promise("A1")
    def test_list_no_token_of_another_tenant(
        self, access_administration: AccessAdministration, tenant: UUID
    ) -> None:
        stranger = new_id()
        access_administration.create_tenant(stranger, f"tenant-{stranger.hex}")
        NewToken(stranger).create(access_administration)
        assert list(access_administration.tokens(tenant)) == []

    def test_note_when_a_token_was_last_used(
        self, access_tokens: AccessTokens, access_administration: AccessAdministration, tenant: UUID
    ) -> None:
        token = NewToken(tenant)
        token.create(access_administration)
        (unused,) = access_administration.tokens(tenant)
        access_tokens.authenticate(token.hash)
        (used,) = access_administration.tokens(tenant)
        access_tokens.authenticate(token.hash)
        (used_again,) = access_administration.tokens(tenant)
        assert unused.last_used_at is None
        assert used.last_used_at is not None
        assert used_again.last_used_at == used.last_used_at, "the use is noted once a minute"

    def test_give_no_two_tenants_one_name(
        self, access_administration: AccessAdministration, tenant: UUID, tenant_name: str
    ) -> None:
        with pytest.raises(TenantNameTaken) as refusal:
            access_administration.create_tenant(new_id(), tenant_name)
        assert refusal.value.data == {"name": tenant_name}
        assert access_administration.tenant_id(tenant_name) == tenant

    def test_know_no_tenant_that_never_was(self, access_administration: AccessAdministration) -> None:
        with pytest.raises(NotFound):
            access_administration.tenant_id("nobody")


class NewToken:
    """A token of alice's that a test may store."""

    def __init__(
        self, tenant_id: UUID, *, lifetime: timedelta = timedelta(days=30), age: timedelta = timedelta(0)
    ) -> None:
        self.id, self.tenant_id, self.secret = new_id(), tenant_id, new_secret()
        self.created_at = datetime.now(UTC) - timedelta(days=2) - age
        self.expires_at = self.created_at + timedelta(days=2) + age + lifetime
        self.hash = hash_secret(self.secret)

    def create(self, administration: AccessAdministration) -> None:
        """Store it."""
        administration.create_token(
            id=self.id,
            tenant_id=self.tenant_id,
            owner="alice",
            scopes=SCOPES,
            secret_hash=self.hash,
            created_at=self.created_at,
            expires_at=self.expires_at,
        )

    def view(self, tenant_name: str) -> TokenView:
        """How administrators see it before its first use; scopes in order of their names."""
        return TokenView(
            id=self.id,
            tenant=tenant_name,
            owner="alice",
            scopes=tuple(sorted(SCOPES)),
            created_at=self.created_at,
            expires_at=self.expires_at,
            last_used_at=None,
            revoked_at=None,
        )
