"""What the application's role can't do, whatever SQL it sends."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import pytest
from django.db import connections
from psycopg2 import errors
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters.django_orm.migrations._access_0001 import TENANT_TABLES
from adapters.django_orm.saga_repositories import DjangoLateReplies
from adapters.django_orm.series_catalogue import DjangoSeriesCatalogue
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.system_clock import new_id
from builders import NOON, a_context, a_device, a_key, a_product, an_intake, an_order, stock_of
from domain.idempotency import Done
from domain.inventory.product import Product
from domain.orders.events import OrderPlaced
from domain.orders.order import Order
from domain.telemetry.reading import SeriesKey
from unit.contracts.payment_repository_contract import a_refunded_payment
from unit.contracts.saga_contract import a_reply, a_saga

READABLE_TABLES = tuple(table for table in TENANT_TABLES if table != "access_token")

READINGS = """
CREATE TABLE IF NOT EXISTS sensor_reading_1970_01 PARTITION OF sensor_reading
    FOR VALUES FROM ('1970-01-01Z') TO ('1970-02-01Z');
INSERT INTO sensor_reading VALUES (%(tenant)s, %(series)s, '1970-01-01Z', 1);
INSERT INTO dirty_mark VALUES (%(tenant)s, %(series)s, '1970-01-01Z');
INSERT INTO latest_reading VALUES (%(tenant)s, %(series)s, '1970-01-01Z', 1);
INSERT INTO rejected_reading VALUES (%(tenant)s, %(id)s, 0, 'too-large', '', '', '');
"""

pytestmark = pytest.mark.promise("A1")


class Shop:
    """A tenant with a row in every table that the application can read."""

    def __init__(self, tenant_id: UUID) -> None:
        self.tenant_id = tenant_id
        self.product: Product = a_product()
        self.order: Order = an_order().with_line(self.product).with_(reference="PO-1").placed()
        self.stock = stock_of(self.product, on_hand=10)
        self.stock.reserve(self.order.id, 1, at=NOON)
        key = a_key()
        context = a_context(tenant_id=tenant_id, key=key)
        with DjangoUnitOfWork(context, subscriptions={OrderPlaced: ("mailer",)}) as uow:
            uow.once(key, str)
            uow.products.save(self.product)
            uow.stock_items.save(self.stock)
            uow.orders.save(self.order)
            uow.devices.save(a_device(name="pump-7"))
            intake = an_intake()
            uow.intakes.keep_body(intake.id, b"body")
            uow.intakes.save(intake)
            uow.payments.save(a_refunded_payment(self.order.id))
            uow.sagas.save(a_saga(self.order.id))
            uow.settle(Done("placed"))
        DjangoLateReplies().keep(tenant_id, a_reply(None))
        DjangoSeriesCatalogue().add(tenant_id, [SeriesKey.of("pump-7", "temperature")])
        with connections["owner"].cursor() as cursor:
            cursor.execute(READINGS, {"tenant": tenant_id, "series": tenant_id.int % 2**62, "id": tenant_id})


@pytest.fixture
def ours(tenant_id: UUID) -> Shop:
    return Shop(tenant_id)


@pytest.fixture
def theirs(other_tenant_id: UUID) -> Shop:
    return Shop(other_tenant_id)


@pytest.fixture
def act_as(app: Connection) -> Callable[[UUID], None]:
    """Begin a transaction of that tenant on the plain connection."""

    def begin(tenant_id: UUID) -> None:
        app.rollback()
        run(app, "SELECT set_config('app.tenant', %s, true)", str(tenant_id))

    return begin


def run(connection: Connection, sql: str, *params: object) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


def rows_touched(connection: Connection, sql: str, *params: object) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.rowcount


class TestWithoutATenant:
    @pytest.mark.parametrize("table", READABLE_TABLES)
    def test_there_are_no_rows(self, app: Connection, ours: Shop, table: str) -> None:
        assert run(app, f"SELECT count(*) FROM {table}") == [(0,)]

    @pytest.mark.parametrize("table", READABLE_TABLES)
    def test_there_are_no_rows_after_a_tenant_was_set_and_its_transaction_ended(
        self, app: Connection, ours: Shop, act_as: Callable[[UUID], None], table: str
    ) -> None:
        act_as(ours.tenant_id)
        assert run(app, f"SELECT count(*) > 0 FROM {table}") == [(True,)]
        app.commit()
        assert run(app, "SELECT current_setting('app.tenant', true)") == [("",)]
        assert run(app, f"SELECT count(*) FROM {table}") == [(0,)]

    def test_nothing_can_be_written(self, app: Connection, ours: Shop) -> None:
        with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
            insert_product(app, ours.tenant_id)


class TestAnotherTenantsRows:
    @pytest.fixture(autouse=True)
    def as_ours(self, ours: Shop, theirs: Shop, act_as: Callable[[UUID], None]) -> None:
        act_as(ours.tenant_id)

    @pytest.mark.parametrize("table", READABLE_TABLES)
    def test_cannot_be_read(self, app: Connection, ours: Shop, theirs: Shop, table: str) -> None:
        assert run(app, f"SELECT DISTINCT tenant_id::text FROM {table}") == [(str(ours.tenant_id),)]
        theirs_alone = f"SELECT count(*) FROM {table} WHERE tenant_id = %s"
        assert run(app, theirs_alone, str(theirs.tenant_id)) == [(0,)]

    def test_cannot_be_changed(self, app: Connection, theirs: Shop) -> None:
        for table, id_ in (("product", theirs.product.id), ("customer_order", theirs.order.id)):
            assert rows_touched(app, f"UPDATE {table} SET version = 99 WHERE id = %s", str(id_)) == 0
        assert (
            rows_touched(app, "DELETE FROM stock_reservation WHERE order_id = %s", str(theirs.order.id)) == 0
        )

    def test_cannot_be_added(self, app: Connection, theirs: Shop) -> None:
        with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
            insert_product(app, theirs.tenant_id)

    def test_cannot_be_added_by_the_functions_either(self, app: Connection, theirs: Shop) -> None:
        with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
            run(
                app,
                "SELECT settle_request(%s, 'eve', 'key', '\\x00', '1 day', '1', NULL)",
                str(theirs.tenant_id),
            )

    @pytest.mark.parametrize("table", ["product", "stock_item", "customer_order", "idempotency_record"])
    def test_are_not_reached_by_moving_a_row_to_another_tenant(
        self, app: Connection, theirs: Shop, table: str
    ) -> None:
        with pytest.raises(errors.InsufficientPrivilege, match="permission denied"):
            run(app, f"UPDATE {table} SET tenant_id = %s", str(theirs.tenant_id))

    def test_are_not_told_from_missing_ones_by_a_foreign_key(
        self, app: Connection, ours: Shop, theirs: Shop, act_as: Callable[[UUID], None]
    ) -> None:
        answers = set()
        for product_id in (theirs.product.id, new_id()):
            act_as(ours.tenant_id)
            with pytest.raises(errors.ForeignKeyViolation) as refusal:
                insert_stock_item(app, ours.tenant_id, product_id)
            answers.add(str(refusal.value).replace(str(product_id), "ID"))
        for order_id in (theirs.order.id, new_id()):
            act_as(ours.tenant_id)
            with pytest.raises(errors.ForeignKeyViolation) as refusal:
                insert_order_line(app, ours.tenant_id, order_id)
            answers.add(str(refusal.value).replace(str(order_id), "ID"))
        assert len(answers) == 2, "the two answers of a table differ"

    def test_are_not_told_from_missing_ones_by_a_unique_key(
        self, app: Connection, ours: Shop, theirs: Shop, act_as: Callable[[UUID], None]
    ) -> None:
        insert_product(app, ours.tenant_id, id_=theirs.product.id, sku=theirs.product.sku)

    @pytest.mark.parametrize("table", READABLE_TABLES)
    def test_are_not_copied_out(self, app: Connection, ours: Shop, theirs: Shop, table: str) -> None:
        out = io.StringIO()
        with app.cursor() as cursor:
            # Of a table with partitions the bare form copies what lies outside of them, which is nothing.
            source = (
                "(SELECT tenant_id FROM sensor_reading)"
                if table == "sensor_reading"
                else f"{table} (tenant_id)"
            )
            cursor.copy_expert(f"COPY {source} TO STDOUT", out)
        assert set(out.getvalue().split()) == {str(ours.tenant_id)}

    def test_are_not_copied_in(self, app: Connection, theirs: Shop) -> None:
        row = f"{theirs.tenant_id}\t{new_id()}\t{new_id()}\t1\n"
        columns = "(tenant_id, stock_item_id, order_id, quantity)"
        with app.cursor() as cursor, pytest.raises(errors.FeatureNotSupported, match="row-level security"):
            cursor.copy_expert(f"COPY stock_reservation {columns} FROM STDIN", io.StringIO(row))


class TestWhatNobodyMayDoAsTheApplication:
    @pytest.fixture(autouse=True)
    def as_ours(self, ours: Shop, act_as: Callable[[UUID], None]) -> None:
        act_as(ours.tenant_id)

    @pytest.mark.promise("E8")
    @pytest.mark.parametrize(
        "sql",
        [
            "UPDATE event SET actor = 'eve'",
            "DELETE FROM event",
            "TRUNCATE event",
            "ALTER TABLE event DISABLE ROW LEVEL SECURITY",
            "SELECT setval('event_position', 1)",
        ],
    )
    def test_events_are_neither_changed_nor_removed(self, app: Connection, sql: str) -> None:
        with pytest.raises(errors.InsufficientPrivilege):
            run(app, sql)

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT * FROM access_token",
            "SELECT secret_hash FROM access_token",
            "UPDATE access_token SET revoked_at = NULL",
            "INSERT INTO access_token DEFAULT VALUES",
            "SELECT * FROM tenant",
            "INSERT INTO tenant DEFAULT VALUES",
            "SELECT * FROM stray_reply",
            "UPDATE stray_reply SET reply = ''",
            "DELETE FROM stray_reply",
        ],
    )
    def test_tokens_and_tenants_are_out_of_reach(self, app: Connection, sql: str) -> None:
        with pytest.raises(errors.InsufficientPrivilege):
            run(app, sql)

    @pytest.mark.parametrize(
        "table", ["product", "stock_item", "customer_order", "order_line", "idempotency_record"]
    )
    def test_rows_are_not_removed(self, app: Connection, table: str) -> None:
        with pytest.raises(errors.InsufficientPrivilege):
            run(app, f"DELETE FROM {table}")

    @pytest.mark.parametrize("role", ["holdwater_owner", "holdwater_system", "holdwater_superuser"])
    def test_no_other_role_is_taken_on(self, app: Connection, role: str) -> None:
        with pytest.raises(errors.InsufficientPrivilege):
            run(app, f"SET ROLE {role}")


def insert_product(
    connection: Connection,
    tenant_id: UUID,
    *,
    id_: UUID | None = None,
    sku: str = "TEA-1",
    at: datetime = NOON,
) -> None:
    run(
        connection,
        "INSERT INTO product (tenant_id, id, version, sku, name, created_at, updated_at)"
        " VALUES (%s, %s, 1, %s, 'Tea', %s, %s)",
        str(tenant_id), str(id_ or new_id()), sku, at, at,
    )  # fmt: skip


def insert_stock_item(connection: Connection, tenant_id: UUID, product_id: UUID) -> None:
    run(
        connection,
        "INSERT INTO stock_item (tenant_id, id, version, product_id, sku, on_hand, reserved, sold, received,"
        " adjusted, created_at, updated_at) VALUES (%s, %s, 1, %s, 'TEA-1', 0, 0, 0, 0, 0, %s, %s)",
        str(tenant_id), str(new_id()), str(product_id), NOON, NOON,
    )  # fmt: skip


def insert_order_line(connection: Connection, tenant_id: UUID, order_id: UUID) -> None:
    run(
        connection,
        "INSERT INTO order_line"
        " (tenant_id, order_id, number, product_id, sku, quantity, unit_price_minor, returned)"
        " VALUES (%s, %s, 1, %s, 'TEA-1', 1, 420, 0)",
        str(tenant_id), str(order_id), str(new_id()),
    )  # fmt: skip
