"""The OpenAPI 3.1 document, written from the table of operations, the body rules and the view dataclasses."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from application.ports.device_view import DeviceView
from application.ports.intakes import IntakeView
from application.ports.outbox import ConsumerLag, DeadLetter
from application.ports.payment_view import PaymentView
from application.ports.read_models import EventView, ProductView, StockView
from application.ports.readiness import CheckResult
from application.ports.reading_views import ReadingView
from application.ports.reject_views import RejectView
from application.ports.sagas import LateReply
from domain.errors import DomainError
from domain.idempotency import KEY_LENGTH_MAX
from domain.inventory.product import SKU_LENGTH_MAX, SKU_PATTERN
from domain.orders.order import CUSTOMER_REF_LENGTH_MAX
from domain.telemetry.batch import BatchResult
from entrypoints.error_table import verdict_of
from entrypoints.http_messages import callback_message
from entrypoints.http_messages.operation import Operation
from entrypoints.http_messages.operations import OPERATIONS
from entrypoints.http_messages.order_answer import OrderAnswer
from entrypoints.http_messages.problems import PROBLEM_JSON, Problem, title_of
from entrypoints.http_messages.request_headers import JSON, RESPOND_ASYNC
from entrypoints.http_messages.saga_answer import SagaAnswer, SagaJournalAnswer
from entrypoints.limits import IF_MATCH_LENGTH_MAX, REQUEST_ID_LENGTH_MAX

API_VERSION: Final = "1"
_SCHEMA_REF: Final = "#/components/schemas/{name}"
_HEADER_REF: Final = "#/components/headers/"
_PARAMETER_REF: Final = "#/components/parameters/"
_PATH_NAME: Final = re.compile(r"\{(\w+)\}")

_INTRODUCTION: Final = """\
Orders, products and stock, kept correct under concurrency, retries and crashes.

