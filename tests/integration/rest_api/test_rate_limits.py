"""What a refusal for a rate limit does and leaves undone, and what /metrics shows when something isn't known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from dependency_injector import providers

from application.ports.event_store import HeldBack
from application.ports.unit_of_work import StoreUnavailable
from entrypoints.container import Container
from entrypoints.settings import Settings
from integration.rest_api.caller import ORDER
from integration.rest_api.checked_client import Answer, CheckedClient

HELD_BACK = "holdwater_event_readers_held_back_seconds"


def limit(container: Container, *, owner: int) -> None:
    """From now on each owner may send so many requests in a day."""
    container.settings.override(Settings(persistence="memory", rate_limit_token=owner, rate_window_s=86_400))
    container.rate_limiter_of_process.reset()


class TestARefusedRequest:
    @pytest.mark.promise("A4", "H7")
    def test_is_not_recorded_under_its_key(
        self, api: CheckedClient, tea: Answer, container: Container
    ) -> None:
        limit(container, owner=1)
        assert api.get("/v1/orders").status == 200
        refused = api.post("/v1/orders", ORDER, idempotency_key="k")
        assert (refused.status, refused.code) == (429, "too-many-requests")
        assert 1 <= int(refused.headers["Retry-After"]) <= 86_400
        limit(container, owner=10)
        placed = api.post("/v1/orders", ORDER, idempotency_key="k")
        assert (placed.status, placed.headers.get("Idempotent-Replayed")) == (201, None)

    @pytest.mark.promise("L8")
    def test_is_refused_after_authentication_and_scope_and_before_validation(
        self, api: CheckedClient, new_token: Callable[..., str], container: Container
    ) -> None:
        reader = api.as_(new_token("orders:read", owner="bob"))
        limit(container, owner=1)
        for client in (api, reader):
            assert client.get("/v1/orders").status == 200
        assert api.as_(None).get("/v1/orders").status == 401
        assert reader.post("/v1/orders", ORDER, idempotency_key="k").status == 403
        assert api.call("POST", "/v1/orders", b"{", accept="text/html").status == 429
        assert api.get("/v1/orders?limit=nonsense").status == 429

    @pytest.mark.promise("A4")
    def test_comes_for_the_new_token_of_the_same_owner_too(
        self, api: CheckedClient, new_token: Callable[..., str], container: Container
    ) -> None:
        limit(container, owner=1)
        assert api.get("/v1/orders").status == 200
        assert api.as_(new_token("all", owner="alice")).get("/v1/orders").status == 429
        assert api.as_(new_token("all", owner="carol")).get("/v1/orders").status == 200

    def test_is_counted_in_the_metrics(self, api: CheckedClient, container: Container) -> None:
        series = 'holdwater_http_rate_limited_total{method="GET",route="/v1/products"}'
        limit(container, owner=1)
        assert api.get("/v1/products").status == 200
        before = _value(api, series)
        assert api.get("/v1/products").status == 429
        assert _value(api, series) == before + 1


class TestHeldBackReaders:
    @pytest.mark.promise("E4")
    def test_are_absent_while_the_database_can_not_be_asked(
        self, api: CheckedClient, container: Container
    ) -> None:
        container.readers_held_back_by.override(providers.Callable(_unavailable))
        answer = api.as_(None).get("/metrics")
        assert answer.status == 200
        assert HELD_BACK not in answer.body.decode()
        assert "holdwater_http_requests_total" in answer.body.decode()

    @pytest.mark.promise("E4")
    def test_are_not_a_number_while_their_age_is_not_known(
        self, api: CheckedClient, container: Container
    ) -> None:
        holder = HeldBack(pid=4711, role="holdwater_system", position=7, age_s=None)
        container.readers_held_back_by.override(providers.Object(holder))
        assert f'{HELD_BACK}{{pid="4711"}} NaN' in api.get("/metrics").body.decode()


def _unavailable() -> None:
    raise StoreUnavailable(retry_after_s=1)


def _value(api: CheckedClient, series: str) -> float:
    lines = api.get("/metrics").body.decode().splitlines()
    return sum(float(line.removeprefix(series)) for line in lines if line.startswith(series))
