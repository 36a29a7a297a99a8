"""The schema: how it gets there, what its keys begin with, and what it refuses by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import psycopg2
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connections
from psycopg2 import errors
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters.django_orm import schema
from adapters.django_orm.migrations._access_0001 import TENANT_TABLES
from adapters.django_orm.models.abstract import SoftDeleteModel
from adapters.django_orm.read_models import DjangoReadModels
from adapters.django_orm.readiness import DatabaseReadiness, SchemaReadiness
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.embedded.postgres_roles import DatabaseUrls
from adapters.embedded.stack import EmbeddedStack
from adapters.system_clock import new_id
from application.ports.read_models import OrderFilter, PageKey
from application.ports.readiness import CheckResult
from builders import NOON, a_context, a_product, an_order, stock_of
from domain.orders.order import OrderStatus
from integration.conftest import use_database
from unit.contracts.threads import Threads

EMPTY_DATABASE = "empty_database"
SOFT_DELETED_MODELS = [
    model for model in apps.get_app_config("store").get_models() if issubclass(model, SoftDeleteModel)
]
NOT_TENANT_FIRST = {
    # Looking a token up by its hash is what finds the tenant.
    "access_token_secret_unique",
    # What a purge looks for, of all tenants; none of them is unique.
    "customer_order_to_purge",
    "idempotency_record_by_expiry",
    "message_settled",
    "rejected_by_age",
    # What a relay looks for, of all tenants.
    "message_unsettled",
    "saga_due",
    # Looking a saga up by its id is what finds the tenant of a callback.
    "saga_by_id",
    # A series belongs to one tenant; the key of readings is half as large without it.
    "sensor_reading_pkey",
}


@pytest.fixture
def empty_database(postgres: EmbeddedStack, database_urls: DatabaseUrls) -> Iterator[DatabaseUrls]:
    """A database without a schema; Django's aliases are connected to it."""
    urls = postgres.create_database(EMPTY_DATABASE)
    use_database(urls)
    yield urls
    use_database(database_urls)
    postgres.drop_database(EMPTY_DATABASE)


class TestMigrating:
    def test_twice_at_once_applies_each_step_once(self, empty_database: DatabaseUrls) -> None:
        outcomes = Threads(connections.close_all).race(3, lambda _: schema.migrate())
        assert [outcome.error for outcome in outcomes] == [None] * 3
        applied = sorted(len(outcome.result.applied) for outcome in outcomes if outcome.result)
        assert applied == [0, 0, len(schema.migrate().applied) + applied[2]]
        assert applied[2] > 0

    def test_refuses_a_database_that_is_ahead(self, empty_database: DatabaseUrls) -> None:
        schema.migrate()
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES ('store', '9999_later', now())"
            )
        for ask in (schema.migrate, schema.missing_migrations):
            with pytest.raises(schema.SchemaTooNew, match="9999_later"):
                ask()
        assert "9999_later" in (SchemaReadiness()().problem or "")

    def test_names_a_role_that_is_missing_and_serves_it_once_it_is_there(
        self, empty_database: DatabaseUrls, superuser: Connection
    ) -> None:
        with superuser.cursor() as cursor:
            cursor.execute("ALTER ROLE holdwater_system RENAME TO set_aside")
            try:
                (notice,) = schema.migrate().notices
            finally:
                cursor.execute("ALTER ROLE set_aside RENAME TO holdwater_system")
        assert "CREATE ROLE holdwater_system" in notice
        with pytest.raises(errors.InsufficientPrivilege), psycopg2.connect(empty_database.owner_url) as owner:
            may_read(owner, "holdwater_system")
        assert schema.migrate() == schema.MigrationReport((), ())
        with psycopg2.connect(empty_database.owner_url) as owner:
            may_read(owner, "holdwater_system")

    def test_gives_up_on_a_table_that_is_in_use(
        self, empty_database: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        schema.migrate()
        monkeypatch.setattr(schema, "LOCK_TIMEOUT_MS", 50)
        with psycopg2.connect(empty_database.owner_url) as other, other.cursor() as cursor:
            cursor.execute("LOCK TABLE django_migrations IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(schema.MigrationBlocked, match="long transaction"):
                schema.migrate()
            other.rollback()
        assert schema.migrate() == schema.MigrationReport((), ())

    def test_can_be_undone(self, empty_database: DatabaseUrls) -> None:
        schema.migrate()
        call_command("migrate", "store", "zero", database="owner", verbosity=0, skip_checks=True)
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace),"
                " (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                " AND relname NOT LIKE 'django_migrations%')"
            )
            assert cursor.fetchone() == (0, 0)

    @pytest.mark.promise("A5")
    def test_makes_the_service_ready(self, empty_database: DatabaseUrls) -> None:
        assert DatabaseReadiness()() == CheckResult("database", required=True, problem=None)
        assert "run holdwater migrate" in (SchemaReadiness()().problem or "")
        schema.migrate()
        assert SchemaReadiness()() == CheckResult("schema", required=True, problem=None)

    @pytest.mark.promise("A5")
    def test_readiness_says_when_the_database_is_away(self, database_urls: DatabaseUrls) -> None:
        connections["default"].close()
        port = connections.settings["default"]["PORT"]
        connections.settings["default"]["PORT"] = "1"
        try:
            problems = [check().problem for check in (DatabaseReadiness(), SchemaReadiness())]
        finally:
            connections.settings["default"]["PORT"] = port
        assert all(problem and "cannot be reached" in problem for problem in problems)


