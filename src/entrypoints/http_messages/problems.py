"""Refusals as problem documents (RFC 9457): one renderer for first answers and replays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from application.orders.semantic_lock import OrderHeld
from application.ports.payment_callbacks import CallbackNotSigned
from domain.access import NotAuthenticated
from domain.errors import DomainError, Gone, StaleObjectError
from domain.telemetry.batch import BatchRefused
from entrypoints.error_table import verdict_of
from entrypoints.http_messages.bodies import Encoder
from entrypoints.http_messages.entity_tags import entity_tag
from entrypoints.http_messages.order_answer import saga_address
from entrypoints.http_messages.request_errors import MethodNotAllowed
from entrypoints.limits import RETRY_AFTER_UNAVAILABLE_S

PROBLEM_JSON: Final = "application/problem+json"
DOCS_PATH: Final = "/docs/problems/"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field of the body, one header, one query parameter, or (`[7]`) one row of a batch."""

    field: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A refusal. `code` and `type` are stable; `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: tuple[FieldProblem, ...]
    request_id: str | None


@dataclass(frozen=True, slots=True)
class ProblemAnswer:
    """A whole answer: status, headers and body."""

    status: int
    headers: dict[str, str]
    body: bytes


def title_of(error: type[DomainError]) -> str:
    """The name of the error in words: `Request in progress`."""
    return error.code.replace("-", " ").capitalize()


def render_problem(error: DomainError, request_id: str) -> ProblemAnswer:
    """The answer for a refusal.

    A refusal that may be kept under an idempotency key leaves the request's id to the header X-Request-Id, so that a
    replay has the very same body (H2).
    """
    verdict = verdict_of(type(error))
    problem = Problem(
        type=DOCS_PATH + error.code,
        title=title_of(type(error)),
        status=verdict.status,
        detail=str(error),
        code=error.code,
        errors=_field_problems(error),
        request_id=None if error.final else request_id,
    )
    return ProblemAnswer(
        verdict.status, _headers(error, retryable=verdict.retryable), Encoder.encode(problem)
    )


def _field_problems(error: DomainError) -> tuple[FieldProblem, ...]:
    if isinstance(error, BatchRefused):
        return tuple(
            FieldProblem(f"[{fault.row}]", f"{fault.reason}: {fault.detail}") for fault in error.faults
        )
    field = error.data.get("field")
    if not isinstance(field, str):
        return ()
    return (FieldProblem(field, str(error.data.get("problem") or error)),)


def _headers(error: DomainError, *, retryable: bool) -> dict[str, str]:
    headers = {}
    data: dict[str, Any] = error.data
    if retryable:
        headers["Retry-After"] = str(data.get("retry_after_s", RETRY_AFTER_UNAVAILABLE_S))
    match error:
        case NotAuthenticated():
            headers["WWW-Authenticate"] = 'Bearer realm="holdwater"'
        case CallbackNotSigned():
            headers["WWW-Authenticate"] = 'Webhook-Signature realm="holdwater"'
        case MethodNotAllowed():
            headers["Allow"] = str(data["allowed"])
        case OrderHeld():
            headers["Link"] = f'<{saga_address(data["order_id"])}>; rel="related"'
        case StaleObjectError() | Gone() if data.get("current_version") is not None:
            # What was asked for by another name, such as a SKU, bears its id beside it.
            aggregate_id = data.get("aggregate_id", data["id"])
            headers["ETag"] = entity_tag(str(aggregate_id), data["current_version"])
    return headers
