"""Django's responses, made complete: status, media type, headers, body."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpResponse

from domain.errors import DomainError
from entrypoints.http_messages.problems import PROBLEM_JSON, render_problem
from entrypoints.http_messages.request_errors import InternalError
from entrypoints.http_messages.request_headers import JSON


def json_answer(
    status: int, body: bytes, headers: Mapping[str, str], *, content_type: str = JSON
) -> HttpResponse:
    """An answer that nobody may cache, since it belongs to one caller."""
    response = HttpResponse(body, status=status, content_type=content_type)
    response.headers["Cache-Control"] = "no-store"
    for name, value in headers.items():
        response.headers[name] = value
    response._has_been_logged = True  # type: ignore[attr-defined]  # the access entry says it, Django needn't
    return response


def empty_answer(status: int, headers: Mapping[str, str]) -> HttpResponse:
    """An answer that says everything in its headers."""
    response = json_answer(status, b"", headers)
    del response.headers["Content-Type"]
    return response


def refused(error: DomainError, request_id: str, *, replayed: bool = False) -> HttpResponse:
    """A problem document; `replayed` says that an earlier request with the same key got it first."""
    problem = render_problem(error, request_id)
    headers = {**problem.headers, "Idempotent-Replayed": "true"} if replayed else problem.headers
    return json_answer(problem.status, problem.body, headers, content_type=PROBLEM_JSON)


def failed(request_id: str) -> HttpResponse:
    """A fault of ours, of which the caller learns nothing but the request's id."""
    return refused(InternalError(), request_id)