class TestTheTables:
    @pytest.mark.promise("X3")
    def test_have_the_tenant_first_in_every_key_and_index(self, superuser: Connection) -> None:
        with superuser.cursor() as cursor:
            cursor.execute(
                "SELECT i.indexrelid::regclass::text, a.attname FROM pg_index i"
                " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
                " WHERE i.indrelid = ANY(%s::regclass[])",
                (list(TENANT_TABLES),),
            )
            first = dict(cursor.fetchall())
        assert len(first) > len(TENANT_TABLES)
        assert {name for name, column in first.items() if column != "tenant_id"} == NOT_TENANT_FIRST

    @pytest.mark.promise("A1")
    def test_have_row_level_security_wherever_there_is_a_tenant(self, superuser: Connection) -> None:
        with superuser.cursor() as cursor:
            cursor.execute(
                "SELECT c.relname, c.relrowsecurity FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
                " WHERE c.relkind IN ('r', 'p') AND a.attname = 'tenant_id'"
                # Nobody but the owner reads a partition by itself: tests/integration/partitions/test_making.py.
                " AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition"
            )
            assert dict(cursor.fetchall()) == dict.fromkeys(TENANT_TABLES, True)

    @pytest.mark.promise("A1")
    def test_what_works_with_its_owners_rights_is_for_those_who_need_it(self, superuser: Connection) -> None:
        with superuser.cursor() as cursor:
            cursor.execute(
                "SELECT p.proname, array_agg(r.rolname ORDER BY r.rolname) FROM pg_proc p, pg_roles r"
                " WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace"
                " AND r.rolname LIKE 'holdwater%' AND NOT r.rolsuper AND p.proowner <> r.oid"
                " AND has_function_privilege(r.oid, p.oid, 'EXECUTE') GROUP BY p.proname"
            )
            allowed = dict(cursor.fetchall())
        app, system = "holdwater_app", "holdwater_system"
        assert allowed == {
            "authenticate_token": [app],
            "tenant_of_saga": [app],
            "ensure_reading_partitions": [app, system],
            "drop_reading_partition": [system],
            "reading_partition_overview": [system],
        }

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE stock_item SET on_hand = -1, received = received - 11",
            "UPDATE stock_item SET on_hand = on_hand + 1",
            "UPDATE stock_item SET version = 0",
            "UPDATE customer_order SET status = 'lost'",
            "UPDATE customer_order SET total_minor = -1",
            "UPDATE customer_order SET status = 'cancelled'",
            "UPDATE customer_order SET deleted_at = now()",
            "UPDATE order_line SET quantity = 0",
            "UPDATE order_line SET unit_price_minor = -1",
            "UPDATE stock_reservation SET quantity = 0",
            "UPDATE event SET version = 0",
        ],
    )
    def test_refuse_what_the_domain_rules_out(
        self, tenant_id: UUID, superuser: Connection, change: str
    ) -> None:
        product = a_product()
        order, stock = an_order().with_line(product).placed(), stock_of(product, on_hand=10)
        stock.reserve(order.id, 1, at=NOON)
        with DjangoUnitOfWork(a_context(tenant_id=tenant_id)) as uow:
            uow.products.save(product)
            uow.orders.save(order)
            uow.stock_items.save(stock)
        with superuser.cursor() as cursor, pytest.raises(errors.CheckViolation):
            cursor.execute(f"{change} WHERE tenant_id = %s", (str(tenant_id),))