Every change names itself with `Idempotency-Key`, so that a retry is answered instead of done again. A
change of something that exists names with `If-Match` the version it was decided on, so that nobody's change
is lost.
Every refusal is a problem document (RFC 9457); its `type` is the address of a page that explains it.
"""

Node = dict[str, Any]


@functools.cache
def openapi_json() -> bytes:
    """The document as it is served."""
    return msgspec.json.encode(openapi_document())


def openapi_document() -> Node:
    """The whole document."""
    paths: defaultdict[str, Node] = defaultdict(dict)
    for operation in OPERATIONS:
        item = paths[operation.path]
        if names := _PATH_NAME.findall(operation.path):
            item["parameters"] = [{"$ref": _PARAMETER_REF + name} for name in names]
        item[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Holdwater",
            "version": API_VERSION,
            "description": _INTRODUCTION,
            "license": _LICENSE,
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [
            {"name": "orders"},
            {"name": "customers"},
            {"name": "payments"},
            {"name": "products"},
            {"name": "readings"},
            {"name": "rejects"},
            {"name": "devices"},
            {"name": "ops"},
            {"name": "operators"},
        ],
        "paths": {**paths, callback_message.CALLBACK_PATH: _callback_path(), **_operator_paths()},
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                **callback_message.SECURITY,
            },
            "schemas": _schemas(),
            "headers": _HEADERS,
            "parameters": _PARAMETERS,
        },
    }


def _operation(operation: Operation) -> Node:
    header_names = ["XRequestId", "Traceparent"]
    if operation.takes_key:
        header_names.append("IdempotencyKey" if operation.needs_key else "OptionalIdempotencyKey")
    if operation.needs_version:
        header_names.append("IfMatch")
    if operation.later is not None:
        header_names.append("Prefer")
    node: Node = {
        "operationId": operation.id,
        "summary": operation.summary,
        "description": f"Needs a token with the scope `{operation.scope.value}`. {operation.note}".rstrip(),
        "tags": [operation.path.split("/")[2]],
        "parameters": [
            *({"$ref": _PARAMETER_REF + name} for name in header_names),
            *(
                _parameter(one.name, "query", one.description, dict(one.schema), required=one.is_required)
                for one in operation.query
                if not one.is_prefix  # OpenAPI has no words for those; the operation's note tells of them.
            ),
        ],
        "responses": {
            str(operation.status): _success(operation),
            **_later(operation),
            **_refusals(operation.refusals, replays=operation.takes_key),
        },
    }
    if operation.body is not None:
        examples = {
            f"example{number}": {"value": one} for number, one in enumerate(operation.body.examples, 1)
        }
        media = {"schema": _ref(operation.body.struct.__name__), "examples": examples}
        node["requestBody"] = {"required": True, "content": {JSON: media}}
    if operation.media_types:
        forms = {media_type: dict(form) for media_type, form in operation.media_types.items()}
        node["requestBody"] = {"required": True, "content": forms}
    return node


def _success(operation: Operation) -> Node:
    names = ["X-Request-Id", "traceparent", "Cache-Control"]
    names += ["ETag"] if operation.gives_tag else []
    names += ["Location"] if operation.gives_location else []
    names += ["Idempotent-Replayed"] if operation.takes_key else []
    answer = {"description": HTTPStatus(operation.status).phrase, "headers": _header_refs(names)}
    if operation.result is None:
        return answer
    schema = f"{operation.result.__name__}Page" if operation.is_list else operation.result.__name__
    return {**answer, "content": {JSON: {"schema": _ref(schema)}}}


def _later(operation: Operation) -> Node:
    if operation.later is None:
        return {}
    names = ["X-Request-Id", "traceparent", "Cache-Control", "Location", "Retry-After", "Preference-Applied"]
    return {
        str(HTTPStatus.ACCEPTED.value): {
            "description": HTTPStatus.ACCEPTED.phrase,
            "headers": _header_refs([*names, "Idempotent-Replayed"]),
            "content": {JSON: {"schema": _ref(operation.later.__name__)}},
        }
    }


def _refusals(errors: Iterable[type[DomainError]], *, replays: bool) -> Node:
    by_status: defaultdict[HTTPStatus, list[type[DomainError]]] = defaultdict(list)
    for error in errors:
        by_status[verdict_of(error).status].append(error)
    return {
        str(status.value): _refusal(status, found, replays=replays and any(error.final for error in found))
        for status, found in sorted(by_status.items())
    }


def _refusal(status: HTTPStatus, errors: list[type[DomainError]], *, replays: bool) -> Node:
    names = ["X-Request-Id", "traceparent", "Cache-Control", *_HEADERS_BY_STATUS.get(status, ())]
    names += ["Idempotent-Replayed"] if replays else []
    return {
        "description": ". ".join(f"`{error.code}`: {title_of(error)}" for error in errors),
        "headers": _header_refs(names),
        "content": {
            PROBLEM_JSON: {
                "schema": {
                    "allOf": [_ref("Problem")],
                    "properties": {
                        "code": {"enum": [error.code for error in errors]},
                        "status": {"const": status.value},
                    },
                }
            }
        },
    }


def _schemas() -> Node:
    structs = [operation.body.struct for operation in OPERATIONS if operation.body is not None]
    views = [
        OrderAnswer,
        PaymentView,
        ProductView,
        StockView,
        EventView,
        DeviceView,
        ConsumerLag,
        DeadLetter,
        SagaAnswer,
        SagaJournalAnswer,
        LateReply,
        BatchResult,
        IntakeView,
        ReadingView,
        RejectView,
    ]
    _, schemas = msgspec.json.schema_components(
        [*structs, *views, Problem, CheckResult], ref_template=_SCHEMA_REF
    )
    for view in views:
        items = {"type": "array", "items": _ref(view.__name__)}
        address = {
            "type": ["string", "null"],
            "description": "The address of the next page, null at the end.",
        }
        schemas[f"{view.__name__}Page"] = {
            "type": "object",
            "properties": {"items": items, "next": address},
            "required": ["items", "next"],
        }
    readiness = {"type": "boolean"}, {"type": "array", "items": _ref(CheckResult.__name__)}
    schemas["Readiness"] = {
        "type": "object",
        "properties": dict(zip(("ready", "checks"), readiness, strict=True)),
        "required": ["ready", "checks"],
    }
    return schemas


def _callback_path() -> Node:
    signed = [
        _parameter(name, "header", words, {"type": "string"}, required=True)
        for name, words in callback_message.SIGNED_HEADERS.items()
    ]
    names = ["X-Request-Id", "traceparent", "Cache-Control"]
    no_content = {"description": HTTPStatus.NO_CONTENT.phrase, "headers": _header_refs(names)}
    return {
        "parameters": [{"$ref": _PARAMETER_REF + "gateway"}],
        "post": {
            "operationId": "hearPaymentCallback",
            "summary": "Hear what a payment gateway tells by itself",
            "description": callback_message.NOTE,
            "tags": ["payments"],
            "security": [{name: []} for name in callback_message.SECURITY],
            "parameters": signed,
            "requestBody": {"required": True, "content": {JSON: {"schema": callback_message.BODY}}},
            "responses": {
                str(HTTPStatus.NO_CONTENT.value): no_content,
                **_refusals(callback_message.REFUSALS, replays=False),
            },
        },
    }


def _operator_paths() -> Node:
    def answers(schema: Node, *statuses: HTTPStatus) -> Node:
        return {
            str(status.value): {
                "description": status.phrase,
                "headers": _header_refs(["X-Request-Id", "traceparent"]),
                "content": {JSON: {"schema": schema}},
            }
            for status in statuses
        }

    alive = {"type": "object", "properties": {"alive": {"const": True}}, "required": ["alive"]}
    document = {"type": "object", "required": ["openapi"]}
    ok, unready = HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE
    table = [
        ("/livez", "isAlive", "Say that the process runs; touches nothing", answers(alive, ok)),
        ("/readyz", "isReady", "Say what works and what does not", answers(_ref("Readiness"), ok, unready)),
        ("/v1/openapi.json", "readDocument", "Read this document", answers(document, ok)),
    ]
    return {
        path: {
            "get": {
                "operationId": name, "summary": summary, "tags": ["operators"], "security": [],
                "responses": responses,
            }
        }
        for path, name, summary, responses in table
    }  # fmt: skip


def _ref(name: str) -> Node:
    return {"$ref": _SCHEMA_REF.format(name=name)}


def _header_refs(names: Iterable[str]) -> Node:
    return {name: {"$ref": _HEADER_REF + name} for name in names}


def _header(description: str, schema: Mapping[str, Any]) -> Node:
    return {"description": description, "schema": dict(schema)}


def _parameter(name: str, place: str, description: str, schema: Node, *, required: bool) -> Node:
    return {"name": name, "in": place, "description": description, "required": required, "schema": schema}


_LICENSE: Final = {"name": "MIT", "identifier": "MIT"}
_HEADERS_BY_STATUS: Final[Mapping[int, tuple[str, ...]]] = {
    HTTPStatus.UNAUTHORIZED: ("WWW-Authenticate",),
    HTTPStatus.CONFLICT: ("Retry-After", "Link"),
    HTTPStatus.GONE: ("ETag",),
    HTTPStatus.PRECONDITION_FAILED: ("ETag",),
    HTTPStatus.TOO_MANY_REQUESTS: ("Retry-After",),
    HTTPStatus.SERVICE_UNAVAILABLE: ("Retry-After",),
}
_TAG_SCHEMA: Final = {"type": "string", "pattern": '^"[0-9a-f-]{36}-[1-9][0-9]*"$'}
_HEADERS: Final = {
    "ETag": _header("The version, to be sent back in If-Match.", _TAG_SCHEMA),
    "Location": _header("The address of what was made.", {"type": "string", "format": "uri-reference"}),
    "Idempotent-Replayed": _header("There when an earlier request with this key did it.", {"const": "true"}),
    "Retry-After": _header(
        "Seconds to wait before the same request again.", {"type": "integer", "minimum": 1}
    ),
    "Preference-Applied": _header("There when `Prefer` named it (RFC 7240).", {"const": RESPOND_ASYNC}),
    "Link": _header("With `order-held`: where the saga is read that holds the order.", {"type": "string"}),
    "WWW-Authenticate": _header("How to authenticate.", {"type": "string"}),
    "Cache-Control": _header("Answers belong to one caller.", {"const": "no-store"}),
    "X-Request-Id": _header("The caller's own, or a new one.", {"type": "string"}),
    "traceparent": _header("W3C Trace Context, with the span of this request.", {"type": "string"}),
}
_KEY_SCHEMA: Final = {
    "type": "string", "minLength": 1, "maxLength": KEY_LENGTH_MAX, "pattern": r"^[!#-+\--\[\]-~]+$",
}  # fmt: skip
_KEY_WORDS: Final = (
    "Names this request for 24 hours: the same key with the same content is answered, not done again."
)
_MATCH_SCHEMA: Final = {
    "type": "string", "maxLength": IF_MATCH_LENGTH_MAX, "pattern": r'^(\*|"[!#-~]*"(, "[!#-~]*")*)$',
}  # fmt: skip
_IDS: Final = {
    "order_id": "The order's id.",
    "payment_id": "The payment's id.",
    "device_id": "The device's id.",
    "intake_id": "The intake's id.",
    "message_id": "The dead letter's id.",
    "saga_id": "The saga's id.",
    "reject_id": "The reject's id.",
}
_PARAMETERS: Final = {
    "sku": _parameter(
        "sku", "path", "The product's SKU.",
        {"type": "string", "minLength": 1, "maxLength": SKU_LENGTH_MAX, "pattern": SKU_PATTERN},
        required=True,
    ),
    **{
        name: _parameter(name, "path", words, {"type": "string", "format": "uuid"}, required=True)
        for name, words in _IDS.items()
    },
    "customer_ref": _parameter(
        "customer_ref", "path", "The caller's own name for the customer, percent-encoded as one segment.",
        {"type": "string", "minLength": 1, "maxLength": CUSTOMER_REF_LENGTH_MAX}, required=True,
    ),
    "gateway": _parameter(
        "gateway", "path", "The gateway's name here: `sandbox`.", {"type": "string"}, required=True
    ),
    "IdempotencyKey": _parameter("Idempotency-Key", "header", _KEY_WORDS, _KEY_SCHEMA, required=True),
    "OptionalIdempotencyKey": _parameter(
        "Idempotency-Key", "header", _KEY_WORDS, _KEY_SCHEMA, required=False
    ),
    "IfMatch": _parameter(
        "If-Match", "header",
        "The ETag of what was read; refused when that has changed since. `*` accepts any version.",
        _MATCH_SCHEMA, required=True,
    ),
    "Prefer": _parameter(
        "Prefer", "header",
        "`respond-async`: take the batch in and tell of its result later (RFC 7240); other preferences are ignored.",
        {"type": "string"}, required=False,
    ),
    # Neither is ever a reason to refuse a request, so their schemas say no more than this.
    "XRequestId": _parameter(
        "X-Request-Id", "header",
        f"An id of the caller's for this request: 1 to {REQUEST_ID_LENGTH_MAX} characters of visible ASCII; one is "
        "made otherwise.",
        {"type": "string"}, required=False,
    ),
    "Traceparent": _parameter(
        "traceparent", "header",
        "W3C Trace Context of the caller; a new trace begins if it is not well-formed.",
        {"type": "string"}, required=False,
    ),
}  # fmt: skip
