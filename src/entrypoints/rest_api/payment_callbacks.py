"""What payment gateways tell by themselves; their signature is all that lets them in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from application.payments.hear_callback import HearCallback
from domain.errors import DomainError
from entrypoints.http_messages.request_body import read_body
from entrypoints.http_messages.request_errors import MethodNotAllowed, RouteNotFound
from entrypoints.http_messages.request_headers import require_json_content
from entrypoints.limits import CALLBACK_BYTES_MAX
from entrypoints.rest_api.answers import empty_answer, refused
from entrypoints.rest_api.wiring import container


def payment_callback(request: HttpRequest, gateway: str) -> HttpResponse:
    """/v1/payment-callbacks/{gateway}. No tenant is known before the body is, so no rate limit is any tenant's."""
    try:
        _hear(request, gateway)
    except DomainError as refusal:
        return refused(refusal, request.ids.request_id)  # type: ignore[attr-defined]
    return empty_answer(204, {})


def _hear(request: HttpRequest, gateway: str) -> None:
    meta = request.META
    if request.method != "POST":
        raise MethodNotAllowed(method=request.method, allowed="POST")
    reader = container().callback_readers().get(gateway)
    if reader is None:
        raise RouteNotFound()
    request.body_is_read = True  # type: ignore[attr-defined]  # the middleware drops bodies that nobody reads
    body = read_body(meta, CALLBACK_BYTES_MAX)
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in meta.items()
        if name.startswith("HTTP_")
    }
    callback = reader.read(headers, body)
    require_json_content(meta.get("CONTENT_TYPE", ""), meta.get("HTTP_CONTENT_ENCODING", ""))
    container().hear_callback().handle(HearCallback(gateway=gateway, callback=callback))
