"""Refusals that HTTP itself gives, before a use case runs; none of them is kept under an idempotency key (H7)."""

from __future__ import annotations

from domain.errors import DomainError, InvalidInput


class MalformedBody(DomainError):
    """The body can't be read: {problem}."""


class BodyTooLarge(DomainError):
    """The body is larger than {bytes_max} bytes; send less in one request."""


class UnsupportedMediaType(DomainError):
    """This operation takes 'Content-Type: {expected}' in UTF-8, not {content_type!r}."""

    def __init__(self, *, content_type: str, expected: str = "application/json", **data: object) -> None:
        super().__init__(content_type=content_type, expected=expected, **data)


class UnsupportedContentEncoding(UnsupportedMediaType):
    """Bodies come as they are or with 'Content-Encoding: gzip', not {encoding!r}."""

    def __init__(self, *, encoding: str) -> None:
        DomainError.__init__(self, encoding=encoding)


class NotAcceptable(DomainError):
    """Answers come as application/json, which 'Accept: {accept}' does not admit."""


class MethodNotAllowed(DomainError):
    """This address does not take {method}; it takes {allowed}."""


class RouteNotFound(DomainError):
    """There is nothing at this address; /docs lists what there is."""


class IdempotencyKeyMissing(InvalidInput):
    """{field}: {problem}"""

    def __init__(self) -> None:
        super().__init__(
            field="Idempotency-Key",
            problem="is required; name each request, and keep the name for its retries",
        )


class PreconditionRequired(DomainError):
    """The header If-Match is required: send the ETag of what you have read, so that nobody's change is lost."""


class QueriesNotOffered(DomainError):
    """Neither Flux nor InfluxQL is offered; readings are read at /v1/readings."""


class HostNotAllowed(DomainError):
    """This service does not answer under that name; add it to HOLDWATER_ALLOWED_HOSTS."""


class InternalError(DomainError):
    """Something failed that should not. Nothing more is told here; the log has it under the request id."""
