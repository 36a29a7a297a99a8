"""What the purge's role can't do, whatever SQL it sends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from uuid import UUID, uuid5

import psycopg2
import pytest
from psycopg2 import errors
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters.django_orm.saga_repositories import DjangoLateReplies
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.embedded.postgres_roles import DatabaseUrls
from adapters.system_clock import new_id
from builders import NOON, a_context, a_key, a_product, an_order
from domain.idempotency import Done
from domain.money import Money
from domain.orders.fulfilment import ORDER_FULFILMENT
from domain.orders.order import Order
from domain.payments.payment import Payment
from domain.retention import Deletion
from domain.saga.saga import Saga
from unit.contracts.saga_contract import a_reply

pytestmark = pytest.mark.promise("D7")


@pytest.fixture
def purge_role(database_urls: DatabaseUrls) -> Iterator[Connection]:
    """A plain connection as the purge's role, in a transaction; rolled back at the end."""
    with closing(psycopg2.connect(database_urls.purge_url)) as connection:
        yield connection


@pytest.fixture
def orders(tenant_id: UUID) -> tuple[Order, Order]:
    """One that lives, and one that is deleted."""
    product = a_product()
    live, deleted = (an_order().with_line(product).cancelled() for _ in range(2))
    deleted.delete(Deletion(new_id(), "alice", "", NOON))
    with DjangoUnitOfWork(a_context(tenant_id=tenant_id, key=a_key())) as uow:
        uow.once(a_key(), str)
        uow.products.save(product)
        uow.orders.save(live)
        uow.orders.save(deleted)
        for order in (live, deleted):
            uow.payments.save(
                Payment.request(
                    id=of(order, "payment"),
                    order_id=order.id,
                    attempt=1,
                    amount=Money(840, "EUR"),
                    method="tok_visa",
                    at=NOON,
                )
            )
            uow.sagas.save(Saga.start(ORDER_FULFILMENT, id=of(order, "saga"), subject_id=order.id, at=NOON))
        uow.settle(Done("stored"))
    for order in (live, deleted):
        DjangoLateReplies().keep(tenant_id, a_reply(of(order, "saga")))
    return live, deleted


def of(order: Order, kind: str) -> UUID:
    """The id of the order's saga or payment."""
    return uuid5(order.id, kind)


def touched(connection: Connection, sql: str, *params: object) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.rowcount


def test_sees_deleted_orders_and_their_events_alone(
    purge_role: Connection, orders: tuple[Order, Order]
) -> None:
    live, deleted = orders
    for sql in (
        "SELECT 1 FROM customer_order WHERE id = %s",
        "SELECT 1 FROM order_line WHERE order_id = %s",
        "SELECT 1 FROM event WHERE stream_id = %s",
        "UPDATE customer_order SET note = 'x' WHERE id = %s",
        "UPDATE event SET data = '{}' WHERE stream_id = %s",
    ):
        assert touched(purge_role, sql, str(live.id)) == 0, sql
        assert touched(purge_role, sql, str(deleted.id)) > 0, sql
    for kind, sql in (
        ("payment", "SELECT id FROM payment WHERE id = %s"),
        ("payment", "SELECT 1 FROM event WHERE stream_id = %s"),
        ("payment", "UPDATE payment SET method = 'x' WHERE id = %s"),
        ("payment", "UPDATE event SET data = '{}' WHERE stream_id = %s"),
        ("saga", "SELECT 1 FROM event WHERE stream_id = %s"),
        ("saga", "SELECT id FROM saga WHERE id = %s FOR UPDATE"),
        ("saga", "UPDATE saga SET reason = 'x' WHERE id = %s"),
        ("saga", "UPDATE event SET data = '{}' WHERE stream_id = %s"),
        ("saga", "UPDATE late_reply SET reply = 'x' WHERE saga_id = %s"),
    ):
        assert touched(purge_role, sql, str(of(live, kind))) == 0, sql
        assert touched(purge_role, sql, str(of(deleted, kind))) > 0, sql


def test_knows_which_sagas_live(purge_role: Connection, orders: tuple[Order, Order]) -> None:
    for order in orders:
        assert touched(purge_role, "SELECT status FROM saga WHERE subject_id = %s", str(order.id)) == 1


def test_sees_no_key_that_is_still_good(purge_role: Connection, orders: object, tenant_id: UUID) -> None:
    assert touched(purge_role, "SELECT 1 FROM idempotency_record WHERE tenant_id = %s", str(tenant_id)) == 0


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE customer_order SET total_minor = 0",
        "UPDATE customer_order SET deleted_at = NULL",
        "UPDATE customer_order SET status = 'delivered'",
        "DELETE FROM customer_order",
        "UPDATE order_line SET quantity = 1",
        "DELETE FROM order_line",
        "UPDATE event SET version = 9",
        "UPDATE event SET type = 'order.placed'",
        "DELETE FROM event",
        "UPDATE idempotency_record SET expires_at = clock_timestamp()",
        "UPDATE payment SET status = 'voided'",
        "SELECT amount_minor FROM payment",
        "DELETE FROM payment",
        "UPDATE saga SET status = 'compensated'",
        "SELECT steps FROM saga",
        "DELETE FROM saga",
        "SELECT reply FROM late_reply",
        "DELETE FROM late_reply",
        "SELECT 1 FROM product",
        "SELECT 1 FROM access_token",
        "SELECT 1 FROM tenant",
    ],
)
def test_is_refused_everything_else(purge_role: Connection, orders: object, sql: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        touched(purge_role, sql)