class TestLists:
    @pytest.mark.promise("A3")
    @pytest.mark.parametrize(
        ("wanted", "index"),
        [
            (OrderFilter(), "customer_order_by_age"),
            (OrderFilter(created_from=NOON - timedelta(hours=1)), "customer_order_by_age"),
            (OrderFilter(customer_ref="c-1"), "customer_order_by_customer"),
            (OrderFilter(status=OrderStatus.PENDING), "customer_order_by_status"),
        ],
    )
    def test_of_orders_begin_a_page_inside_an_index(
        self, tenant_id: UUID, superuser: Connection, wanted: OrderFilter, index: str
    ) -> None:
        fill_with_orders(superuser, tenant_id, 3_000)
        with explained() as plans, DjangoReadModels(tenant_id) as views:
            assert (
                len(views.orders(wanted, after=PageKey(NOON - timedelta(minutes=10), new_id())).items) == 50
            )
        (plan,) = plans
        own, _, lines = plan.partition("SubPlan")
        assert f"Index Scan Backward using {index}" in own
        assert "ROW(created_at, id) <" in own.partition("Index Cond:")[2].partition("Filter:")[0]
        assert "order_line_pkey" in lines
        assert "Sort" not in own


class TestSoftDeletion:
    @pytest.mark.promise("D1")
    @pytest.mark.parametrize("model", SOFT_DELETED_MODELS)
    def test_is_the_default_of_every_way_to_the_rows(self, model: type[SoftDeleteModel]) -> None:
        for manager in (model._default_manager, model._base_manager, model.objects):
            assert '"deleted_at" IS NULL' in str(manager.all().query)
        assert '"deleted_at" IS NOT NULL' in str(model.objects.only_deleted().query)
        assert "WHERE" not in str(model.objects.all_with_deleted().query)

    def test_covers_every_table_that_has_the_column(self, superuser: Connection) -> None:
        with superuser.cursor() as cursor:
            cursor.execute(
                "SELECT table_name FROM information_schema.columns"
                " WHERE table_schema = 'public' AND column_name = 'deleted_at'"
            )
            tables = {name for (name,) in cursor.fetchall()}
        assert tables == {model._meta.db_table for model in SOFT_DELETED_MODELS}


@contextmanager
def explained() -> Iterator[list[str]]:
    """Collects the plan of each query of this thread's connection, as the application's role sees it."""
    plans: list[str] = []

    def explain(execute: Callable[..., object], sql: str, params: object, *rest: object) -> object:
        set_tenant, _, query = sql.partition("; ")
        with connections["default"].connection.cursor() as cursor:
            cursor.execute(f"{set_tenant}; EXPLAIN {query}", params)
            plans.append("\n".join(line for (line,) in cursor.fetchall()))
        return execute(sql, params, *rest)

    connections["default"].ensure_connection()
    with connections["default"].execute_wrapper(explain):
        yield plans


def may_read(owner: Connection, role: str) -> None:
    """Raise InsufficientPrivilege unless the role may read orders."""
    with owner.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege(%s, 'customer_order', 'SELECT')", (role,))
        if cursor.fetchone() != (True,):
            raise errors.InsufficientPrivilege(f"{role} may not read orders")


def fill_with_orders(superuser: Connection, tenant_id: UUID, count: int) -> None:
    """So many orders, a second apart, of two customers and two statuses; then the table's statistics."""
    with superuser.cursor() as cursor:
        cursor.execute(
            "INSERT INTO customer_order (tenant_id, id, version, status, customer_ref, currency, total_minor,"
            " payment_method, note, address, ordered_at, created_at, updated_at)"
            " SELECT %s, gen_random_uuid(), 1, (ARRAY['pending', 'confirmed'])[n %% 2 + 1], 'c-' || n %% 2,"
            " 'EUR', 0, 'tok', '', '', at, at, at"
            " FROM (SELECT n, %s - n * interval '1 second' AS at FROM generate_series(1, %s) n) orders",
            (str(tenant_id), NOON, count),
        )
        cursor.execute("ANALYZE customer_order")
