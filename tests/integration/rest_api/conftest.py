"""The API in the test's own process, over stores in memory."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from application.access.access_desk import IssueToken
from entrypoints.container import Container
from entrypoints.rest_api import wiring
from entrypoints.settings import Settings
from integration.rest_api.checked_client import Answer, CheckedClient

ORDER: dict[str, Any] = {
    "customer_ref": "c-17",
    "currency": "EUR",
    "lines": [{"sku": "TEA-1", "quantity": 2, "unit_price": "4.20"}],
    "payment_method": "tok_visa",
}


@pytest.fixture
def container() -> Iterator[Container]:
    """The container that the views use during the test."""
    container = Container()
    container.settings.override(Settings(persistence="memory"))
    before = wiring.use(container)
    yield container
    wiring.use(before)


@pytest.fixture
def new_token(container: Container) -> Callable[..., str]:
    """Makes a token; the tenant is made with its first one."""
    tenants = set()

    def issue(*scopes: str, tenant: str = "acme", owner: str = "alice") -> str:
        desk = container.access_desk()
        if tenant not in tenants:
            desk.create_tenant(tenant)
            tenants.add(tenant)
        return desk.issue(IssueToken(tenant=tenant, owner=owner, scopes=scopes or ("all",))).secret

    return issue


@pytest.fixture
def api(new_token: Callable[..., str]) -> CheckedClient:
    """A client that may do everything."""
    application = importlib.import_module("entrypoints.django_site.wsgi").application
    return CheckedClient(application, new_token())


@pytest.fixture
def tea(api: CheckedClient) -> Answer:
    """The product TEA-1, created."""
    return api.post("/v1/products", {"sku": "TEA-1", "name": "Tea"}, idempotency_key="tea")


@pytest.fixture
def pump(api: CheckedClient) -> Answer:
    """The device pump-7, registered."""
    return api.post("/v1/devices", {"name": "pump-7"}, idempotency_key="pump")


@pytest.fixture
def placed(api: CheckedClient, tea: Answer) -> Answer:
    """An order of TEA-1, placed under the key `placed`."""
    return api.post("/v1/orders", ORDER, idempotency_key="placed")
