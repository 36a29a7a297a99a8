"""What InfluxDB's clients ask for; they are served as they are (W5)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from django.http import HttpRequest, HttpResponse

from application.ports.rate_limit import TooManyRequests
from application.ports.reading_decoder import BatchTooLarge, Form
from application.ports.readings import Decoded
from application.ports.unit_of_work import CommandContext, StoreUnavailable
from application.telemetry.ingest_readings import IngestReadings
from domain.access import Principal, Scope
from domain.errors import DomainError
from domain.telemetry.batch import Mode
from domain.telemetry.reading import microseconds
from entrypoints.http_messages import influx
from entrypoints.http_messages.bulk_body import bulk_body
from entrypoints.http_messages.influx import InfluxAnswer
from entrypoints.http_messages.influx_request import (
    STATEMENT_LENGTH_MAX,
    Dialect,
    NoPoints,
    WriteQuery,
    created_database,
    parameters_of,
    secret_of,
    write_query,
)
from entrypoints.http_messages.request_body import read_body
from entrypoints.http_messages.request_errors import (
    InternalError,
    MethodNotAllowed,
    QueriesNotOffered,
    RouteNotFound,
)
from entrypoints.limits import RETRY_AFTER_UNAVAILABLE_S
from entrypoints.rest_api import readiness
from entrypoints.rest_api.answers import empty_answer, json_answer
from entrypoints.rest_api.wiring import container

View = Callable[..., HttpResponse]
Handle = Callable[[HttpRequest, Dialect], InfluxAnswer]

WRITES: Final = MappingProxyType({"/api/v2/write": Dialect.V2, "/write": Dialect.V1})
"""Where lines come in."""

_log: Final = logging.getLogger("holdwater.api")


def served(handle: Handle, *allowed: str, dialect: Dialect = Dialect.V2) -> View:
    """The view that calls `handle` for these methods (any, if none is named), and never fails."""

    def view(request: HttpRequest, **of_path: str) -> HttpResponse:
        try:
            if allowed and request.method not in allowed:
                raise MethodNotAllowed(method=request.method, allowed=", ".join(allowed))
            answer = handle(request, dialect)
        except DomainError as refusal:
            answer = influx.render_refusal(refusal, dialect)
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is no reason for a 4xx
            _log.error("a request failed", exc_info=fault)
            answer = influx.render_refusal(InternalError(), dialect)
        return _response(answer)

    return view


def refused(error: DomainError, dialect: Dialect) -> HttpResponse:
    """The answer for a refusal that comes before any view."""
    return _response(influx.render_refusal(error, dialect))


def write(request: HttpRequest, dialect: Dialect) -> InfluxAnswer:
    """Store the lines that can be, keep the others, and say which they are (W3)."""
    principal = _caller(request)
    query = write_query(_query_of(request), dialect, principal.tenant_id)
    principal.require(Scope.READINGS_WRITE)
    wait_s = container().rate_limiter().admit(principal.tenant_id, principal.owner)
    if wait_s is not None:
        raise TooManyRequests(retry_after_s=wait_s)
    with _body(request) as body:
        command = IngestReadings(decoded=_decoded(body, query), mode=Mode.PARTIAL)
        answer = container().ingest_readings().handle(command, _context(request, principal))
    return influx.render_result(answer.result, dialect)


def ping(request: HttpRequest, dialect: Dialect) -> InfluxAnswer:
    """Whether there is somebody; touches nothing."""
    return influx.render_ping()


def health(request: HttpRequest, dialect: Dialect) -> InfluxAnswer:
    """/readyz for clients."""
    checks = readiness.checks()
    return influx.render_health(checks, is_ready=readiness.are_passed(checks))


def ready(request: HttpRequest, dialect: Dialect) -> InfluxAnswer:
    """/readyz in one word."""
    if not readiness.are_passed(readiness.checks()):
        raise StoreUnavailable(retry_after_s=RETRY_AFTER_UNAVAILABLE_S)
    return influx.render_ready()


def organisations(request: HttpRequest, dialect: Dialect) -> InfluxAnswer:
    """The token's tenant."""
    return influx.render_organisations(_reader(request).tenant_id)


def buckets(request: HttpRequest, dialect: Dialect) -> InfluxAnswer:
    """The tenant's one bucket."""
    principal = _reader(request)
    keep_for = container().settings().raw_retention.keep_for
    return influx.render_buckets(principal.tenant_id, parameters_of(_query_of(request)), keep_for)


def statement(request: HttpRequest, dialect: Dialect) -> InfluxAnswer:
    """CREATE DATABASE, with which clients of version 1 begin."""
    _caller(request)
    form = read_body(_to_be_read(request), STATEMENT_LENGTH_MAX).decode(errors="replace")
    given = {**parameters_of(form), **parameters_of(_query_of(request))}
    return influx.render_created(created_database(given.get("q", "")))


def flux(request: HttpRequest, dialect: Dialect) -> InfluxAnswer:
    """Queries are not offered."""
    _caller(request)
    raise QueriesNotOffered()


def unknown(request: HttpRequest, dialect: Dialect) -> InfluxAnswer:
    """Whatever else InfluxDB has."""
    raise RouteNotFound()


def _caller(request: HttpRequest) -> Principal:
    principal = container().authenticate().handle(secret_of(request.META.get("HTTP_AUTHORIZATION", "")))
    request.principal = principal  # type: ignore[attr-defined]  # the access entry names the caller
    return principal


def _reader(request: HttpRequest) -> Principal:
    principal = _caller(request)
    principal.require(Scope.READINGS_READ)
    return principal


def _query_of(request: HttpRequest) -> str:
    return str(request.META.get("QUERY_STRING", ""))


def _to_be_read(request: HttpRequest) -> dict[str, object]:
    request.body_is_read = True  # type: ignore[attr-defined]  # the middleware drops bodies that nobody reads
    return request.META


@contextmanager
def _body(request: HttpRequest) -> Iterator[bytes]:
    with bulk_body(_to_be_read(request), by_line=True) as body:
        if not body:
            raise NoPoints()
        yield body


def _decoded(body: bytes, query: WriteQuery) -> Decoded:
    now_us = microseconds(container().now()())
    try:
        return container().reading_decoder().decode(body, Form.LINE, now_us=now_us, precision=query.precision)
    except BatchTooLarge as refusal:
        raise BatchTooLarge(**refusal.data, is_one_line=b"\n" not in body.rstrip()) from None


def _context(request: HttpRequest, principal: Principal) -> CommandContext:
    ids = request.ids  # type: ignore[attr-defined]  # set by the middleware
    return CommandContext(
        tenant_id=principal.tenant_id,
        actor=principal.owner,
        correlation_id=ids.request_id,
        causation_id=ids.request_id,
        traceparent=ids.traceparent,
    )


def _response(answer: InfluxAnswer) -> HttpResponse:
    if answer.body is None:
        return empty_answer(answer.status, answer.headers)
    return json_answer(answer.status, answer.body, answer.headers)
