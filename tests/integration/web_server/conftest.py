"""The real server over the real database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import urllib3

from adapters.django_orm.access import DjangoAccessAdministration
from adapters.embedded.postgres_roles import DatabaseUrls
from adapters.system_clock import new_id, new_secret, now
from application.access.access_desk import AccessDesk, IssueToken
from integration.web_server.web_process import WebProcess, web_process


@pytest.fixture(scope="session")
def web_environment(database_urls: DatabaseUrls) -> Mapping[str, str]:
    """What `holdwater web` needs to find the test's database."""
    return {
        "DATABASE_URL": database_urls.app_url,
        "HOLDWATER_WEB_WORKERS": "2",
        "HOLDWATER_WEB_THREADS": "8",
        "HOLDWATER_LOG_FORMAT": "json",
        "REDIS_URL": "",
    }


@pytest.fixture
def stopped_web(web_environment: Mapping[str, str], tmp_path: Path) -> Iterator[WebProcess]:
    """A server of the test's own, to be started by it."""
    with web_process(web_environment, tmp_path) as web:
        yield web


@pytest.fixture(scope="module")
def web(web_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    """A running server that the tests of a module share."""
    with web_process(web_environment, tmp_path_factory.mktemp("web")) as web:
        yield web.start()


@pytest.fixture
def desk(database_urls: DatabaseUrls) -> AccessDesk:
    """Where tokens are made and revoked."""
    return AccessDesk(
        administration=DjangoAccessAdministration(), now=now, new_id=new_id, new_secret=new_secret
    )


@pytest.fixture
def tenant(desk: AccessDesk) -> str:
    """The name of a tenant of the test's own."""
    name = f"tenant-{uuid4().hex}"
    desk.create_tenant(name)
    return name


@pytest.fixture
def token(desk: AccessDesk, tenant: str) -> str:
    """A token that may do everything in that tenant."""
    return desk.issue(IssueToken(tenant=tenant, owner="alice", scopes=("all",))).secret


Send = Callable[..., urllib3.BaseHTTPResponse]


@pytest.fixture
def send(token: str) -> Send:
    """Sends a JSON request with the token: `send(web, "POST", path, body, Idempotency_Key=…)`."""

    def send(
        web: WebProcess, method: str, path: str, body: object = None, **headers: str
    ) -> urllib3.BaseHTTPResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        given = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **named}
        arguments: dict[str, Any] = {"headers": given}
        if body is not None:
            arguments["body"] = json.dumps(body).encode()
        return web.request(method, path, **arguments)

    return send


def order_of(sku: str) -> dict[str, Any]:
    """An order of one piece."""
    return {
        "customer_ref": "c-17",
        "currency": "EUR",
        "lines": [{"sku": sku, "quantity": 1, "unit_price": "4.20"}],
        "payment_method": "tok_visa",
    }


def create_product(web: WebProcess, send: Send, sku: str = "TEA-1") -> UUID:
    """A product, so that it can be ordered."""
    answer = send(web, "POST", "/v1/products", {"sku": sku, "name": "Tea"}, Idempotency_Key=f"make-{sku}")
    assert answer.status == 201, answer.data
    return UUID(answer.json()["id"])
