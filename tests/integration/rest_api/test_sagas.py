"""How sagas are read and repaired over HTTP."""

from __future__ import annotations

from uuid import UUID

import pytest

from entrypoints.container import Container
from integration.rest_api.checked_client import Answer, CheckedClient
from integration.rest_api.saga_readiness import kept_saga
from unit.contracts.saga_views_contract import all_undone, step_parked


@pytest.fixture
def tenant_id(api: CheckedClient, container: Container) -> UUID:
    """The caller's tenant."""
    tenant_id: UUID = container.authenticate().handle(api.token or "").tenant_id
    return tenant_id


@pytest.mark.promise("S12", "L2")
def test_the_saga_of_an_order_is_read_with_its_journal(
    api: CheckedClient, container: Container, placed: Answer, tenant_id: UUID
) -> None:
    assert api.get(placed.json["saga"]).code == "not-found"
    saga = kept_saga(container, tenant_id, UUID(placed.json["id"]), step_parked)
    answer = api.get(placed.json["saga"])
    assert (answer.status, answer.headers["ETag"]) == (200, f'"{saga.id}-{saga.version}"')
    shown = answer.json
    assert shown["order"] == placed.headers["Location"]
    assert (shown["status"], shown["needs_repair"]) == ("parked", True)
    assert [step["state"] for step in shown["steps"]] == ["done", "done", "done", "parked"]
    assert len(shown["journal"]) == shown["version"]
    last = shown["journal"][-1]
    assert (last["what"], last["step"], last["error"]) == ("step_parked", "notify", "away")


@pytest.mark.promise("S12", "D1")
def test_the_saga_of_a_deleted_order_stays_readable(
    api: CheckedClient, container: Container, placed: Answer, tenant_id: UUID
) -> None:
    saga = kept_saga(container, tenant_id, UUID(placed.json["id"]), all_undone)
    before = api.get(placed.json["saga"])
    address, tag = placed.headers["Location"], placed.headers["ETag"]
    cancelled = api.post(f"{address}/cancel", {"reason": "r"}, if_match=tag, idempotency_key="cancel")
    assert api.delete(address, if_match=cancelled.headers["ETag"]).status == 204
    assert api.get(address).status == 410
    after = api.get(placed.json["saga"])
    assert (after.status, after.body, after.json["id"]) == (200, before.body, str(saga.id))
