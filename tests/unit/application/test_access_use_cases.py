"""Authenticating, and the operator's desk."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.memory.access import InMemoryAccessAdministration, InMemoryAccessTokens
from adapters.memory.database import InMemoryDatabase
from adapters.system_clock import new_id, new_secret
from application.access.access_desk import AccessDesk, IssuedToken, IssueToken
from application.access.authenticate import AuthenticateHandler
from builders import NOON
from domain.access import (
    SECRET_LENGTH_MAX,
    TOKEN_LIFETIME_DEFAULT,
    TOKEN_LIFETIME_MAX,
    NotAuthenticated,
    Scope,
    TenantNameTaken,
    TokenNotActive,
)
from domain.errors import InvalidInput, NotFound


class Gate:
    """Desk and door over one store, under a clock that the test sets."""

    def __init__(self) -> None:
        self.time = NOON
        database = InMemoryDatabase(now=self.now)
        self.desk = AccessDesk(InMemoryAccessAdministration(database=database), self.now, new_id, new_secret)
        self.door = AuthenticateHandler(InMemoryAccessTokens(database=database))
        self.tenant_id = self.desk.create_tenant("acme")

    def now(self) -> datetime:
        return self.time

    def issue(self, **fields: Any) -> IssuedToken:
        wish: dict[str, Any] = {"tenant": "acme", "owner": "alice", "scopes": ("orders:write",), **fields}
        return self.desk.issue(IssueToken(**wish))


@pytest.fixture
def gate() -> Gate:
    return Gate()


class TestAToken:
    @pytest.mark.promise("A1")
    def test_opens_the_door_to_its_owner(self, gate: Gate) -> None:
        principal = gate.door.handle(gate.issue().secret)
        assert (principal.tenant_id, principal.owner) == (gate.tenant_id, "alice")
        assert principal.scopes == {Scope.ORDERS_WRITE}

    @pytest.mark.promise("A1")
    @pytest.mark.parametrize("secret", ["", "wrong", "x" * (SECRET_LENGTH_MAX + 1)])
    def test_that_never_was_opens_nothing(self, gate: Gate, secret: str) -> None:
        gate.issue()
        with pytest.raises(NotAuthenticated):
            gate.door.handle(secret)

    @pytest.mark.promise("A1")
    def test_opens_nothing_once_its_time_is_over(self, gate: Gate) -> None:
        secret = gate.issue(lifetime=timedelta(hours=1)).secret
        gate.time = NOON + timedelta(hours=1, microseconds=-1)
        gate.door.handle(secret)
        gate.time = NOON + timedelta(hours=1)
        with pytest.raises(NotAuthenticated):
            gate.door.handle(secret)

    @pytest.mark.promise("A1")
    def test_opens_nothing_once_it_is_revoked(self, gate: Gate) -> None:
        issued = gate.issue()
        gate.desk.revoke(issued.id)
        with pytest.raises(NotAuthenticated):
            gate.door.handle(issued.secret)

    def test_lives_for_ninety_days_unless_told_otherwise(self, gate: Gate) -> None:
        gate.issue()
        (view,) = gate.desk.tokens("acme")
        assert view.expires_at - view.created_at == TOKEN_LIFETIME_DEFAULT == timedelta(days=90)

    def test_shows_its_last_use_by_the_minute(self, gate: Gate) -> None:
        secret = gate.issue().secret
        seen = []
        for seconds in (0, 59, 60, 61):
            gate.time = NOON + timedelta(seconds=seconds)
            gate.door.handle(secret)
            seen.append(gate.desk.tokens("acme")[0].last_used_at)
        assert seen == [NOON, NOON, NOON + timedelta(seconds=60), NOON + timedelta(seconds=60)]


class TestRotatingAToken:
    @pytest.mark.promise("A1", "H6")
    def test_keeps_owner_and_scopes(self, gate: Gate) -> None:
        old = gate.issue(scopes=("ops", "readings:read"))
        before = gate.door.handle(old.secret)
        new = gate.desk.rotate(old.id, timedelta(days=1))
        assert gate.door.handle(new.secret) == before
        with pytest.raises(NotAuthenticated):
            gate.door.handle(old.secret)
        assert [view.id for view in gate.desk.tokens("acme") if view.revoked_at is None] == [new.id]

    def test_needs_a_token_that_is_active(self, gate: Gate) -> None:
        issued = gate.issue()
        gate.desk.revoke(issued.id)
        with pytest.raises(TokenNotActive):
            gate.desk.rotate(issued.id)
        with pytest.raises(NotFound):
            gate.desk.rotate(new_id())


class TestTheDesk:
    @pytest.mark.parametrize("name", ["", "x" * 101, "a\x00"])
    def test_names_a_tenant_properly(self, gate: Gate, name: str) -> None:
        with pytest.raises(InvalidInput) as refusal:
            gate.desk.create_tenant(name)
        assert refusal.value.data["field"] == "name"

    def test_gives_a_name_once(self, gate: Gate) -> None:
        with pytest.raises(TenantNameTaken):
            gate.desk.create_tenant("acme")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("owner", ""),
            ("owner", "x" * 101),
            ("scopes", ()),
            ("scopes", ("everything",)),
            ("lifetime", timedelta(0)),
            ("lifetime", TOKEN_LIFETIME_MAX + timedelta(microseconds=1)),
        ],
    )
    def test_names_what_it_refuses(self, gate: Gate, field: str, value: object) -> None:
        with pytest.raises(InvalidInput) as refusal:
            gate.issue(**{field: value})
        assert refusal.value.data["field"] == field
        assert gate.desk.tokens("acme") == ()

    def test_knows_no_tenant_and_no_token_that_never_was(self, gate: Gate) -> None:
        for ask in (
            lambda: gate.issue(tenant="nobody"),
            lambda: gate.desk.tokens("nobody"),
            lambda: gate.desk.revoke(new_id()),
        ):
            with pytest.raises(NotFound):
                ask()
