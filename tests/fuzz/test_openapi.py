"""schemathesis over the OpenAPI document: no 5xx, no undocumented answer, no schema violation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from entrypoints.django_site.wsgi import application
from entrypoints.http_messages.ingest_operations import FORMS
from entrypoints.http_messages.openapi import openapi_document
from entrypoints.http_messages.request_headers import JSON
from fuzz.conftest import REAL_SERVICE, Service
from integration.rest_api.caller import ORDER
from integration.rest_api.checked_client import CheckedClient

CASES_BY_OPERATION: Final = 200 if REAL_SERVICE else 20
CASES_MIN: Final = 2_000 if REAL_SERVICE else 300
KNOWN_SKU: Final = "TEA-1"
KNOWN_DEVICE: Final = "pump-7"
LETTERS: Final = 20
"""Dead letters to be replayed, each of them once."""

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_SKU: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_TAGS: Final = re.compile(r'\*|"[!#-~]*"(, "[!#-~]*")*', re.ASCII)

api = schemathesis.openapi.from_dict(
    openapi_document(),
    config=schemathesis.Config.from_path(Path(__file__).with_name("schemathesis.toml")),
)
if not REAL_SERVICE:
    api.app = application

_cases_run = 0
_letters: list[str] = []
_rejects: list[str] = []


@schemathesis.serializer(*(set(FORMS) - {JSON}))
def as_it_is(context: object, value: object) -> bytes:
    """Forms of readings that are no JSON: whatever was made up, in bytes."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


@pytest.fixture(scope="module")
def client(service: Service) -> CheckedClient:
    """A client of a tenant with a product and dead letters."""
    client, tenant_id = service.client_of_a_tenant()
    _letters[:] = [str(service.park_message(tenant_id)) for _ in range(LETTERS)]
    made = client.post("/v1/products", {"sku": KNOWN_SKU, "name": "Tea"}, idempotency_key="tea")
    assert made.status == 201
    return client


@pytest.fixture(scope="module")
def known_order_id(client: CheckedClient) -> str:
    """An order that is there."""
    placed = client.post("/v1/orders", ORDER, idempotency_key="order")
    assert placed.status == 201
    found: str = placed.json["id"]
    return found


@pytest.fixture(scope="module")
def known_device_id(client: CheckedClient) -> str:
    """A device that is there."""
    registered = client.post("/v1/devices", {"name": KNOWN_DEVICE}, idempotency_key="device")
    assert registered.status == 201
    bad = b'{"device": "pump-7", "metric": "t", "ts": 1767225600000, "value": "x"}\n'
    good = bad.replace(b'"x"', b"1.5")
    client.call(
        "POST", "/v1/readings?mode=partial", good + bad * LETTERS, content_type="application/x-ndjson"
    )
    _rejects[:] = [reject["id"] for reject in client.get("/v1/rejects").json["items"]]
    assert len(_rejects) == LETTERS
    found: str = registered.json["id"]
    return found


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session | None]:
    """One connection for all cases over HTTP."""
    if not REAL_SERVICE:
        yield None
        return
    with requests.Session() as session:
        yield session


@pytest.mark.timeout(900)
@pytest.mark.promise("A2")
@api.parametrize()
@settings(
    max_examples=CASES_BY_OPERATION,
    deadline=None,
    derandomize=not REAL_SERVICE,
    suppress_health_check=list(HealthCheck),
)
def test_every_operation_answers_as_the_document_says(
    case: schemathesis.Case,
    service: Service,
    client: CheckedClient,
    known_order_id: str,
    known_device_id: str,
    session: requests.Session | None,
    count: Callable[[str], None],
) -> None:
    """Half of the well-formed names are turned into those of things that exist, so that commands get to work."""
    global _cases_run
    _aim(case, known_order_id, known_device_id)
    case.call_and_validate(
        base_url=service.base_url,
        session=session,
        headers={"Authorization": f"Bearer {client.token}"},
        excluded_checks=[positive_data_acceptance] if _is_wrong_beyond_the_document(case) else None,
    )
    _cases_run += 1
    count("schemathesis cases")


def test_enough_was_tried() -> None:
    """Runs after the others: a fuzzer that generates nothing finds nothing."""
    assert _cases_run >= CASES_MIN


def _aim(case: schemathesis.Case, order_id: str, device_id: str) -> None:
    names = case.path_parameters
    if _ID.fullmatch(str(names.get("device_id", ""))) and _heads(names["device_id"]):
        names["device_id"] = device_id
    if _ID.fullmatch(str(names.get("order_id", ""))) and _heads(names["order_id"]):
        names["order_id"] = order_id
    if case.query and isinstance(case.query.get("device"), str) and _heads(case.query["device"]):
        case.query["device"] = KNOWN_DEVICE
    if _rejects and _ID.fullmatch(str(names.get("reject_id", ""))) and _heads(names["reject_id"]):
        names["reject_id"] = _rejects.pop()
    if _letters and _ID.fullmatch(str(names.get("message_id", ""))) and _heads(names["message_id"]):
        names["message_id"] = _letters.pop()
    if _SKU.fullmatch(str(names.get("sku", ""))) and _heads(names["sku"]):
        names["sku"] = KNOWN_SKU
    tags = case.headers.get("If-Match")
    if isinstance(tags, str) and _TAGS.fullmatch(tags) and _heads(tags):
        case.headers["If-Match"] = "*"
    lines = case.body.get("lines") if isinstance(case.body, dict) else None
    for line in lines if isinstance(lines, list) else ():
        if isinstance(line, dict) and _SKU.fullmatch(str(line.get("sku", ""))):
            line["sku"] = KNOWN_SKU


def _heads(text: str) -> bool:
    return crc32(text.encode()) % 2 == 0


def _is_wrong_beyond_the_document(case: schemathesis.Case) -> bool:
    """What the document has no words for, and 400 is right.

    JSON Schema takes 2.0 for an integer; which decimals a price may have depends on the currency; which cursors we
    gave, and which dates have a place in our calendar, only we know; `at` and `at_version` exclude each other.
    Answers to such a case are held against every check but the one that asks for their acceptance.
    """
    query: dict[str, Any] = case.query or {}
    body: dict[str, Any] = case.body if isinstance(case.body, dict) else {}
    lines: Any = body.get("lines")
    lines = [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []
    numbers = [body.get("quantity"), body.get("delta"), *(line.get("quantity") for line in lines)]
    return (
        "cursor" in query
        or _is_free_text(case)
        or isinstance(body.get("ts"), list)  # columns have one length
        or {"at", "at_version"} <= query.keys()
        or any(isinstance(number, float) for number in numbers)
        or any(_has_odd_decimals(str(line.get("unit_price", ""))) for line in lines)
        or any(_is_odd_time(str(text)) for text in (*query.values(), body.get("ordered_at")))
    )


def _is_free_text(case: schemathesis.Case) -> bool:
    """Readings in a form that JSON Schema has no words for."""
    return case.media_type in {*FORMS} - {JSON}


def _has_odd_decimals(price: str) -> bool:
    """More digits than some currency has, or more than an amount may have in the currency with most."""
    return "." in price or len(price) > 12


def _is_odd_time(text: str) -> bool:
    """A date-time by RFC 3339 that has no place in UTC here, or is no date that an order can have."""
    if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]", text):
        return False
    with suppress(ValueError, OverflowError):
        at = datetime.fromisoformat(text.upper()).astimezone(UTC)
        return not datetime(1970, 1, 1, tzinfo=UTC) <= at <= datetime.now(UTC)
    return True
