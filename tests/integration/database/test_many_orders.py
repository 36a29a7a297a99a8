"""Twenty thousand orders: every page is complete, and the last one costs what the first one does."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from django.db import connections
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters.django_orm.access import DjangoAccessAdministration
from adapters.django_orm.read_models import DjangoReadModels
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.embedded.postgres_roles import DatabaseUrls
from adapters.system_clock import back_off, new_id, now
from application.orders.delete_order import DeleteOrder, DeleteOrderHandler
from application.ports.read_models import PAGE_DEFAULT, PAGE_MAX, OrderFilter, OrderView, PageKey
from builders import NOON, a_context, after_noon
from domain.orders.order import DELETABLE_STATUSES, OrderStatus

ORDERS = 20_000
ADDED_PER_PAGE = 40
DELETED_PER_PAGE = 20
BUFFERS_FACTOR_MAX = 1.2
"""How many times the pages of memory that the first page reads the last one may read; an index is some levels deep."""

# Three orders share each instant, so that the id has to tell them apart.
INSERT = """
SELECT set_config('app.tenant', %(tenant)s, true);
WITH orders AS (
    INSERT INTO customer_order (
        tenant_id, id, version, status, reference, customer_ref, currency, total_minor, payment_method, note,
        address, cancel_reason, ordered_at, created_at, updated_at
    )
    SELECT %(tenant)s, gen_random_uuid(), 1, status, %(prefix)s || n, 'c-' || n %% 10, 'EUR', 420, 'tok', '', '',
        CASE WHEN status = 'cancelled' THEN 'late' END, at, at, at
    FROM (
        SELECT n, (%(statuses)s)[n / 10 %% 6 + 1] AS status, %(at)s - n / 3 * interval '1 second' AS at
        FROM generate_series(1, %(count)s) n
    ) rows
    RETURNING id
)
INSERT INTO order_line (tenant_id, order_id, number, product_id, sku, quantity, unit_price_minor, returned)
SELECT %(tenant)s, id, 1, gen_random_uuid(), 'TEA-1', 1, 420, 0 FROM orders
"""

DELETE_ORDER = DeleteOrderHandler(DjangoUnitOfWork, now, new_id, back_off)


@dataclass(frozen=True)
class Shop:
    """A tenant with many orders; it writes as the application's role."""

    tenant_id: UUID
    app: Connection

    def add(self, prefix: str, count: int, **changes: Any) -> None:
        """Insert so many orders, the oldest of them `count` / 3 seconds before noon unless told otherwise."""
        statuses = [status.value for status in OrderStatus]
        values = {"statuses": statuses, "at": NOON, "prefix": prefix, "count": count, **changes}
        self._run(INSERT, values)

    def delete(self, ids: list[UUID]) -> None:
        """Delete orders that are cancelled or delivered, each as a caller does."""
        context = a_context(tenant_id=self.tenant_id)
        for id_ in ids:
            command = DeleteOrder(order_id=id_, expected_version=1, actor="alice", reason="no longer needed")
            DELETE_ORDER.handle(command, context)

    def _run(self, sql: str, values: dict[str, Any]) -> None:
        with self.app, self.app.cursor() as cursor:
            cursor.execute(sql, {"tenant": str(self.tenant_id), **values})


@pytest.fixture(scope="module")
def shop(database_urls: DatabaseUrls) -> Iterator[Shop]:
    """A tenant with 20,000 orders that no test changes."""
    with a_shop(database_urls) as found:
        yield found


@pytest.fixture
def busy_shop(database_urls: DatabaseUrls) -> Iterator[Shop]:
    """A tenant of the test's own with 20,000 orders."""
    with a_shop(database_urls) as found:
        yield found


@contextmanager
def a_shop(database_urls: DatabaseUrls) -> Iterator[Shop]:
    """A new tenant with 20,000 orders, and the statistics that a planner has of them."""
    tenant_id = new_id()
    DjangoAccessAdministration().create_tenant(tenant_id, f"tenant-{tenant_id.hex}")
    with closing(psycopg2.connect(database_urls.app_url)) as app:
        found = Shop(tenant_id, app)
        found.add("PO-", ORDERS)
        with (
            closing(psycopg2.connect(database_urls.owner_url)) as owner,
            owner,
            owner.cursor() as cursor,
        ):
            cursor.execute("ANALYZE customer_order, order_line")
        yield found


