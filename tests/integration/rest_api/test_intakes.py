"""Batches of readings that are loaded later, over HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapters.system_clock import new_id
from application.ports.intakes import LOAD_INTAKE
from entrypoints.container import Container
from entrypoints.http_messages.request_headers import parse_prefer
from entrypoints.rest_api import intakes
from integration.rest_api.checked_client import Answer, CheckedClient

LINES = b"pump-7 temperature=21.5 1767225600000000000\npump-7 temperature=22.5 1767225601000000000\n"
BAD = LINES + b"pump-7 temperature=NaN 1767225602000000000\n"


@pytest.fixture
def work(container: Container) -> Callable[[], None]:
    """What a worker does about everything that is due."""

    def drain() -> None:
        for wake in container.backlog().due(10):
            assert wake.consumer == LOAD_INTAKE
            container.handle_wake().handle(wake)

    return drain


def send(api: CheckedClient, body: bytes = LINES, *, prefer: str = "respond-async", **headers: str) -> Answer:
    query = "?mode=partial" if body == BAD else ""
    return api.call("POST", f"/v1/readings{query}", body, content_type="text/plain", prefer=prefer, **headers)


@pytest.mark.promise("W1", "W4")
def test_a_caller_that_prefers_it_is_told_where_the_result_will_be(
    api: CheckedClient, work: Callable[[], None]
) -> None:
    sent = send(api, BAD, prefer='wait=10, RESPOND-ASYNC ; x="a,b"')
    assert sent.status == 202
    assert (sent.headers["Preference-Applied"], sent.headers["Retry-After"]) == ("respond-async", "1")
    address = sent.headers["Location"]
    assert address == f"/v1/readings/intakes/{sent.json['id']}"
    waiting = api.get(address)
    assert (waiting.status, waiting.json) == (200, sent.json)
    assert (waiting.json["status"], waiting.json["mode"], waiting.json["form"]) == (
        "waiting",
        "partial",
        "line",
    )
    work()
    loaded = api.get(address)
    result = loaded.json["result"]
    assert (loaded.json["status"], result["accepted"], result["rejected"]) == ("loaded", 2, 1)
    assert [fault["row"] for fault in result["faults"]] == [2]
    values = [reading["value"] for reading in api.get("/v1/readings?device=pump-7").json["items"]]
    assert values == [21.5, 22.5]
    rejects = api.get(f"/v1/rejects?request_id={sent.headers['X-Request-Id']}").json["items"]
    assert len(rejects) == 1


@pytest.mark.promise("W3")
def test_a_refusal_stands_where_the_result_would_be(api: CheckedClient, work: Callable[[], None]) -> None:
    sent = api.call("POST", "/v1/readings", b"[", content_type="application/json", prefer="respond-async")
    assert sent.status == 202
    work()
    told = api.get(sent.headers["Location"]).json
    assert (told["status"], told["refusal"]["code"]) == ("refused", "malformed-batch")
    assert told["ended_at"] >= told["received_at"]


@pytest.mark.promise("H2", "H3", "W2")
def test_a_key_names_one_batch_and_one_kind_of_answer(api: CheckedClient) -> None:
    first, again = (send(api, idempotency_key="k") for _ in range(2))
    assert (again.status, again.json) == (202, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    for other in (send(api, prefer="", idempotency_key="k"), send(api, BAD, idempotency_key="k")):
        assert (other.status, other.code) == (422, "key-reused")
    assert send(api, prefer="", idempotency_key="l").status == 200
    assert send(api, idempotency_key="l").code == "key-reused"


@pytest.mark.promise("W6")
def test_a_large_batch_is_loaded_later_whatever_the_caller_prefers(
    api: CheckedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intakes, "LOADED_AT_ONCE_BYTES_MAX", len(LINES))
    assert send(api, prefer="respond-async=no").status == 200
    sent = send(api, LINES + b"\n", prefer="")
    assert sent.status == 202
    assert "Preference-Applied" not in sent.headers


@pytest.mark.promise("A1")
def test_it_is_shown_to_readers_of_its_tenant_alone(
    api: CheckedClient, new_token: Callable[..., str]
) -> None:
    address = send(api).headers["Location"]
    assert api.as_(new_token("readings:read")).get(address).status == 200
    assert api.as_(new_token(tenant="others")).get(address).status == 404
    assert api.get(f"/v1/readings/intakes/{new_id()}").status == 404


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", {}),
        ("respond-async", {"respond-async": ""}),
        ('Respond-Async=""', {"respond-async": ""}),
        ('a = "x \\" , ; y" ; p=1 ;; q , respond-async;p', {"a": 'x " , ; y', "respond-async": ""}),
        ("respond-async, wait=100, respond-async=no, ,", {"respond-async": "", "wait": "100"}),
        ("respond-async=no, respond-async", {"respond-async": "no"}),
        ("=x, respond-async extra, a=b=c, wait", {"wait": ""}),
        ('respond-async, "', {}),
        ("respond-async, \x80", {}),
        (" ;" * 5_000 + "x" + '"' * 5_001, {}),
    ],
)
def test_preferences_are_read_as_rfc_7240_says(header: str, found: dict[str, str]) -> None:
    assert parse_prefer(header) == found
