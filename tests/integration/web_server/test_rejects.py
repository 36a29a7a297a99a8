"""A reading that was refused, from the answer over its replay to the list of readings, on the real server."""

from __future__ import annotations

from typing import Final

import pytest

from application.access.access_desk import AccessDesk
from integration.web_server.conftest import Send
from integration.web_server.web_process import WebProcess

READING: Final = {"device": "pump-7", "metric": "temperature", "ts": "2026-11-01T12:00:00Z", "value": 21.5}


@pytest.mark.promise("W3", "W7")
def test_a_reading_of_an_unknown_device_is_kept_and_stored_once_when_it_is_replayed(
    web: WebProcess, send: Send, desk: AccessDesk, tenant: str
) -> None:
    desk.let_devices_register(tenant, themselves=False)
    refused = send(web, "POST", "/v1/readings?mode=partial", [READING], X_Request_Id="the-batch").json()
    assert (refused["accepted"], refused["faults"][0]["reason"]) == (0, "unknown-device")
    (reject,) = send(web, "GET", "/v1/rejects?request_id=the-batch").json()["items"]
    assert (reject["reason"], reject["replayed_at"]) == ("unknown-device", None)

    replay = f"/v1/rejects/{reject['id']}/replay"
    again = send(web, "POST", replay, Idempotency_Key="too-early")
    assert (again.status, again.json()["rejected"]) == (200, 1)
    (kept,) = (
        item for item in send(web, "GET", "/v1/rejects").json()["items"] if item["replayed_at"] is None
    )

    device = send(web, "POST", "/v1/devices", {"name": "pump-7"}, Idempotency_Key="pump-7")
    assert device.status == 201
    replay = f"/v1/rejects/{kept['id']}/replay"
    stored = send(web, "POST", replay, Idempotency_Key="in-time")
    assert (stored.status, stored.json()["accepted"]) == (200, 1)
    assert send(web, "POST", replay, Idempotency_Key="in-time").headers["Idempotent-Replayed"] == "true"
    twice = send(web, "POST", replay, Idempotency_Key="once-more")
    assert (twice.status, twice.json()["code"]) == (409, "reject-replayed")

    (shown,) = send(web, "GET", "/v1/readings?device=pump-7").json()["items"]
    assert (shown["metric"], shown["value"]) == ("temperature", 21.5)
    (latest,) = send(web, "GET", "/v1/readings/latest?device=pump-7").json()["items"]
    assert latest["value"] == 21.5
