"""How sagas are read and repaired over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from adapters.system_clock import new_id
from domain.saga.saga import Saga
from entrypoints.container import Container
from integration.rest_api.checked_client import Answer, CheckedClient
from integration.rest_api.saga_readiness import kept_saga
from integration.rest_api.test_lists import pages
from unit.contracts.saga_contract import a_reply
from unit.contracts.saga_views_contract import all_undone, pivot_parked, step_parked, undo_parked


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


def repair(api: CheckedClient, saga: Saga, how: str, body: dict[str, str], tag: str | None = None) -> Answer:
    return api.post(
        f"/v1/ops/sagas/{saga.id}/{how}",
        body,
        if_match=tag or f'"{saga.id}-{saga.version}"',
        idempotency_key=f"{how}-{tag}",
    )


@pytest.mark.promise("S12", "H2")
def test_a_repair_is_in_the_journal_with_who_did_it_and_why(
    api: CheckedClient,
    container: Container,
    placed: Answer,
    tenant_id: UUID,
    new_token: Callable[..., str],
) -> None:
    saga = kept_saga(container, tenant_id, UUID(placed.json["id"]), step_parked)
    ada = api.as_(new_token("ops", owner="ada"))
    body = {"step": "notify", "reason": "told by telephone"}
    answer, again = (repair(ada, saga, "skip", body) for _ in range(2))
    assert (answer.status, answer.json["status"], answer.json["needs_repair"]) == (200, "completed", False)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.body == answer.body
    assert answer.headers["ETag"] == f'"{saga.id}-{saga.version + 2}"'
    repaired, completed = api.get(f"/v1/ops/sagas/{saga.id}").json["journal"][-2:]
    assert (repaired["what"], repaired["how"], repaired["step"]) == ("repaired", "skip", "notify")
    assert (repaired["actor"], repaired["operator"], repaired["reason"]) == (
        "ada",
        "ada",
        "told by telephone",
    )
    assert completed["what"] == "completed"


@pytest.mark.promise("S12")
def test_a_retry_is_due_at_once(
    api: CheckedClient, container: Container, placed: Answer, tenant_id: UUID
) -> None:
    saga = kept_saga(container, tenant_id, UUID(placed.json["id"]), step_parked)
    assert (tenant_id, saga.id) not in container.due_sagas().due(500)
    answer = repair(api, saga, "retry", {"step": "notify", "reason": "r"})
    assert (answer.json["status"], answer.json["due_at"]) == ("running", answer.json["updated_at"])
    assert (tenant_id, saga.id) in container.due_sagas().due(500)
    assert repair(api, saga, "retry", {"step": "notify", "reason": "r"}, tag="*").code == "step-not-parked"


@pytest.mark.promise("S6", "S11", "S12")
def test_what_is_past_the_pivot_is_not_undone_and_nothing_that_others_rely_on_is_skipped(
    api: CheckedClient, container: Container, placed: Answer, tenant_id: UUID
) -> None:
    saga = kept_saga(container, tenant_id, UUID(placed.json["id"]), pivot_parked)
    refused = repair(api, saga, "compensate", {"reason": "the customer rang"})
    assert (refused.status, refused.code) == (409, "past-the-pivot")
    assert "capture" in refused.json["detail"]
    refused = repair(api, saga, "skip", {"step": "capture", "reason": "r"})
    assert (refused.status, refused.code) == (422, "step-not-skippable")
    unknown = repair(api, saga, "retry", {"step": "pack", "reason": "r"})
    assert (unknown.status, unknown.fields) == (400, ["step"])
    assert api.get(f"/v1/ops/sagas/{saga.id}").json["version"] == saga.version


@pytest.mark.promise("S5", "S12", "A3")
def test_sagas_are_listed_by_what_is_asked_for(
    api: CheckedClient, container: Container, placed: Answer, tenant_id: UUID
) -> None:
    histories = [undo_parked, step_parked, all_undone]
    sagas = [kept_saga(container, tenant_id, new_id(), history) for history in histories]
    ids = [str(saga.id) for saga in sagas]
    walked = [item["id"] for items in pages(api, "/v1/ops/sagas?limit=1") for item in items]
    assert walked == ids
    found = {
        query: [item["id"] for item in api.get(f"/v1/ops/sagas?{query}").json["items"]]
        for query in ("needs_repair=true", "needs_repair=false", "status=parked", "definition=other")
    }
    assert found == {
        "needs_repair=true": ids[:2],
        "needs_repair=false": ids[2:],
        "status=parked": ids[1:2],
        "definition=other": [],
    }
    for query, field in (("needs_repair=1", "needs_repair"), ("status=lost", "status")):
        assert api.get(f"/v1/ops/sagas?{query}").fields == [field]


@pytest.mark.promise("S9", "A3")
def test_replies_that_came_too_late_or_to_nobody_are_shown(
    api: CheckedClient, container: Container, placed: Answer, tenant_id: UUID, new_token: Callable[..., str]
) -> None:
    saga_id = new_id()
    replies = [a_reply(of) for of in (saga_id, None, saga_id)]
    for reply in replies:
        container.late_replies().keep(tenant_id, reply)
    walked = [item for items in pages(api, "/v1/ops/late-replies?limit=1") for item in items]
    assert [item["id"] for item in walked] == [str(reply.id) for reply in replies]
    assert [item["saga_id"] for item in walked] == [str(saga_id), None, str(saga_id)]
    of_one = api.get(f"/v1/ops/late-replies?saga_id={saga_id}").json["items"]
    assert [item["id"] for item in of_one] == [str(replies[0].id), str(replies[2].id)]
    assert api.get("/v1/ops/late-replies?saga_id=x").fields == ["saga_id"]
    stranger = api.as_(new_token(tenant="others"))
    assert stranger.get("/v1/ops/late-replies").json["items"] == []
