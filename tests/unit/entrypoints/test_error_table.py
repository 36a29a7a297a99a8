"""The one map from refusals to what transports say."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from domain.errors import DomainError, NotFound
from entrypoints.error_table import VERDICTS, verdict_of
from entrypoints.http_messages import operations
from entrypoints.http_messages.operations import OPERATIONS
from entrypoints.http_messages.problem_pages import problem_page, problems_index

FAULTS = {"internal-error", "aggregate-spent"}


class TestTheTable:
    @pytest.mark.promise("A2")
    def test_has_a_status_for_every_refusal_that_is_no_fault_of_ours(self) -> None:
        unlisted = {
            code
            for code, error in DomainError.known().items()
            if verdict_of(error).status is HTTPStatus.INTERNAL_SERVER_ERROR
        }
        assert unlisted == FAULTS

    def test_judges_a_class_as_its_nearest_parent(self) -> None:
        class LostParcel(NotFound):
            """There is no parcel."""

        try:
            assert verdict_of(LostParcel) == VERDICTS[NotFound]
        finally:
            del DomainError._by_code[LostParcel.code]

    @pytest.mark.promise("H7")
    def test_keeps_no_refusal_that_may_pass(self) -> None:
        for error in DomainError.known().values():
            verdict = verdict_of(error)
            if error.final:
                assert not verdict.retryable, error
                assert verdict.status in {HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}, error

    @pytest.mark.promise("L8")
    def test_is_used_by_operations_in_the_order_of_the_checks(self) -> None:
        for operation in OPERATIONS:
            assert [error.code for error in operation.refusals[:3]] == [
                "not-authenticated",
                "scope-missing",
                "too-many-requests",
            ]
            assert len(set(operation.refusals)) == len(operation.refusals)
        assert len({operation.id for operation in operations.OPERATIONS}) == len(OPERATIONS)


class TestAPage:
    @pytest.mark.promise("A2")
    def test_explains_each_refusal(self) -> None:
        index = problems_index()
        for code, error in DomainError.known().items():
            page = problem_page(error)
            assert f"<code>{code}</code>" in page
            assert str(int(verdict_of(error).status)) in page
            assert f"/docs/problems/{code}" in index
