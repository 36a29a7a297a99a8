"""Access: what a scope allows."""

from __future__ import annotations

import hashlib

import pytest

from adapters.system_clock import new_id
from domain.access import Principal, Scope, ScopeMissing, hash_secret, parse_scopes
from domain.errors import InvalidInput


def principal(*scopes: Scope) -> Principal:
    """Somebody with these scopes."""
    return Principal(new_id(), "alice", frozenset(scopes))


class TestAScope:
    @pytest.mark.parametrize("scope", Scope)
    def test_allows_itself(self, scope: Scope) -> None:
        principal(scope).require(scope)

    @pytest.mark.parametrize("scope", Scope)
    def test_is_included_in_all(self, scope: Scope) -> None:
        assert principal(Scope.ALL).allows(scope)

    @pytest.mark.parametrize("area", ["products", "orders", "readings"])
    def test_to_write_includes_reading_in_its_area(self, area: str) -> None:
        writer = principal(Scope(f"{area}:write"))
        allowed = {scope for scope in Scope if writer.allows(scope)}
        assert allowed == {Scope(f"{area}:write"), Scope(f"{area}:read")}

    @pytest.mark.promise("A1")
    @pytest.mark.parametrize(
        "held", [Scope.PRODUCTS_READ, Scope.ORDERS_IMPORT, Scope.OPS, Scope.READINGS_READ]
    )
    def test_of_another_kind_includes_nothing_else(self, held: Scope) -> None:
        assert {scope for scope in Scope if principal(held).allows(scope)} == {held}

    @pytest.mark.promise("A1")
    def test_that_is_missing_is_named(self) -> None:
        with pytest.raises(ScopeMissing) as refusal:
            principal(Scope.ORDERS_READ).require(Scope.ORDERS_WRITE)
        assert refusal.value.data == {"scope": "orders:write"}

    def test_of_nobody_allows_nothing(self) -> None:
        assert not any(principal().allows(scope) for scope in Scope)


class TestNamesOfScopes:
    def test_are_read_with_their_spaces_and_twins(self) -> None:
        assert parse_scopes(["ops", " orders:write ", "ops"]) == {Scope.OPS, Scope.ORDERS_WRITE}

    @pytest.mark.parametrize("names", [["orders"], ["ALL"], ["ops", ""], []])
    def test_are_refused_when_unknown_or_missing(self, names: list[str]) -> None:
        with pytest.raises(InvalidInput) as refusal:
            parse_scopes(names)
        assert refusal.value.data["field"] == "scopes"


class TestASecret:
    def test_is_stored_as_its_sha_256(self) -> None:
        assert hash_secret("hw_abc") == hashlib.sha256(b"hw_abc").digest()
