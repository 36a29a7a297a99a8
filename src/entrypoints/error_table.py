"""The one map from refusals to what transports say: HTTP status, exit code of a command, worth another try or not.

Exit codes are those of sysexits.h, so that shells and process managers can tell them apart. A class that isn't listed
is judged as its nearest listed parent.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from os import EX_DATAERR, EX_NOINPUT, EX_NOPERM, EX_SOFTWARE, EX_TEMPFAIL, EX_UNAVAILABLE, EX_USAGE
from typing import Final

from application.conflict_retry import Overloaded
from application.ports.notifier import NoticeRefused, NotifierUnavailable
from application.ports.payment_callbacks import CallbackNotSigned
from application.ports.payment_gateway import GatewayOutcomeUnknown, GatewayRefused, GatewayUnavailable
from application.ports.rate_limit import TooManyRequests
from application.ports.reading_decoder import BatchTooLarge, MalformedBatch
from application.ports.task_queue import QueueUnavailable
from application.ports.unit_of_work import StoreUnavailable, TransactionConflict
from domain.access import NotAuthenticated, ScopeMissing
from domain.errors import (
    AggregateSpent,
    Conflict,
    DomainError,
    Gone,
    InvalidInput,
    NotFound,
    RuleViolation,
    StaleObjectError,
)
from domain.idempotency import KeyReused, RequestInProgress
from domain.telemetry.batch import BatchRefused
from domain.telemetry.intake import TooManyIntakes
from entrypoints.http_messages.request_errors import (
    BodyTooLarge,
    HostNotAllowed,
    InternalError,
    MalformedBody,
    MethodNotAllowed,
    NotAcceptable,
    PreconditionRequired,
    QueriesNotOffered,
    RouteNotFound,
    UnsupportedMediaType,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`retryable`: the very same request may succeed later, nothing has to be changed in it."""

    status: HTTPStatus
    exit_code: int
    retryable: bool = False


VERDICTS: Final[dict[type[DomainError], Verdict]] = {
    DomainError: Verdict(HTTPStatus.INTERNAL_SERVER_ERROR, EX_SOFTWARE),
    InvalidInput: Verdict(HTTPStatus.BAD_REQUEST, EX_DATAERR),
    MalformedBody: Verdict(HTTPStatus.BAD_REQUEST, EX_DATAERR),
    MalformedBatch: Verdict(HTTPStatus.BAD_REQUEST, EX_DATAERR),
    HostNotAllowed: Verdict(HTTPStatus.BAD_REQUEST, EX_USAGE),
    NotAuthenticated: Verdict(HTTPStatus.UNAUTHORIZED, EX_NOPERM),
    CallbackNotSigned: Verdict(HTTPStatus.UNAUTHORIZED, EX_NOPERM),
    ScopeMissing: Verdict(HTTPStatus.FORBIDDEN, EX_NOPERM),
    NotFound: Verdict(HTTPStatus.NOT_FOUND, EX_NOINPUT),
    RouteNotFound: Verdict(HTTPStatus.NOT_FOUND, EX_USAGE),
    MethodNotAllowed: Verdict(HTTPStatus.METHOD_NOT_ALLOWED, EX_USAGE),
    NotAcceptable: Verdict(HTTPStatus.NOT_ACCEPTABLE, EX_USAGE),
    Conflict: Verdict(HTTPStatus.CONFLICT, EX_UNAVAILABLE),
    RequestInProgress: Verdict(HTTPStatus.CONFLICT, EX_TEMPFAIL, retryable=True),
    Gone: Verdict(HTTPStatus.GONE, EX_NOINPUT),
    StaleObjectError: Verdict(HTTPStatus.PRECONDITION_FAILED, EX_UNAVAILABLE),
    BodyTooLarge: Verdict(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, EX_DATAERR),
    BatchTooLarge: Verdict(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, EX_DATAERR),
    UnsupportedMediaType: Verdict(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, EX_USAGE),
    BatchRefused: Verdict(HTTPStatus.UNPROCESSABLE_ENTITY, EX_DATAERR),
    RuleViolation: Verdict(HTTPStatus.UNPROCESSABLE_ENTITY, EX_DATAERR),
    KeyReused: Verdict(HTTPStatus.UNPROCESSABLE_ENTITY, EX_USAGE),
    PreconditionRequired: Verdict(HTTPStatus.PRECONDITION_REQUIRED, EX_USAGE),
    TooManyRequests: Verdict(HTTPStatus.TOO_MANY_REQUESTS, EX_TEMPFAIL, retryable=True),
    AggregateSpent: Verdict(HTTPStatus.INTERNAL_SERVER_ERROR, EX_SOFTWARE),
    InternalError: Verdict(HTTPStatus.INTERNAL_SERVER_ERROR, EX_SOFTWARE),
    QueriesNotOffered: Verdict(HTTPStatus.NOT_IMPLEMENTED, EX_USAGE),
    NoticeRefused: Verdict(HTTPStatus.BAD_GATEWAY, EX_UNAVAILABLE),
    GatewayRefused: Verdict(HTTPStatus.BAD_GATEWAY, EX_UNAVAILABLE),
    TransactionConflict: Verdict(HTTPStatus.SERVICE_UNAVAILABLE, EX_TEMPFAIL, retryable=True),
    Overloaded: Verdict(HTTPStatus.SERVICE_UNAVAILABLE, EX_TEMPFAIL, retryable=True),
    TooManyIntakes: Verdict(HTTPStatus.SERVICE_UNAVAILABLE, EX_TEMPFAIL, retryable=True),
    StoreUnavailable: Verdict(HTTPStatus.SERVICE_UNAVAILABLE, EX_TEMPFAIL, retryable=True),
    QueueUnavailable: Verdict(HTTPStatus.SERVICE_UNAVAILABLE, EX_TEMPFAIL, retryable=True),
    NotifierUnavailable: Verdict(HTTPStatus.SERVICE_UNAVAILABLE, EX_TEMPFAIL, retryable=True),
    GatewayUnavailable: Verdict(HTTPStatus.SERVICE_UNAVAILABLE, EX_TEMPFAIL, retryable=True),
    GatewayOutcomeUnknown: Verdict(HTTPStatus.SERVICE_UNAVAILABLE, EX_TEMPFAIL, retryable=True),
}


def verdict_of(error: type[DomainError]) -> Verdict:
    """The verdict on the class, or on its nearest parent that is listed."""
    return next(VERDICTS[cls] for cls in error.__mro__ if cls in VERDICTS)
