"""What every operation refuses alike, in the order of the checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from dependency_injector import providers

from application.conflict_retry import Overloaded
from application.ports.unit_of_work import StoreUnavailable, TransactionConflict
from domain.access import Scope
from entrypoints.container import Container
from entrypoints.http_messages.operation import Operation
from entrypoints.http_messages.operations import OPERATIONS
from entrypoints.limits import BODY_BYTES_MAX
from integration.rest_api.caller import NOBODYS_ID, Caller
from integration.rest_api.every import (
    every_change,
    every_operation,
    on_one_thing,
)


def raises(error: Exception) -> Callable[..., Any]:
    """A dependency that fails so."""

    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


def stores_of(container: Container) -> tuple[Any, ...]:
    """Whatever an operation may read or write."""
    return (
        container.unit_of_work,
        container.read_models,
        container.dead_letters,
        container.saga_views,
        container.late_replies,
        container.reading_views,
        container.reject_views,
    )


class TestEveryOperation:
    @every_operation
    def test_answers_as_it_says(self, call: Caller, operation: Operation) -> None:
        answer = call(operation)
        assert answer.status == operation.status
        assert ("ETag" in answer.headers) == operation.gives_tag
        assert ("Location" in answer.headers) == operation.gives_location

    @every_operation
    @pytest.mark.promise("A1")
    def test_wants_a_token(self, call: Caller, operation: Operation) -> None:
        for token in (None, "hw_unknown", "x" * 201, "a b", ""):
            answer = call(operation, client=call.api.as_(token))
            assert (answer.status, answer.code) == (401, "not-authenticated")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    @every_operation
    @pytest.mark.promise("A1")
    def test_wants_its_scope(self, call: Caller, new_token: Callable[..., str], operation: Operation) -> None:
        others = [
            scope.value
            for scope in Scope
            if scope not in {operation.scope, Scope.ALL}
            and scope.value.replace("write", "read") != operation.scope.value
        ]
        answer = call(operation, client=call.api.as_(new_token(*others)))
        assert (answer.status, answer.code) == (403, "scope-missing")
        assert operation.scope.value in answer.json["detail"]
        assert call(operation, client=call.api.as_(new_token(operation.scope.value))).status < 300

    @on_one_thing
    @pytest.mark.promise("A1")
    def test_shows_nothing_of_another_tenant(
        self, call: Caller, new_token: Callable[..., str], operation: Operation
    ) -> None:
        stranger = call.api.as_(new_token(tenant="others"))
        assert call(operation, client=stranger).status == 404
        assert call(operation).status == operation.status

    @on_one_thing
    @pytest.mark.parametrize("odd", ["", "x" * 65, "\x00", "a b", NOBODYS_ID.upper(), "{" + NOBODYS_ID + "}"])
    def test_knows_nothing_under_an_odd_address(self, call: Caller, operation: Operation, odd: str) -> None:
        answer = call(
            operation,
            sku=odd,
            order_id=odd,
            message_id=odd,
            payment_id=odd,
            saga_id=odd,
            reject_id=odd,
            intake_id=odd,
            device_id=odd,
        )
        assert answer.status in {404, 405}
        assert answer.code in {"not-found", "route-not-found", "method-not-allowed"}

    @on_one_thing
    def test_answers_404_for_what_nobody_has(self, call: Caller, operation: Operation) -> None:
        answer = call(
            operation,
            sku="NONE",
            order_id=NOBODYS_ID,
            message_id=NOBODYS_ID,
            payment_id=NOBODYS_ID,
            saga_id=NOBODYS_ID,
            reject_id=NOBODYS_ID,
            intake_id=NOBODYS_ID,
            device_id=NOBODYS_ID,
        )
        assert answer.code == "not-found"

    @every_operation
    @pytest.mark.promise("A2")
    def test_answers_json_or_nothing(self, call: Caller, operation: Operation) -> None:
        for accept in ("text/html", "application/json;q=0", "image/*, text/plain"):
            assert call(operation, accept=accept).code == "not-acceptable"
        for accept in ("*/*", "application/*;q=0.1", "text/html, application/json;q=0.5", ""):
            assert call(operation, accept=accept, idempotency_key=accept.encode().hex() or "x").status < 500

    @every_operation
    @pytest.mark.promise("A2")
    def test_refuses_a_query_parameter_that_it_does_not_know(
        self, call: Caller, operation: Operation
    ) -> None:
        answer = call(operation, query="?colour=red")
        assert (answer.status, answer.fields) == (400, ["colour"])

    @every_operation
    @pytest.mark.promise("A2")
    def test_says_which_methods_there_are(self, call: Caller, operation: Operation) -> None:
        path = operation.path.format(
            sku="TEA-1",
            order_id=NOBODYS_ID,
            customer_ref="c-17",
            message_id=NOBODYS_ID,
            payment_id=NOBODYS_ID,
            saga_id=NOBODYS_ID,
            reject_id=NOBODYS_ID,
            intake_id=NOBODYS_ID,
            device_id=NOBODYS_ID,
        )
        taken = {one.method for one in OPERATIONS if one.path == operation.path}
        for method in {"DELETE", "PUT", "OPTIONS", "TRACE", "BREW"} - taken:
            answer = call.api.call(method, path)
            assert (answer.status, answer.code) == (405, "method-not-allowed")
            assert operation.method in answer.headers["Allow"].split(", ")

    @every_operation
    @pytest.mark.promise("A2")
    @pytest.mark.parametrize(
        ("error", "retry_after"),
        [(StoreUnavailable(retry_after_s=3), "3"), (TransactionConflict(), "1"), (Overloaded(tries=3), "1")],
    )
    def test_says_when_to_come_again(
        self, call: Caller, container: Container, operation: Operation, error: Exception, retry_after: str
    ) -> None:
        if not isinstance(error, StoreUnavailable) and not operation.is_change:
            return
        call.make_ready(operation)
        for stored in stores_of(container):
            stored.override(providers.Callable(raises(error)))
        container.back_off.override(providers.Object(lambda number: None))
        answer = call(operation)
        assert answer.status == 503
        assert answer.headers["Retry-After"] == retry_after

    @every_operation
    @pytest.mark.promise("A2")
    def test_tells_nothing_of_its_own_faults(
        self, call: Caller, container: Container, operation: Operation, caplog: pytest.LogCaptureFixture
    ) -> None:
        call.make_ready(operation)
        fault = providers.Callable(raises(RuntimeError("the secret is 42")))
        for stored in stores_of(container):
            stored.override(fault)
        answer = call(operation, x_request_id="find-me")
        assert (answer.status, answer.code) == (500, "internal-error")
        assert b"42" not in answer.body
        assert answer.json["request_id"] == answer.headers["X-Request-Id"] == "find-me"
        assert "the secret is 42" in caplog.text


class TestEveryChange:
    @every_change
    @pytest.mark.promise("A2")
    @pytest.mark.parametrize(
        ("raw", "code"),
        [
            (b"", "malformed-body"),
            (b"{", "malformed-body"),
            (b'{"a": \xff}', "malformed-body"),
            (b'{"a": "\xe9"}', "malformed-body"),
            ('{"a": "x"}'.encode("utf-16"), "malformed-body"),
            (b"\xef\xbb\xbf{}", "malformed-body"),
            (b"{]", "malformed-body"),
            (b"[]", "invalid-input"),
            (b"null", "invalid-input"),
            (b"1" * 5_000, "invalid-input"),
            (b'{"colour": "red"}', "invalid-input"),
            (b'{"note": "a", "note": "a"}', "invalid-input"),
        ],
    )
    def test_refuses_what_is_no_body_for_it(
        self, call: Caller, operation: Operation, raw: bytes, code: str
    ) -> None:
        answer = call(operation, raw=raw)
        assert (answer.status, answer.code) == (400, code)

    @every_change
    @pytest.mark.parametrize(
        "content_type",
        [
            "",
            "text/plain",
            "application/xml",
            "application/json; charset=latin-1",
            "multipart/form-data",
            "json",
        ],
    )
    def test_takes_json_in_utf8_alone(self, call: Caller, operation: Operation, content_type: str) -> None:
        answer = call(operation, content_type=content_type)
        assert (answer.status, answer.code) == (415, "unsupported-media-type")

    @every_change
    def test_takes_no_compressed_body(self, call: Caller, operation: Operation) -> None:
        assert call(operation, content_encoding="gzip").code == "unsupported-media-type"

    @every_change
    def test_takes_json_with_its_charset(self, call: Caller, operation: Operation) -> None:
        assert call(operation, content_type='Application/JSON; charset="UTF-8"').status == operation.status

    @every_change
    @pytest.mark.promise("A2")
    def test_refuses_a_body_that_is_too_large(self, call: Caller, operation: Operation) -> None:
        answer = call(operation, raw=b" " * (BODY_BYTES_MAX + 1))
        assert (answer.status, answer.code) == (413, "body-too-large")

    @every_change
    @pytest.mark.promise("L8")
    def test_checks_the_token_and_the_scope_before_the_body(
        self, call: Caller, new_token: Callable[..., str], operation: Operation
    ) -> None:
        assert call(operation, client=call.api.as_(None), raw=b"{").status == 401
        assert call(operation, client=call.api.as_(new_token("orders:import")), raw=b"{").status == 403

    @on_one_thing
    @pytest.mark.promise("L8")
    def test_checks_the_body_before_it_looks_for_the_thing(self, call: Caller, operation: Operation) -> None:
        if operation.body is not None:
            assert call(operation, sku="NONE", order_id=NOBODYS_ID, raw=b"{").status == 400
