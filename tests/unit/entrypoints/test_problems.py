"""Refusals as problem documents."""

from __future__ import annotations

import json

import pytest

from application.conflict_retry import Overloaded
from application.ports.unit_of_work import StoreUnavailable
from domain.errors import DomainError, Gone, InvalidInput, StaleObjectError
from domain.idempotency import RequestInProgress
from domain.inventory.product import UnknownSku
from entrypoints.http_messages.problems import render_problem
from entrypoints.http_messages.request_errors import MethodNotAllowed

ID = "01a20c32-bf61-7484-938d-dc4ce4a621a2"


class TestAProblem:
    @pytest.mark.promise("A2")
    def test_names_what_is_wrong(self) -> None:
        answer = render_problem(InvalidInput(field="lines[0].sku", problem="is required"), "r-1")
        assert json.loads(answer.body) == {
            "type": "/docs/problems/invalid-input",
            "title": "Invalid input",
            "status": 400,
            "detail": "lines[0].sku: is required",
            "code": "invalid-input",
            "errors": [{"field": "lines[0].sku", "problem": "is required"}],
            "request_id": "r-1",
        }

    @pytest.mark.promise("H2", "H8")
    def test_that_may_be_replayed_depends_on_no_request(self) -> None:
        refusal = UnknownSku(field="lines[0].sku", sku="TEA-1")
        again = DomainError.from_stored(refusal.code, json.loads(json.dumps(refusal.data)))
        assert render_problem(refusal, "one") == render_problem(again, "two")

    @pytest.mark.parametrize(
        ("refusal", "headers"),
        [
            (StaleObjectError(kind="order", id=ID, current_version=7), {"ETag": f'"{ID}-7"'}),
            (StaleObjectError(kind="order", id=ID, current_version=None), {}),
            (Gone(kind="order", id=ID, current_version=3), {"ETag": f'"{ID}-3"'}),
            (Gone(kind="order", id=ID), {}),
            (RequestInProgress(retry_after_s=2), {"Retry-After": "2"}),
            (StoreUnavailable(retry_after_s=5), {"Retry-After": "5"}),
            (Overloaded(tries=3), {"Retry-After": "1"}),
            (MethodNotAllowed(method="PUT", allowed="GET, HEAD"), {"Allow": "GET, HEAD"}),
        ],
    )
    def test_says_in_headers_what_to_do(self, refusal: DomainError, headers: dict[str, str]) -> None:
        assert render_problem(refusal, "r-1").headers == headers
