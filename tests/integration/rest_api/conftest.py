"""The API in the test's own process, over stores in memory."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest

from application.access.access_desk import IssueToken
from builders import a_context
from entrypoints.container import Container
from entrypoints.http_messages.intake_operations import READ_INTAKE
from entrypoints.http_messages.ops_operations import REPLAY_DEAD_LETTER
from entrypoints.http_messages.payment_operations import PAY_AGAIN, READ_PAYMENT, REFUND_PAYMENT
from entrypoints.http_messages.reading_operations import REPLAY_REJECT
from entrypoints.rest_api import wiring
from entrypoints.settings import Settings
from integration.rest_api.caller import NOBODYS_ID, ORDER, STEPS_BEFORE, Caller
from integration.rest_api.checked_client import Answer, CheckedClient
from integration.rest_api.readiness import (
    captured_payment,
    declined_payment,
    kept_intake,
    kept_reject,
    parked_message,
)
from integration.rest_api.saga_readiness import SAGAS_BEFORE, kept_saga


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


@pytest.fixture
def call(
    request: pytest.FixtureRequest,
    api: CheckedClient,
    container: Container,
    placed: Answer,
    tea: Answer,
    pump: Answer,
) -> Caller:
    """The caller, with one product, one order and one device to act on, each as the operation under test needs it."""
    operation = request.node.callspec.params["operation"]
    principal = container.authenticate().handle(api.token or "")
    steps = STEPS_BEFORE.get(operation.id, ())
    with container.unit_of_work(a_context(tenant_id=principal.tenant_id)) as uow:
        order = uow.orders.get(UUID(placed.json["id"]))
        for step in steps:
            step(order)
        uow.orders.save(order)
    letter = NOBODYS_ID
    if operation is REPLAY_DEAD_LETTER:
        letter = str(parked_message(container, principal.tenant_id))
    reject = NOBODYS_ID
    if operation is REPLAY_REJECT:
        reject = str(kept_reject(container, principal.tenant_id))
    intake = NOBODYS_ID
    if operation is READ_INTAKE:
        intake = str(kept_intake(container, principal.tenant_id))
    payment = NOBODYS_ID
    if operation.id in {PAY_AGAIN.id, READ_PAYMENT.id}:
        payment = str(declined_payment(container, principal.tenant_id, UUID(placed.json["id"])))
    if operation.id == REFUND_PAYMENT.id:
        payment = str(captured_payment(container, principal.tenant_id, UUID(placed.json["id"])))
    saga_tag = f'"{NOBODYS_ID}-1"'
    if operation.id in SAGAS_BEFORE:
        saga = kept_saga(container, principal.tenant_id, UUID(placed.json["id"]), SAGAS_BEFORE[operation.id])
        saga_tag = f'"{saga.id}-{saga.version}"'
    return Caller(api, placed, tea, pump, letter, payment, saga_tag, reject, intake, 1 + len(steps))
