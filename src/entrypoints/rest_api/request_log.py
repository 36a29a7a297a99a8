"""The one middleware: ids for every request, the host check, security headers, one access entry, and the counts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from entrypoints.http_messages.request_body import discard_body, has_body
from entrypoints.http_messages.request_errors import HostNotAllowed
from entrypoints.http_messages.request_headers import RequestIds
from entrypoints.logs import log_access, request_fields
from entrypoints.rest_api import influx, metrics
from entrypoints.rest_api.answers import refused

PROBES: Final = frozenset({"/livez", "/readyz", "/metrics", "/ping", "/health", "/ready"})
"""Asked by address and often: any Host will do, and their entries are written at DEBUG."""


class RequestLog:
    """Names each request (A6) and writes what became of it, but neither tokens nor bodies nor addresses of people."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Django's middleware protocol."""
        started = time.perf_counter()
        meta = request.META
        ids = RequestIds.of(meta.get("HTTP_X_REQUEST_ID"), meta.get("HTTP_TRACEPARENT"))
        request.ids = ids  # type: ignore[attr-defined]
        token = request_fields.set({"request_id": ids.request_id, "traceparent": ids.traceparent})
        try:
            response = _refusal_of_host(request, ids) or self._get_response(request)
            if has_body(meta) and not hasattr(request, "body_is_read"):
                discard_body(meta)
            response.headers["X-Request-Id"] = ids.request_id
            response.headers["traceparent"] = ids.traceparent
            response.headers["X-Content-Type-Options"] = "nosniff"
            seconds = time.perf_counter() - started
            metrics.count(request, response, seconds)
            _log(request, response.status_code, seconds)
            return response
        finally:
            request_fields.reset(token)


def _refusal_of_host(request: HttpRequest, ids: RequestIds) -> HttpResponse | None:
    if request.path in PROBES:
        return None
    try:
        request.get_host()
    except DisallowedHost:
        dialect = influx.WRITES.get(request.path)
        if dialect is not None:
            return influx.refused(HostNotAllowed(), dialect)
        return refused(HostNotAllowed(), ids.request_id)
    return None


def _log(request: HttpRequest, status: int, seconds: float) -> None:
    route = request.resolver_match.route if request.resolver_match else None
    fields = {"method": request.method, "route": route, "status": status, "ms": round(seconds * 1_000, 3)}
    principal = getattr(request, "principal", None)
    if principal is not None:
        fields |= {"tenant": str(principal.tenant_id), "actor": principal.owner}
    log_access("request", fields, logging.DEBUG if request.path in PROBES else logging.INFO)
