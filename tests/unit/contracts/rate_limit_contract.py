"""The contract of RateLimiter: exactly as many as the limit, and a refusal that counts for nobody."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

import pytest

from adapters.system_clock import new_id
from application.ports.rate_limit import RateLimiter, RateLimits
from unit.contracts.threads import Threads

CLIENTS = 100
LONG_WINDOW_S = 1_000_000_000
"""No test runs across its end, which comes once in 31 years."""
TRIES_MAX = 10

NewLimiter = Callable[[RateLimits], RateLimiter]


def limits(*, owner: int = 1_000, tenant: int = 1_000, window_s: int = LONG_WINDOW_S) -> RateLimits:
    """Limits that don't matter unless they are named."""
    return RateLimits(owner=owner, tenant=tenant, window_s=window_s)


class RateLimiterContract:
    """A binding overrides `new_limiter`."""

    @pytest.fixture
    def new_limiter(self) -> NewLimiter:
        """Makes a limiter of the adapter under test."""
        raise NotImplementedError("the binding must override new_limiter")

    @pytest.fixture
    def tenant(self) -> UUID:
        """A tenant that nobody else has."""
        return new_id()

    @pytest.mark.promise("A4")
    def test_admits_exactly_the_limit_of_an_owner_to_a_hundred_clients(
        self, new_limiter: NewLimiter, tenant: UUID
    ) -> None:
        limiter = new_limiter(limits(owner=37))
        outcomes = Threads(lambda: None).race(CLIENTS, lambda _: limiter.admit(tenant, "alice"))
        assert [one.error for one in outcomes if one.error] == []
        waits = [one.result for one in outcomes]
        assert waits.count(None) == 37
        assert all(1 <= wait <= LONG_WINDOW_S for wait in waits if wait is not None)

    @pytest.mark.promise("A4")
    def test_admits_exactly_the_limit_of_a_tenant_to_all_its_owners(
        self, new_limiter: NewLimiter, tenant: UUID
    ) -> None:
        limiter = new_limiter(limits(tenant=41))
        outcomes = Threads(lambda: None).race(CLIENTS, lambda n: limiter.admit(tenant, f"owner-{n % 7}"))
        assert [one.error for one in outcomes if one.error] == []
        assert [one.result for one in outcomes].count(None) == 41

    @pytest.mark.promise("A4")
    def test_does_not_count_what_it_refuses(self, new_limiter: NewLimiter, tenant: UUID) -> None:
        limiter = new_limiter(limits(owner=1, tenant=3))
        assert limiter.admit(tenant, "alice") is None
        for _ in range(5):
            assert limiter.admit(tenant, "alice") is not None
        assert limiter.admit(tenant, "bob") is None
        assert limiter.admit(tenant, "carol") is None
        for _ in range(2):
            assert limiter.admit(tenant, "dave") is not None

    @pytest.mark.promise("A4")
    def test_counts_owners_of_the_same_name_in_two_tenants_apart(
        self, new_limiter: NewLimiter, tenant: UUID
    ) -> None:
        limiter = new_limiter(limits(owner=1))
        assert limiter.admit(tenant, "alice") is None
        assert limiter.admit(new_id(), "alice") is None
        assert limiter.admit(tenant, "alice") is not None

    @pytest.mark.promise("A4")
    def test_admits_again_after_the_time_that_it_named(self, new_limiter: NewLimiter, tenant: UUID) -> None:
        limiter = new_limiter(limits(owner=1, window_s=1))
        # A window may end between two requests, so it can take some to be refused.
        waits = (limiter.admit(tenant, "alice") for _ in range(TRIES_MAX))
        wait_s = next(wait for wait in waits if wait is not None)
        assert wait_s == 1
        time.sleep(wait_s)
        assert limiter.admit(tenant, "alice") is None
