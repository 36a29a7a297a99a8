"""What every operation with a key, or with a version, does alike."""

from __future__ import annotations

import contextlib

import pytest

from builders import a_context
from domain.idempotency import RequestKey
from entrypoints.container import Container
from entrypoints.http_messages.operation import Operation
from entrypoints.http_messages.order_operations import PLACE_ORDER
from integration.rest_api.caller import NOBODYS_ID, Caller
from integration.rest_api.every import (
    every_keyed,
    every_versioned,
)


class GivenUp(Exception):
    """A first attempt that came to nothing."""


class TestEveryKeyedOperation:
    @every_keyed
    @pytest.mark.promise("H1")
    def test_refuses_a_malformed_key(self, call: Caller, operation: Operation) -> None:
        for key in ("", " ", "a b", "a,b", '"a', 'a"', '"a","b"', '"a";v=1', "\x7f", "é", "k" * 256, '""'):
            answer = call(operation, idempotency_key=key)
            assert (answer.status, answer.fields) == (400, ["Idempotency-Key"]), key

    @every_keyed
    @pytest.mark.promise("H1")
    def test_wants_a_key_where_one_is_required(self, call: Caller, operation: Operation) -> None:
        answer = call(operation, idempotency_key=None)
        if operation.needs_key:
            assert (answer.status, answer.code) == (400, "idempotency-key-missing")
        else:
            assert answer.status == operation.status

    @every_keyed
    @pytest.mark.promise("H2")
    def test_gives_the_same_answer_again(self, call: Caller, operation: Operation) -> None:
        first, again = (call(operation, idempotency_key="k" * 255) for _ in range(2))
        assert "Idempotent-Replayed" not in first.headers
        assert again.headers["Idempotent-Replayed"] == "true"
        assert (again.status, again.body) == (first.status, first.body)
        for name in ("ETag", "Location", "Content-Type"):
            assert again.headers.get(name) == first.headers.get(name)

    @every_keyed
    @pytest.mark.promise("H3")
    def test_refuses_the_key_of_another_request(self, call: Caller, operation: Operation) -> None:
        answer = call(operation, idempotency_key="placed" if operation is not PLACE_ORDER else "tea")
        assert (answer.status, answer.code) == (422, "key-reused")

    @every_keyed
    @pytest.mark.promise("H3", "A2")
    def test_without_a_body_refuses_one(self, call: Caller, operation: Operation) -> None:
        if operation.body is None and not operation.media_types:
            answer = call(operation, raw=b"{}")
            assert (answer.status, answer.fields) == (400, ["body"])
            assert call(operation).status == operation.status

    @every_keyed
    @pytest.mark.promise("H4")
    def test_refuses_a_twin_at_once(self, call: Caller, container: Container, operation: Operation) -> None:
        principal = container.authenticate().handle(call.api.token or "")
        context = a_context(tenant_id=principal.tenant_id, actor=principal.owner)
        with contextlib.suppress(GivenUp), container.unit_of_work(context) as uow:
            uow.once(RequestKey.of("busy", b"anything"), dict)
            answer = call(operation, idempotency_key="busy")
            raise GivenUp
        assert (answer.status, answer.code) == (409, "request-in-progress")
        assert answer.headers["Retry-After"] == "1"
        assert call(operation, idempotency_key="busy").status == operation.status


class TestEveryVersionedOperation:
    @every_versioned
    @pytest.mark.promise("L3")
    def test_wants_if_match(self, call: Caller, operation: Operation) -> None:
        assert (answer := call(operation, if_match=None)).status == 428
        assert answer.code == "precondition-required"

    @every_versioned
    @pytest.mark.promise("L3")
    def test_refuses_what_is_no_entity_tag(self, call: Caller, operation: Operation) -> None:
        for header in ("", "abc", '"a', 'W/"a" b', '"a" "b"', '"a",', ",", '*, "a"', '"a\tb"', 'w/"a"'):
            answer = call(operation, if_match=header)
            assert (answer.status, answer.fields) == (400, ["If-Match"]), header

    @every_versioned
    @pytest.mark.promise("L3")
    def test_refuses_unknown_weak_and_stale_tags_with_the_current_one(
        self, call: Caller, operation: Operation
    ) -> None:
        current = call.tag(operation)
        other_id = f'"{NOBODYS_ID}-1"'
        beyond = f'{current.rpartition("-")[0]}-99"'
        for tag in (
            '"x"',
            '""',
            f"W/{current}",
            other_id,
            beyond,
            f"{beyond}, {other_id}",
            '"' + "9" * 60 + '"',
        ):
            answer = call(operation, if_match=tag)
            assert (answer.status, answer.code) == (412, "stale-object-error"), tag
            assert answer.headers["ETag"] == current

    @every_versioned
    @pytest.mark.promise("L2", "L3")
    def test_takes_the_current_tag_among_others(self, call: Caller, operation: Operation) -> None:
        current = call.tag(operation)
        assert call(operation, if_match=f'W/"x" ,"y",{current}').status == operation.status

    @every_versioned
    @pytest.mark.promise("L3")
    def test_takes_the_star_for_any_version(self, call: Caller, operation: Operation) -> None:
        assert call(operation, if_match="*").status == operation.status
