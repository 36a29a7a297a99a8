"""Readings as they are read over HTTP, and what becomes of those that were not stored."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest

from builders import a_context
from domain.telemetry.batch import SENT_LENGTH_MAX, Reject
from domain.telemetry.reading import RejectReason
from entrypoints.container import Container
from integration.rest_api.checked_client import Answer, CheckedClient
from integration.rest_api.test_lists import pages

HOURS: Final = range(24)
READINGS: Final = [
    {
        "device": "pump-7",
        "metric": metric,
        "ts": f"2026-01-31T{hour:02}:00:00Z",
        "value": float(hour),
        "labels": {"side": side, "a b": "x&y"},
    }
    for hour in HOURS
    for metric in ("rpm", "temperature")
    for side in ("left", "right")
]


def send(api: CheckedClient, readings: list[dict[str, Any]], request_id: str = "first") -> Answer:
    """A batch of which the good readings are stored."""
    body = msgspec.json.encode(readings)
    return api.call(
        "POST", "/v1/readings?mode=partial", body, content_type="application/json", x_request_id=request_id
    )


def reading(**changes: object) -> dict[str, Any]:
    """One of pump-7."""
    return {
        "device": "pump-7",
        "metric": "temperature",
        "ts": "2026-02-01T00:00:00Z",
        "value": 21.5,
        **changes,
    }


def rejects(api: CheckedClient, query: str = "") -> list[Any]:
    """All of them, newest first."""
    return [item for items in pages(api, f"/v1/rejects{query}") for item in items]


class TestReadings:
    @pytest.fixture(autouse=True)
    def stored(self, api: CheckedClient) -> None:
        assert send(api, READINGS).json["accepted"] == len(READINGS)

    @pytest.mark.promise("A3", "W1")
    @pytest.mark.parametrize("limit", [1, 7, 10_000])
    def test_of_a_device_are_walked_from_the_oldest_on(self, api: CheckedClient, limit: int) -> None:
        address = f"/v1/readings?device=pump-7&metric=rpm&label.side=left&label.a%20b=x%26y&limit={limit}"
        found = [item for items in pages(api, address) for item in items]
        assert found == [one for one in READINGS if (one["metric"], one["labels"]["side"]) == ("rpm", "left")]  # type: ignore[index]
        every = [item for items in pages(api, f"/v1/readings?device=pump-7&limit={limit}") for item in items]
        assert [item["ts"] for item in every] == [one["ts"] for one in READINGS]
        assert api.get("/v1/readings?device=pump-7&label.side=up").json == {"items": [], "next": None}

    def test_of_a_time_are_those_from_its_beginning_to_before_its_end(self, api: CheckedClient) -> None:
        query = "device=pump-7&metric=rpm&label.side=left&from=2026-01-31T03:00:00Z&to=2026-01-31T07:00:00%2B01:00"
        assert [item["value"] for item in api.get(f"/v1/readings?{query}").json["items"]] == [3.0, 4.0, 5.0]

    @pytest.mark.promise("G7")
    def test_have_a_latest_one_in_each_series(self, api: CheckedClient) -> None:
        send(api, [{**READINGS[0], "ts": "2026-01-30T00:00:00Z", "value": 99.0}])
        found = [item for items in pages(api, "/v1/readings/latest?device=pump-7&limit=3") for item in items]
        assert [(item["metric"], item["value"]) for item in found] == [("rpm", 23.0)] * 2 + [
            ("temperature", 23.0)
        ] * 2
        (one,) = api.get("/v1/readings/latest?device=pump-7&metric=rpm&label.side=right").json["items"]
        assert one == READINGS[-3]

    @pytest.mark.promise("D1")
    def test_are_gone_with_their_device_and_back_with_it(self, api: CheckedClient) -> None:
        (device,) = api.get("/v1/devices?name=pump-7").json["items"]
        path = f"/v1/devices/{device['id']}"
        addresses = ("/v1/readings?device=pump-7", "/v1/readings/latest?device=pump-7")
        shown = [api.get(address).json for address in addresses]
        deleted = api.delete(path, if_match="*")
        for address in addresses:
            answer = api.get(address)
            assert (answer.status, answer.code) == (410, "gone")
            assert answer.headers["ETag"] == deleted.headers["ETag"]
        assert api.call("POST", f"{path}/restore", if_match="*").status == 200
        assert [api.get(address).json for address in addresses] == shown

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("", "device"),
            ("?metric=rpm", "device"),
            ("?device=", "device"),
            ("?device=a%00", "device"),
            ("?device=pump-7&metric=", "metric"),
            ("?device=pump-7&label.=x", "label."),
            ("?device=pump-7&label.side=", "label.side"),
            ("?device=pump-7&label.side=a&label.side=b", "label.side"),
            ("?device=pump-7&label=side", "label"),
            ("?device=pump-7&limit=10001", "limit"),
            ("?device=pump-7&side=left", "side"),
        ],
    )
    @pytest.mark.parametrize("path", ["/v1/readings", "/v1/readings/latest"])
    def test_are_asked_for_by_parameters_that_are_named_where_they_are_wrong(
        self, api: CheckedClient, path: str, query: str, field: str
    ) -> None:
        answer = api.get(path + query)
        assert (answer.status, answer.fields) == (400, [field])

    def test_of_nobody_are_not_found(self, api: CheckedClient) -> None:
        assert api.get("/v1/readings?device=pump-8").code == "not-found"
        assert api.get("/v1/readings/latest?device=pump-8").code == "not-found"


class TestAReject:
    @pytest.fixture
    def unknown(self, api: CheckedClient, container: Container) -> Any:
        """A reading of a device that nobody had registered, whose reject waits until somebody has."""
        tenant_id = container.authenticate().handle(api.token or "").tenant_id
        container.memory().tenants_of_known_devices.add(tenant_id)
        answer = send(api, [reading(), reading(value="warm")])
        assert (answer.json["accepted"], answer.json["rejected"]) == (0, 2)
        (kept,) = rejects(api, "?reason=unknown-device")
        api.post("/v1/devices", {"name": "pump-7"}, idempotency_key="pump")
        return kept

    @pytest.mark.promise("W3", "A3")
    def test_is_listed_with_why_and_as_it_was_sent(self, api: CheckedClient) -> None:
        send(api, [reading(value=n) for n in (1, "a", "b")], "r-1")
        send(api, [reading(value=2)], "r-2")
        newest, *others = rejects(api, "?limit=1")
        assert (newest["request_id"], newest["reason"], newest["row"]) == ("r-2", "conflict", 0)
        assert [(one["row"], one["reason"], one["replayed_at"]) for one in others] == [
            (2, "not-a-number", None),
            (1, "not-a-number", None),
        ]
        assert rejects(api, "?request_id=r-1") == rejects(api, "?reason=not-a-number") == others
        assert rejects(api, "?reason=conflict&request_id=r-1") == []
        assert msgspec.json.decode(others[0]["sent"]) == reading(value="b")
        assert api.get("/v1/rejects?reason=bad").fields == ["reason"]

    @pytest.mark.promise("W3", "W1", "H1")
    def test_is_replayed_once_and_a_retry_gets_the_answer_again(
        self, api: CheckedClient, unknown: Any
    ) -> None:
        path = f"/v1/rejects/{unknown['id']}/replay"
        first = api.call("POST", path, idempotency_key="k-1")
        assert first.status == 200
        assert first.json == {"accepted": 1, "duplicate": 0, "conflict": 0, "rejected": 0, "faults": []}
        assert api.get("/v1/readings?device=pump-7").json["items"] == [{**reading(), "labels": {}}]
        again = api.call("POST", path, idempotency_key="k-1")
        assert (again.json, again.headers["Idempotent-Replayed"]) == (first.json, "true")
        for _ in range(2):
            other = api.call("POST", path, idempotency_key="k-2")
            assert (other.status, other.code) == (409, "reject-replayed")
        (kept,) = rejects(api, "?reason=unknown-device")
        assert kept["replayed_at"] is not None
        assert len(rejects(api)) == 2

    @pytest.mark.promise("W3", "W8")
    def test_that_is_refused_again_becomes_a_new_one(self, api: CheckedClient, unknown: Any) -> None:
        send(api, [reading(value=3.0)], "earlier")
        replay = api.call(
            "POST", f"/v1/rejects/{unknown['id']}/replay", idempotency_key="k", x_request_id="replay"
        )
        assert (replay.json["accepted"], replay.json["duplicate"], replay.json["conflict"]) == (0, 1, 1)
        (conflict,) = rejects(api, "?request_id=replay")
        assert (conflict["reason"], conflict["replayed_at"]) == ("conflict", None)
        (text,) = rejects(api, "?reason=not-a-number")
        replay = api.call(
            "POST", f"/v1/rejects/{text['id']}/replay", idempotency_key="l", x_request_id="again"
        )
        assert replay.json["rejected"] == 1
        assert replay.json["faults"][0]["reason"] == "not-a-number"
        (same,) = rejects(api, "?request_id=again")
        assert (same["sent"], same["replayed_at"]) == (text["sent"], None)
        assert api.get("/v1/readings?device=pump-7").json["items"][0]["value"] == 3.0

    @pytest.mark.promise("W3")
    def test_that_came_as_a_line_keeps_its_time(self, api: CheckedClient) -> None:
        line = b"pump-7 temperature=NaN,rpm=3 1767225600\n"
        sent = api.call("POST", "/v1/readings?mode=partial&precision=s", line, content_type="text/plain")
        assert sent.json["rejected"] >= 1, sent
        for kept in rejects(api):
            replay = api.call("POST", f"/v1/rejects/{kept['id']}/replay", idempotency_key=kept["id"])
            assert (replay.status, replay.json["rejected"]) == (200, sent.json["rejected"])
        assert {item["ts"] for item in api.get("/v1/readings?device=pump-7").json["items"]} <= {
            "2026-01-01T00:00:00Z"
        }

    @pytest.mark.promise("W3")
    def test_that_was_cut_says_so(self, api: CheckedClient, container: Container) -> None:
        tenant_id = container.authenticate().handle(api.token or "").tenant_id
        cut = msgspec.json.encode(reading(device="x" * 5_000)).decode()[:SENT_LENGTH_MAX]
        with container.unit_of_work(a_context(tenant_id=tenant_id)) as uow:
            uow.rejects.keep([Reject(0, RejectReason.INVALID_NAME, "too long", cut)])
        (kept,) = rejects(api)
        answer = api.call("POST", f"/v1/rejects/{kept['id']}/replay", idempotency_key="k")
        assert (answer.status, answer.code) == (422, "reject-unreadable")
        assert rejects(api) == [kept]
