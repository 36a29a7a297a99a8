"""The one base of the API's views: the order of checks (L8), and how answers and refusals are rendered.

DRF's content negotiation, parsers, throttles and metadata are left out: one media type goes in and out, bodies are
decoded by msgspec, and what remains of `APIView` is its dispatch, authentication and permissions.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar, Final, cast
from urllib.parse import quote, urlencode

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.views import APIView

from application.ports.rate_limit import TooManyRequests
from application.ports.unit_of_work import CommandContext
from application.run_once import Answer, ReplayedRefusal
from domain.access import Principal
from domain.errors import DomainError, InvalidInput
from domain.idempotency import RequestKey
from entrypoints.http_messages.bodies import Encoder
from entrypoints.http_messages.entity_tags import entity_tag, parse_if_match
from entrypoints.http_messages.operation import Operation, Page
from entrypoints.http_messages.order_answer import as_answered
from entrypoints.http_messages.query import parse_query
from entrypoints.http_messages.request_body import has_body, read_body
from entrypoints.http_messages.request_errors import (
    IdempotencyKeyMissing,
    MethodNotAllowed,
    PreconditionRequired,
)
from entrypoints.http_messages.request_headers import (
    JSON,
    parse_idempotency_key,
    require_content,
    require_json_accepted,
    require_json_content,
)
from entrypoints.rest_api.access import BearerAuthentication, HasScope
from entrypoints.rest_api.answers import empty_answer, failed, json_answer, refused
from entrypoints.rest_api.wiring import container

_log: Final = logging.getLogger("holdwater.api")


class ApiView(APIView):
    """A view names its operations by method; `initial` has checked and parsed everything when a method begins."""

    operations: ClassVar[Mapping[str, Operation]]
    authentication_classes = [BearerAuthentication]  # noqa: RUF012 - as DRF declares it
    permission_classes = [HasScope]  # noqa: RUF012
    http_method_names = ["get", "head", "post", "patch", "delete"]  # noqa: RUF012 - as Django's View declares it
    default_response_headers: ClassVar[dict[str, str]] = {}

    operation: Operation
    query: dict[str, Any]
    fields: dict[str, Any]
    """The command's fields that the body gave."""
    expected_version: Any
    context: CommandContext
    _key: str | None

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """DRF's request, with authentication alone."""
        return Request(request, authenticators=self.get_authenticators())

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, authorise, admit, validate; the use case does the rest of L8's order."""
        http = request._request
        self.principal = cast(Principal, request.user)
        operation = self.operations.get(http.method or "")
        if operation is None:
            raise MethodNotAllowed(method=http.method, allowed=", ".join(sorted(self.operations)))
        self.operation = operation
        self.check_permissions(request)
        wait_s = container().rate_limiter().admit(self.principal.tenant_id, self.principal.owner)
        if wait_s is not None:
            raise TooManyRequests(retry_after_s=wait_s)
        self._validate(http)

    def _validate(self, http: HttpRequest) -> None:
        operation, meta = self.operation, http.META
        require_json_accepted(meta.get("HTTP_ACCEPT", ""))
        self.query = parse_query(meta.get("QUERY_STRING", ""), operation.query)
        self._key = self._idempotency_key(meta)
        if operation.needs_version:
            if "HTTP_IF_MATCH" not in meta:
                raise PreconditionRequired()
            self.expected_version = parse_if_match(meta["HTTP_IF_MATCH"])
        canonical = b""
        if operation.body is not None:
            require_json_content(meta.get("CONTENT_TYPE", ""), meta.get("HTTP_CONTENT_ENCODING", ""))
            http.body_is_read = True  # type: ignore[attr-defined]  # the middleware drops bodies that nobody reads
            self.fields, canonical = operation.body.decode(read_body(meta))
        elif operation.media_types:
            require_content(meta.get("CONTENT_TYPE", ""), operation.media_types)
            http.body_is_read = True  # type: ignore[attr-defined]  # by the view, which holds it while it works
        elif operation.takes_key and has_body(meta):
            # A key names the whole request (H3), so nothing of it may go unread.
            raise InvalidInput(field="body", problem="must be empty: this operation takes none")
        self.context = self.context_for(canonical)

    def context_for(self, canonical: bytes) -> CommandContext:
        """The call's context; its key names a request with this body."""
        http: HttpRequest = self.request._request
        ids = http.ids  # type: ignore[attr-defined]  # set by the middleware
        key = self._key
        return CommandContext(
            tenant_id=self.principal.tenant_id,
            actor=self.principal.owner,
            correlation_id=ids.request_id,
            causation_id=ids.request_id,
            traceparent=ids.traceparent,
            request_key=None if key is None else _request_key(key, http, self.query, canonical),
        )

    def _idempotency_key(self, meta: Mapping[str, Any]) -> str | None:
        if not self.operation.takes_key:
            return None
        header = meta.get("HTTP_IDEMPOTENCY_KEY")
        if header is not None:
            return parse_idempotency_key(header)
        if self.operation.needs_key:
            raise IdempotencyKeyMissing()
        return None

    def finalize_response(  # type: ignore[override]  # DRF says Response, and passes any HttpResponse on
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Answers are complete when a view gives them."""
        return response

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        """The answer for a refusal, or for a fault of ours."""
        http: HttpRequest = self.request._request
        request_id: str = http.ids.request_id  # type: ignore[attr-defined]
        match exc:
            case ReplayedRefusal():
                return refused(exc.refusal, request_id, replayed=True)
            case DomainError():
                return refused(exc, request_id)
            case _:
                _log.error("a request failed", exc_info=exc)
                return failed(request_id)

    def answer(self, answer: Answer[Any], *, location: str | None = None) -> HttpResponse:
        """What a command answered, first or replayed: status, ETag, Location, body."""
        headers = {"Idempotent-Replayed": "true"} if answer.replayed else {}
        if location is not None:
            headers["Location"] = location
        return self.shown(answer.result, headers)

    def shown(self, view: Any, headers: Mapping[str, str] | None = None) -> HttpResponse:
        """One aggregate with its tag (L2); the tag alone where the operation answers without a body."""
        tagged = {**(headers or {}), "ETag": entity_tag(view.id, view.version)}
        if self.operation.result is None:
            return empty_answer(self.operation.status, tagged)
        return json_answer(self.operation.status, Encoder.encode(as_answered(view)), tagged)

    def listed(
        self, items: tuple[Any, ...], next_query: Mapping[str, str] | None, *, path: str | None = None
    ) -> HttpResponse:
        """A page; `next_query` is what the next page's address adds to this one's parameters, None at the end.

        `path` is this page's own as it is written in an address, where it can't be told from the decoded one.
        """
        address = None
        if next_query is not None:
            http: HttpRequest = self.request._request
            kept = {name: value for name, value in http.GET.items() if name not in next_query}
            address = f"{path or quote(http.path)}?{urlencode({**kept, **next_query})}"
        return json_answer(200, Encoder.encode(Page(items=tuple(map(as_answered, items)), next=address)), {})


def _request_key(key: str, http: HttpRequest, query: Mapping[str, Any], canonical_body: bytes) -> RequestKey:
    """If-Match is no part of it: a retry may carry the old tag or a new one (H7, H12)."""
    method, path = (http.method or "").encode(), http.path.encode()
    if query:
        canonical_body += Encoder.encode(sorted(query.items()))
    return RequestKey.of(key, method, path, JSON.encode(), canonical_body)