@pytest.mark.promise("A3")
@pytest.mark.timeout(120)
class TestTwentyThousandOrders:
    def test_are_each_listed_once_while_orders_are_added_and_deleted(self, busy_shop: Shop) -> None:
        shop = busy_shop
        listed: list[OrderView] = []
        gone: set[UUID] = set()
        deleted: set[UUID] = set()
        views, earlier = DjangoReadModels(shop.tenant_id), ids_of(shop)
        deletable = ids_of(shop, DELETABLE_STATUSES)
        after: PageKey | None = None
        for number in range(ORDERS // PAGE_MAX * 2):
            page = views.orders(OrderFilter(), after=after, limit=PAGE_MAX)
            listed += page.items
            after = page.next
            if after is None:
                break
            # Some are newer than all, some lie where the walk has been or will come to.
            shop.add(f"NEW-{number}-", ADDED_PER_PAGE // 2, at=after_noon(number + 1))
            shop.add(f"MID-{number}-", ADDED_PER_PAGE // 2)
            chosen = [id_ for id_ in deletable if id_ not in gone][number::97][-DELETED_PER_PAGE:]
            passed = {view.id for view in listed}
            shop.delete(chosen)
            gone |= set(chosen)
            deleted |= {id_ for id_ in chosen if id_ not in passed}
        assert after is None
        ids = [view.id for view in listed]
        assert len(ids) == len(set(ids))
        shown = set(ids)
        assert set(earlier) - shown == deleted
        assert len(deleted) > ORDERS // PAGE_MAX
        assert [(view.created_at, view.id) for view in listed] == sorted(
            ((view.created_at, view.id) for view in listed), reverse=True
        )
        assert all(len(view.lines) == 1 for view in listed)

    @pytest.mark.parametrize(
        ("wanted", "index"),
        [
            (OrderFilter(), "customer_order_by_age"),
            (OrderFilter(status=OrderStatus.SHIPPED), "customer_order_by_status"),
            (OrderFilter(customer_ref="c-3"), "customer_order_by_customer"),
            (
                OrderFilter(created_from=after_noon(-100), created_to=after_noon(-10)),
                "customer_order_by_age",
            ),
            (
                OrderFilter(status=OrderStatus.SHIPPED, created_from=after_noon(-100)),
                "customer_order_by_status",
            ),
            (OrderFilter(customer_ref="c-3", created_to=after_noon(-10)), "customer_order_by_customer"),
            (OrderFilter(customer_ref="c-3", status=OrderStatus.SHIPPED), "customer_order_by_customer"),
        ],
        ids=lambda value: value if isinstance(value, str) else named(value),
    )
    def test_cost_the_same_on_the_last_page(self, shop: Shop, wanted: OrderFilter, index: str) -> None:
        views = DjangoReadModels(shop.tenant_id)
        last = before_the_last_page(views, wanted)
        with explained() as plans:
            first_page = views.orders(wanted)
            last_page = views.orders(wanted, after=last)
        assert last_page.next is None
        assert len(last_page.items) == len(first_page.items)
        first, deep = map(Plan, plans)
        print(f"\n{named(wanted)}\n  first page: {first}\n  last page:  {deep}")  # shown by pytest -s
        assert first.nodes == deep.nodes
        assert f"Index Scan {index}" in first.nodes
        assert not [node for node in first.nodes if node.startswith(("Seq Scan", "Sort", "Bitmap"))]
        assert deep.buffers <= BUFFERS_FACTOR_MAX * first.buffers

    def test_are_found_by_their_reference_at_once(self, shop: Shop) -> None:
        with explained() as plans:
            (found,) = DjangoReadModels(shop.tenant_id).orders(OrderFilter(reference="PO-777")).items
        assert found.reference == "PO-777"
        plan = Plan(plans[0])
        print(f"\nreference\n  {plan}")  # shown by pytest -s
        assert "Index Scan customer_order_reference_unique" in plan.nodes
        assert not [node for node in plan.nodes if node.startswith("Seq Scan")]


class Plan:
    """What the server did for one page: its nodes, each with the index that it uses, and what they read."""

    def __init__(self, explained: dict[str, Any]) -> None:
        top = explained["Plan"]
        self.buffers = top["Shared Hit Blocks"] + top["Shared Read Blocks"]
        self.nodes = list(_nodes(top))

    def __str__(self) -> str:
        return f"{' > '.join(self.nodes)}; {self.buffers} buffers"


def _nodes(node: dict[str, Any]) -> Iterator[str]:
    yield f"{node['Node Type']} {node.get('Index Name', '')}".strip()
    for child in node.get("Plans", ()):
        yield from _nodes(child)


@contextmanager
def explained() -> Iterator[list[dict[str, Any]]]:
    """Collects the plan of each query of this thread's connection, carried out as the application's role."""
    plans: list[dict[str, Any]] = []

    def explain(execute: Any, sql: str, params: Any, *rest: Any) -> Any:
        set_tenant, _, query = sql.partition("; ")
        with connections["default"].connection.cursor() as cursor:
            cursor.execute(
                f"{set_tenant}; EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {query}", params
            )
            ((found,),) = cursor.fetchall()
        plans.extend(found if isinstance(found, list) else json.loads(found))
        return execute(sql, params, *rest)

    connections["default"].ensure_connection()
    with connections["default"].execute_wrapper(explain):
        yield plans


def before_the_last_page(views: DjangoReadModels, wanted: OrderFilter) -> PageKey | None:
    """The key beyond which as many orders are left as the first page has; None if that is all of them."""
    keys: list[PageKey] = []
    after: PageKey | None = None
    for _ in range(ORDERS // PAGE_MAX + 1):
        page = views.orders(wanted, after=after, limit=PAGE_MAX)
        keys += [PageKey(view.created_at, view.id) for view in page.items]
        after = page.next
        if after is None:
            break
    return keys[-PAGE_DEFAULT - 1] if len(keys) > PAGE_DEFAULT else None


def ids_of(shop: Shop, statuses: Collection[OrderStatus] = tuple(OrderStatus)) -> list[UUID]:
    """All orders of the tenant in one of the statuses, newest first, as one query gives them."""
    with shop.app, shop.app.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('app.tenant', %s, true);"
            " SELECT id FROM customer_order WHERE status = ANY(%s) ORDER BY created_at DESC, id DESC",
            (str(shop.tenant_id), [status.value for status in statuses]),
        )
        return [id_ for (id_,) in cursor.fetchall()]


def named(wanted: OrderFilter) -> str:
    """The names of the conditions."""
    names = [name for name in wanted.__slots__ if getattr(wanted, name) is not None]
    return " and ".join(names) or "all"
