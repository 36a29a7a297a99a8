"""`tenant` and `token`."""

from __future__ import annotations

import pytest

from integration.cli.conftest import Stack, get

pytestmark = pytest.mark.timeout(200)


@pytest.fixture(scope="module")
def tenant(stack: Stack) -> str:
    """A tenant of the module's own."""
    assert stack.holdwater("tenant", "create", "acme", "--json").json["tenant"] == "acme"
    return "acme"


class TestATenant:
    def test_has_a_name_of_its_own(self, stack: Stack, tenant: str) -> None:
        again = stack.holdwater("tenant", "create", tenant)
        assert again.status != 0
        assert again.stderr == "holdwater: There is a tenant 'acme' already.\n"

    def test_that_nobody_made_gets_no_token(self, stack: Stack) -> None:
        command = stack.holdwater("token", "create", "--tenant", "nobody", "--scopes", "all")
        assert command.status != 0
        assert "There is no tenant nobody." in command.stderr

    @pytest.mark.promise("W7")
    def test_settles_whether_devices_register_themselves(self, stack: Stack, tenant: str) -> None:
        for option, themselves in (("--only-registered", False), ("--register-themselves", True)):
            settled = stack.holdwater("tenant", "devices", tenant, option, "--json").json
            assert settled == {"tenant": tenant, "devices_register_themselves": themselves}
        assert (
            "registered devices alone"
            in stack.holdwater("tenant", "devices", tenant, "--only-registered").stdout
        )
        assert (
            "There is no tenant nobody."
            in stack.holdwater("tenant", "devices", "nobody", "--only-registered").stderr
        )
        assert stack.holdwater("tenant", "devices", tenant).status != 0


class TestAToken:
    def test_works_until_it_is_revoked(self, stack: Stack, tenant: str) -> None:
        created = stack.holdwater("token", "create", "--tenant", tenant, "--scopes", "all", "--json").json
        assert get(f"{stack.url}/v1/orders", created["token"]) == 200
        assert stack.holdwater("token", "revoke", created["id"], "--json").json == {"revoked": created["id"]}
        assert get(f"{stack.url}/v1/orders", created["token"]) == 401

    @pytest.mark.promise("A1")
    def test_is_followed_by_another_when_it_is_rotated(self, stack: Stack, tenant: str) -> None:
        old = stack.holdwater(
            "token", "create", "--tenant", tenant, "--scopes", "orders:read", "--owner", "bob", "--json"
        ).json
        new = stack.holdwater("token", "rotate", old["id"], "--json").json
        assert get(f"{stack.url}/v1/orders", old["token"]) == 401
        assert get(f"{stack.url}/v1/orders", new["token"]) == 200
        assert get(f"{stack.url}/v1/products", new["token"]) == 403
        listed = {
            token["id"]: token
            for token in stack.holdwater("token", "list", "--tenant", tenant, "--json").json["tokens"]
        }
        assert listed[old["id"]]["revoked_at"] is not None
        assert (listed[new["id"]]["owner"], listed[new["id"]]["scopes"]) == ("bob", ["orders:read"])
        assert listed[new["id"]]["last_used_at"] is not None

    def test_is_never_shown_again(self, stack: Stack, tenant: str) -> None:
        created = stack.holdwater("token", "create", "--tenant", tenant, "--scopes", "all", "--json").json
        table = stack.holdwater("token", "list", "--tenant", tenant).stdout
        assert created["id"] in table
        assert created["token"] not in table

    @pytest.mark.parametrize("scopes", ["orders:wrte", "", "all,,"])
    def test_with_a_scope_that_is_none_is_refused(self, stack: Stack, tenant: str, scopes: str) -> None:
        command = stack.holdwater("token", "create", "--tenant", tenant, "--scopes", scopes)
        assert command.status != 0
        assert "orders:write" in command.stderr
