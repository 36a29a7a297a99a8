"""Liveness, readiness, ids, the document and its pages, and what is outside of every operation."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest
from dependency_injector import providers
from openapi_spec_validator import validate

from application.ports.readiness import CheckResult
from domain.errors import DomainError
from entrypoints import drain
from entrypoints.container import Container
from entrypoints.http_messages.operations import OPERATIONS
from integration.rest_api.caller import ORDER
from integration.rest_api.checked_client import Answer, CheckedClient


@pytest.fixture
def draining() -> Iterator[None]:
    """The server has been told to stop."""
    drain.begin()
    yield
    drain.cancel()


def broken(name: str, *, required: bool) -> CheckResult:
    """A check that failed."""
    return CheckResult(name, required=required, problem="it does not answer")


class TestTheProbes:
    @pytest.mark.promise("A5")
    def test_say_that_the_process_lives_without_touching_anything(
        self, api: CheckedClient, container: Container
    ) -> None:
        container.readiness_checks.override(providers.Object(None))
        assert api.as_(None).get("/livez", host="10.0.0.7:8000").json == {"alive": True}

    @pytest.mark.promise("A5")
    def test_name_the_check_that_failed(self, api: CheckedClient, container: Container) -> None:
        checks = [lambda: broken("database", required=True), lambda: broken("redis", required=False)]
        container.readiness_checks.override(providers.Object(checks))
        answer = api.as_(None).get("/readyz")
        assert (answer.status, answer.json["ready"]) == (503, False)
        assert {check["name"]: check["problem"] for check in answer.json["checks"]} == {
            "drain": None,
            "database": "it does not answer",
            "redis": "it does not answer",
        }

    @pytest.mark.promise("A5")
    def test_are_ready_without_what_is_not_required(self, api: CheckedClient, container: Container) -> None:
        container.readiness_checks.override(providers.Object([lambda: broken("redis", required=False)]))
        assert api.get("/readyz").status == 200

    @pytest.mark.promise("A5")
    def test_say_that_the_server_stops_while_it_still_serves(
        self, api: CheckedClient, tea: Answer, draining: None
    ) -> None:
        answer = api.get("/readyz")
        assert (answer.status, answer.json["checks"][0]["problem"]) == (503, "the server is stopping")
        assert api.get("/livez").status == 200
        assert api.post("/v1/orders", ORDER, idempotency_key="k").status == 201


class TestIds:
    @pytest.mark.promise("A6")
    def test_of_the_caller_come_back(self, api: CheckedClient) -> None:
        for path in ("/v1/orders", "/v1/nothing", "/livez", "/docs", "/v1/orders/x"):
            answer = api.get(path, x_request_id="mine", traceparent=f"00-{'a' * 32}-{'b' * 16}-00")
            assert answer.headers["X-Request-Id"] == "mine"
            assert re.fullmatch(
                f"00-{'a' * 32}-(?!{'b' * 16})[0-9a-f]{{16}}-00", answer.headers["traceparent"]
            )

    @pytest.mark.promise("A6")
    @pytest.mark.parametrize("odd", ["", "a b", "x" * 129, "é", "a\tb"])
    def test_that_are_not_sound_are_replaced(self, api: CheckedClient, odd: str) -> None:
        answer = api.get("/livez", x_request_id=odd, traceparent=odd)
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])

    @pytest.mark.promise("A6")
    def test_stand_in_the_one_log_entry_of_the_request(
        self, api: CheckedClient, placed: Answer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "holdwater")
        path = placed.headers["Location"]
        api.patch(
            path, {"note": "private"}, if_match='"x"', x_request_id="mine", idempotency_key="secret-key"
        )
        (entry,) = [record for record in caplog.records if record.name == "holdwater.access"]
        fields = entry.fields  # type: ignore[attr-defined]
        assert {name: fields[name] for name in ("method", "route", "status", "actor")} == {
            "method": "PATCH",
            "route": "v1/orders/<str:order_id>",
            "status": 412,
            "actor": "alice",
        }
        assert fields["ms"] > 0
        for word in ("private", "secret-key", str(api.token)):
            assert word not in f"{fields}{entry.getMessage()}"


class TestTheDocument:
    @pytest.mark.promise("A2")
    def test_is_valid_openapi(self, api: CheckedClient) -> None:
        document = api.get("/v1/openapi.json").json
        validate(document)
        assert document["openapi"].startswith("3.1")

    @pytest.mark.promise("A2")
    def test_is_strict_about_bodies(self, api: CheckedClient) -> None:
        document = api.get("/v1/openapi.json").json
        bodies = [
            operation["requestBody"]["content"]["application/json"]
            for path in document["paths"].values()
            for name, operation in path.items()
            if name in {"post", "patch"}
            and "requestBody" in operation
            and "security" not in operation  # a gateway's own form
            and len(operation["requestBody"]["content"]) == 1  # data in many forms is no command
        ]
        assert len(bodies) == len([one for one in OPERATIONS if one.body is not None]) >= 9
        for body in bodies:
            name = body["schema"]["$ref"].rpartition("/")[2]
            assert document["components"]["schemas"][name]["additionalProperties"] is False
            assert body["examples"]

    def test_can_be_read_in_the_browser_without_any_other_host(self, api: CheckedClient) -> None:
        page = api.get("/docs")
        assert page.status == 200
        sources = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())
        assert sources
        for source in sources:
            assert source.startswith("/docs/assets/")
            asset = api.get(source)
            assert (asset.status, bool(asset.body)) == (200, True)
        assert b"/v1/openapi.json" in api.get("/docs/assets/start.js").body

    @pytest.mark.promise("A2")
    def test_has_a_page_for_each_problem(self, api: CheckedClient) -> None:
        index = api.get("/docs/problems/").body.decode()
        for code in DomainError.known():
            assert f"/docs/problems/{code}" in index
            assert code in api.get(f"/docs/problems/{code}").body.decode()
        assert (
            "The <var>kind</var> <var>id</var>" in api.get("/docs/problems/stale-object-error").body.decode()
        )
        assert api.get("/docs/problems/nothing").code == "route-not-found"


class TestOutsideOfEveryOperation:
    @pytest.mark.promise("A2")
    @pytest.mark.parametrize(
        "path",
        ["/", "/v1", "/v1/", "/v1/orders/", "/v2/orders", "/docs/assets/../x", "/docs/assets/x", "/%2e"],
    )
    def test_there_is_a_problem_document(self, api: CheckedClient, path: str) -> None:
        for client in (api, api.as_(None)):
            answer = client.get(path)
            assert (answer.status, answer.code) == (404, "route-not-found")

    @pytest.mark.promise("A2")
    @pytest.mark.parametrize(
        "path", ["/livez", "/readyz", "/v1/openapi.json", "/docs", "/docs/problems", "/docs/problems/"]
    )
    def test_pages_take_get_alone(self, api: CheckedClient, path: str) -> None:
        answer = api.post(path, {})
        assert (answer.status, answer.code, answer.headers["Allow"]) == (
            405,
            "method-not-allowed",
            "GET, HEAD",
        )

    @pytest.mark.promise("A2")
    @pytest.mark.parametrize("host", ["evil.example", "a b", ""])
    def test_another_host_is_refused(self, api: CheckedClient, host: str) -> None:
        answer = api.get("/docs", host=host or "[")
        assert (answer.status, answer.code) == (400, "host-not-allowed")

    def test_a_token_in_the_address_is_not_read(self, api: CheckedClient) -> None:
        assert api.as_(None).get(f"/v1/orders?token={api.token}").status == 401
        assert api.get(f"/v1/orders?token={api.token}").fields == ["token"]

    @pytest.mark.promise("A1")
    def test_a_revoked_token_is_refused_at_once(self, api: CheckedClient, container: Container) -> None:
        (token,) = container.access_desk().tokens("acme")
        assert api.get("/v1/orders").status == 200
        container.access_desk().revoke(token.id)
        assert api.get("/v1/orders").status == 401


class TestHead:
    def test_is_answered_as_get_is(self, api: CheckedClient, placed: Answer) -> None:
        path = placed.headers["Location"]
        head, get = api.call("HEAD", path), api.get(path)
        assert (head.status, head.headers["ETag"]) == (200, get.headers["ETag"])
        assert api.as_(None).call("HEAD", path).status == 401
