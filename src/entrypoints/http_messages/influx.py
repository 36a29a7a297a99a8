"""Answers to InfluxDB's clients: what each status makes them do decides which one they get.

Telegraf drops a batch at any 4xx but 401, 403, 413 and 429, and its output for version 1 at those too; influxdb-client
keeps one at 429 and 5xx alone. So whatever may pass at another time is 503 (429 for a rate limit, in version 2), and a
4xx says that the same bytes can never be stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from application.ports.readiness import CheckResult
from domain.errors import DomainError
from domain.telemetry.batch import BatchResult
from entrypoints.error_table import verdict_of
from entrypoints.http_messages.bodies import Encoder
from entrypoints.http_messages.influx_request import (
    BUCKET,
    BucketNotFound,
    Dialect,
    bucket_id,
    organisation_id,
)
from entrypoints.http_messages.request_errors import HostNotAllowed, MalformedBody, MethodNotAllowed
from entrypoints.limits import BULK_BODY_BYTES_MAX, RETRY_AFTER_UNAVAILABLE_S

VERSION: Final = "2.7.0-holdwater"
"""The API that is spoken here; clients that compare versions find a 2.7."""
RETRY_AFTER_S_MAX: Final = 30
"""Of a 503: influxdb-client gives a batch up three minutes after its first try."""

_CODES: Final = MappingProxyType(
    {
        HTTPStatus.BAD_REQUEST: "invalid",
        HTTPStatus.UNAUTHORIZED: "unauthorized",
        HTTPStatus.FORBIDDEN: "forbidden",
        HTTPStatus.NOT_FOUND: "not found",
        HTTPStatus.METHOD_NOT_ALLOWED: "method not allowed",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request too large",
        HTTPStatus.TOO_MANY_REQUESTS: "too many requests",
        HTTPStatus.INTERNAL_SERVER_ERROR: "internal error",
        HTTPStatus.NOT_IMPLEMENTED: "not implemented",
        HTTPStatus.SERVICE_UNAVAILABLE: "unavailable",
    }
)
"""InfluxDB's word for each status that is ever given here."""
_OF_A_MOMENT: Final = frozenset({HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED})
"""What somebody else has just changed: another try may pass."""


@dataclass(frozen=True, slots=True)
class InfluxAnswer:
    """A whole answer; a body of None is none."""

    status: HTTPStatus
    headers: Mapping[str, str]
    body: bytes | None


def render_result(result: BatchResult, dialect: Dialect) -> InfluxAnswer:
    """204 if all was stored, or had been before; else which lines were not, the others are stored."""
    if not result.rejected:
        return InfluxAnswer(HTTPStatus.NO_CONTENT, {}, None)
    reasons = [f"line {fault.row + 1}: {fault.detail}" for fault in result.faults]
    extra = {
        "line": result.faults[0].row + 1,
        "accepted": result.accepted + result.duplicate,
        "rejected": result.rejected,
    }
    return _error(HTTPStatus.BAD_REQUEST, "\n".join(reasons), dialect, extra, prefix="partial write: ")


def render_refusal(error: DomainError, dialect: Dialect) -> InfluxAnswer:
    """The answer for a refusal of any kind."""
    status = _status_of(error, dialect)
    headers, extra, prefix = {}, {}, ""
    match status:
        case HTTPStatus.SERVICE_UNAVAILABLE:
            wait_s = int(error.data.get("retry_after_s", RETRY_AFTER_UNAVAILABLE_S))  # type: ignore[call-overload]
            headers["Retry-After"] = str(min(max(wait_s, 1), RETRY_AFTER_S_MAX))
        case HTTPStatus.TOO_MANY_REQUESTS:
            headers["Retry-After"] = str(error.data.get("retry_after_s", RETRY_AFTER_UNAVAILABLE_S))
        case HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = 'Token realm="holdwater"'
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            extra["maxLength"] = BULK_BODY_BYTES_MAX
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = str(error.data["allowed"])
    if isinstance(error, BucketNotFound):
        # Version 1 of Telegraf's output goes by these words, and keeps the batch.
        prefix = f'database not found: "{error.data["bucket"]}". '
    message = str(error)
    if isinstance(error, MalformedBody):
        message = f"the body can't be read: {error.data['problem']}"
    return _error(status, message, dialect, extra, prefix=prefix, headers=headers)


