"""One operation of the API: its address, scope, headers, body, query, answer and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from application.conflict_retry import Overloaded
from application.ports.rate_limit import TooManyRequests
from application.ports.read_models import (
    PAGE_DEFAULT,
    PAGE_MAX,
    DeletedItems,
)
from application.ports.unit_of_work import StoreUnavailable, TransactionConflict
from domain.access import NotAuthenticated, Scope, ScopeMissing
from domain.errors import DomainError, InvalidInput, StaleObjectError
from domain.idempotency import KeyReused, RequestInProgress
from domain.retention import REASON_LENGTH_MAX
from entrypoints.http_messages import query
from entrypoints.http_messages.bodies import BodyDecoder
from entrypoints.http_messages.body_rules import EXAMPLES, RULES
from entrypoints.http_messages.query import QueryParameter
from entrypoints.http_messages.request_errors import (
    BodyTooLarge,
    IdempotencyKeyMissing,
    InternalError,
    MalformedBody,
    NotAcceptable,
    PreconditionRequired,
    UnsupportedMediaType,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """How a list answers; `next` is the address of the next page, or null."""

    items: tuple[Any, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method at one address. `takes_key`: Idempotency-Key is honoured; `needs_key`: it is required.

    `result` None: the answer has no body, only its headers. `note` tells callers what the headers and bodies don't.
    """

    id: str
    method: str
    path: str
    summary: str
    scope: Scope
    result: type | None
    is_list: bool = False
    status: int = 200
    takes_key: bool = False
    needs_key: bool = False
    needs_version: bool = False
    gives_tag: bool = True
    gives_location: bool = False
    body: BodyDecoder | None = None
    media_types: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Of a body that is no command but data, by what each is; it may be gzipped."""
    later: type | None = None
    """What it answers with 202 and a Location where the caller prefers to hear of the result later."""
    query: tuple[QueryParameter, ...] = ()
    own_refusals: tuple[type[DomainError], ...] = ()
    note: str = ""

    @property
    def is_change(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET"

    @property
    def refusals(self) -> tuple[type[DomainError], ...]:
        """Everything that this operation may refuse with, in the order of the checks (L8)."""
        found: list[type[DomainError]] = [
            NotAuthenticated, ScopeMissing, TooManyRequests, NotAcceptable, InvalidInput,
        ]  # fmt: skip
        if self.body is not None or self.media_types:
            found += [UnsupportedMediaType, BodyTooLarge, MalformedBody]
        if self.needs_key:
            found += [IdempotencyKeyMissing]
        if self.takes_key:
            found += [KeyReused, RequestInProgress]
        if self.needs_version:
            found += [PreconditionRequired, StaleObjectError]
        if self.is_change:
            found += [TransactionConflict, Overloaded]
        return (*found, *self.own_refusals, StoreUnavailable, InternalError)


def by_method(*operations: Operation) -> Mapping[str, Operation]:
    """The operations of one address by their method; HEAD is read as GET is."""
    found = {operation.method: operation for operation in operations}
    if "GET" in found:
        found["HEAD"] = found["GET"]
    return found


def body_of(command: type) -> BodyDecoder:
    """The decoder of bodies that become this command."""
    return BodyDecoder(command, RULES, EXAMPLES[command.__name__])


LIMIT: Final = query.whole_number(
    "limit", "How many items a page has at most.", minimum=1, maximum=PAGE_MAX, default=PAGE_DEFAULT
)

DELETED: Final = query.one_of(
    "deleted",
    "`with`: deleted ones too; `only`: deleted ones alone. Left out: live ones alone.",
    DeletedItems,
)
REASON: Final = query.text("reason", "Why it is deleted.", length_max=REASON_LENGTH_MAX)
