"""What a purge leaves of an order in the whole database, and what the API says of it then."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters.django_orm.purge import DjangoPurge
from adapters.embedded.postgres_roles import DatabaseUrls
from adapters.system_clock import new_id, now
from application.delivery.purge_deleted import PurgeDeletedHandler
from domain.retention import RetentionPolicy
from entrypoints.container import Container
from entrypoints.rest_api import wiring
from entrypoints.settings import GATEWAY_IN_MEMORY, Settings
from integration.rest_api.caller import ORDER
from integration.rest_api.checked_client import Answer, CheckedClient

MARK = "Q7x-Lovelace"
MONTH = RetentionPolicy(timedelta(days=30))
PERSON = {
    "customer_ref": f"{MARK}-customer",
    "payment_method": f"{MARK}-payment",
    "reference": f"{MARK}-reference",
    "email": f"{MARK}@example.org",
    "note": f"{MARK} note",
    "address": f"{MARK} street",
}


@pytest.fixture
def container(database_urls: DatabaseUrls, request: pytest.FixtureRequest) -> Iterator[Container]:
    """As its parent, but over PostgreSQL; its parameter says whether orders are fulfilled."""
    container = Container()
    settings = Settings(persistence="django")
    if getattr(request, "param", False):
        settings = Settings(persistence="django", payment_gateway_url=GATEWAY_IN_MEMORY)
    container.settings.override(settings)
    before = wiring.use(container)
    yield container
    wiring.use(before)


@pytest.fixture
def api(new_token: Callable[..., str]) -> CheckedClient:
    """A client of a tenant of its own."""
    application = importlib.import_module("entrypoints.django_site.wsgi").application
    return CheckedClient(application, new_token(tenant=f"tenant-{new_id().hex}"))


def marked_rows(superuser: Connection) -> dict[str, int]:
    """How many rows of each table hold the mark in any column."""
    with superuser.cursor() as cursor:
        cursor.execute(
            "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind = 'r'"
            " AND c.relnamespace = 'public'::regnamespace"
        )
        tables = [name for (name,) in cursor.fetchall()]
        counts = {}
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE %s", (f"%{MARK}%",))
            ((counts[table],),) = cursor.fetchall()
    assert len(tables) > 5
    return {table: count for table, count in counts.items() if count}


def a_deleted_order(api: CheckedClient) -> tuple[str, Answer]:
    """Placed, amended, cancelled, deleted, all of it in the name of a person; its path, and the last answer."""
    placed = api.post("/v1/orders", {**ORDER, **PERSON}, idempotency_key=f"{MARK}-place")
    path = placed.headers["Location"]
    amended = api.patch(path, {"note": f"{MARK}!"}, if_match=placed.headers["ETag"])
    cancelled = api.post(
        f"{path}/cancel", {"reason": MARK}, if_match=amended.headers["ETag"], idempotency_key=f"{MARK}-cancel"
    )
    return path, api.delete(f"{path}?reason={MARK}", if_match=cancelled.headers["ETag"])


def purge(superuser: Connection, *, in_days: int) -> Any:
    """A run of the purge at a later day; keys that run out by then have run out."""
    with superuser.cursor() as cursor:
        cursor.execute(
            "UPDATE idempotency_record SET expires_at = expires_at - %s", (timedelta(days=in_days),)
        )
    return PurgeDeletedHandler(DjangoPurge, lambda: now() + timedelta(days=in_days)).handle(MONTH)


@pytest.mark.promise("D7", "H11")
def test_nothing_is_left_of_the_person(api: CheckedClient, tea: Answer, superuser: Connection) -> None:
    path, deleted = a_deleted_order(api)
    assert deleted.status == 204
    assert set(marked_rows(superuser)) == {"customer_order", "order_line", "event", "idempotency_record"}
    purge(superuser, in_days=29)
    assert set(marked_rows(superuser)) == {"customer_order", "order_line", "event"}
    report = purge(superuser, in_days=31)
    assert report.orders >= 1
    assert report.is_complete
    assert marked_rows(superuser) == {}

    gone = api.get(path)
    assert (gone.status, gone.json["code"]) == (410, "gone-for-good")
    for answer in (
        api.call("POST", f"{path}/restore", b"", if_match=gone.headers["ETag"]),
        api.call("POST", f"{path}/restore", b"", if_match=deleted.headers["ETag"]),
    ):
        assert (answer.status, answer.json["code"]) == (410, "gone-for-good")
    (tombstone,) = api.get("/v1/orders?deleted=only").json["items"]
    assert (tombstone["total"], tombstone["currency"], tombstone["status"]) == ("8.40", "EUR", "cancelled")
    assert tombstone["customer_ref"] == "redacted"
    assert MARK not in str(tombstone)


@pytest.mark.promise("D7", "H11")
@pytest.mark.parametrize("container", [True], indirect=True)
def test_nothing_is_left_of_the_person_in_what_the_fulfilment_wrote(
    api: CheckedClient, tea: Answer, superuser: Connection, container: Container
) -> None:
    placed = api.post("/v1/orders", {**ORDER, **PERSON}, idempotency_key=f"{MARK}-place")
    path = placed.headers["Location"]
    purge(superuser, in_days=1)  # the key has run out, its saga has not ended
    again = api.post("/v1/orders", {**ORDER, **PERSON}, idempotency_key=f"{MARK}-place")
    assert (again.status, again.json) == (201, placed.json)

    with superuser.cursor() as cursor:
        cursor.execute("SELECT tenant_id, id FROM saga WHERE subject_id = %s", (placed.json["id"],))
        ((tenant_id, saga_id),) = cursor.fetchall()
    container.advance_saga().handle(UUID(str(tenant_id)), UUID(str(saga_id)))
    waiting = api.get(path)
    assert waiting.json["status"] == "awaiting_payment"  # nobody knows that method
    cancelled = api.post(
        f"{path}/cancel", {"reason": MARK}, if_match=waiting.headers["ETag"], idempotency_key=f"{MARK}-cancel"
    )
    assert cancelled.json["status"] == "cancelled"
    deleted = api.delete(f"{path}?reason={MARK}", if_match=cancelled.headers["ETag"])
    assert deleted.status == 204
    assert set(marked_rows(superuser)) == {
        "customer_order", "order_line", "event", "payment", "saga", "idempotency_record"
    }  # fmt: skip
    assert purge(superuser, in_days=31).is_complete
    assert marked_rows(superuser) == {}