def _status_of(error: DomainError, dialect: Dialect) -> HTTPStatus:
    """One of those in _CODES."""
    if isinstance(error, HostNotAllowed):
        # A setting of ours: batches are kept until it is mended.
        return HTTPStatus.FORBIDDEN if dialect is Dialect.V2 else HTTPStatus.SERVICE_UNAVAILABLE
    verdict = verdict_of(type(error))
    status = verdict.status
    if status is HTTPStatus.TOO_MANY_REQUESTS and dialect is Dialect.V2:
        return status
    if verdict.retryable or status in _OF_A_MOMENT:
        return HTTPStatus.SERVICE_UNAVAILABLE
    if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE and error.data.get("is_one_line"):
        return HTTPStatus.BAD_REQUEST  # Who splits batches at a 413 would send a single line for ever.
    if status in _CODES:
        return status
    is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return HTTPStatus.INTERNAL_SERVER_ERROR if is_ours else HTTPStatus.BAD_REQUEST


def _error(
    status: HTTPStatus,
    message: str,
    dialect: Dialect,
    extra: Mapping[str, int],
    *,
    prefix: str = "",
    headers: Mapping[str, str] | None = None,
) -> InfluxAnswer:
    """Version 1 has its text under `error`, where some clients look for certain words at its beginning."""
    code = _CODES[status]
    body = {"code": code, "message": message, **extra}
    if dialect is Dialect.V1:
        body["error"] = prefix + message
    return InfluxAnswer(status, {**(headers or {}), "X-Platform-Error-Code": code}, Encoder.encode(body))


def render_ping() -> InfluxAnswer:
    """That there is somebody, and what is spoken."""
    headers = {"X-Influxdb-Version": VERSION, "X-Influxdb-Build": "OSS"}
    return InfluxAnswer(HTTPStatus.NO_CONTENT, headers, None)


def render_health(checks: Sequence[CheckResult], *, is_ready: bool) -> InfluxAnswer:
    """The checks of /readyz in InfluxDB's words."""
    listed = [
        {
            "name": check.name,
            "status": "pass" if check.problem is None else "fail",
            "message": check.problem or "",
        }
        for check in checks
    ]
    body = {
        "name": "influxdb",
        "message": "ready for writes" if is_ready else "not ready; checks say why",
        "status": "pass" if is_ready else "fail",
        "checks": listed,
        "version": VERSION,
    }
    status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return InfluxAnswer(status, {}, Encoder.encode(body))


def render_ready() -> InfluxAnswer:
    """That writes are served."""
    return _found({"status": "ready"})


def render_organisations(tenant_id: UUID) -> InfluxAnswer:
    """The caller's tenant, by its id: its name is for operators."""
    organisation = {"id": organisation_id(tenant_id), "name": str(tenant_id), "status": "active"}
    return _found({"links": {"self": "/api/v2/orgs"}, "orgs": [organisation]})


def render_buckets(tenant_id: UUID, wanted: Mapping[str, str], keep_for: timedelta | None) -> InfluxAnswer:
    """The tenant's one bucket, unless another is asked for by `name` or `id`; `keep_for` is how long it keeps."""
    bucket = {
        "id": bucket_id(tenant_id),
        "orgID": organisation_id(tenant_id),
        "name": BUCKET,
        "type": "user",
        "retentionRules": []
        if keep_for is None
        else [{"type": "expire", "everySeconds": int(keep_for.total_seconds())}],
    }
    is_wanted = all(wanted.get(name, bucket[name]) == bucket[name] for name in ("id", "name"))
    return _found({"links": {"self": "/api/v2/buckets"}, "buckets": [bucket] if is_wanted else []})


def render_created(database: str) -> InfluxAnswer:
    """What became of CREATE DATABASE: nothing has to be done for ours, and there is no other."""
    result: dict[str, Any] = {"statement_id": 0}
    if database != BUCKET:
        result["error"] = str(BucketNotFound(bucket=database))
    return _found({"results": [result]})


def _found(body: Mapping[str, Any]) -> InfluxAnswer:
    return InfluxAnswer(HTTPStatus.OK, {}, Encoder.encode(body))
