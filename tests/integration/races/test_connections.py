"""What is left of a connection after a transaction went wrong, and how the next one gets a sound one."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import connections
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters.django_orm.read_models import DjangoReadModels
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.embedded.postgres_roles import DatabaseUrls
from application.ports.read_models import OrderFilter
from application.ports.unit_of_work import CommandContext, StoreUnavailable, TransactionConflict, UnitOfWork
from builders import a_context, a_product, stock_of
from domain.errors import AggregateSpent
from domain.inventory.product import Product, SkuTaken
from integration.races.waiting import backend_pid, terminate
from unit.contracts.threads import HeldTransaction, RolledBackOnPurpose, Threads


@pytest.fixture
def context(tenant_id: UUID) -> CommandContext:
    return a_context(tenant_id=tenant_id)


@pytest.fixture
def product(context: CommandContext) -> Product:
    product = a_product()
    with DjangoUnitOfWork(context) as uow:
        uow.products.save(product)
        uow.stock_items.save(stock_of(product, on_hand=1))
    return product


def is_clean() -> bool:
    """No transaction is open on this thread's connection, and no tenant is left in it."""
    raw = connections["default"].connection
    if raw is None or raw.closed:
        return True
    if raw.get_transaction_status() != TRANSACTION_STATUS_IDLE:
        return False
    with raw.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting('app.tenant', true), '')")
        return bool(cursor.fetchone() == ("",))


class TestAConnectionThatBreaksWhileIdle:
    def test_is_replaced_by_the_next_unit_of_work(
        self, context: CommandContext, product: Product, superuser: Connection
    ) -> None:
        pid = backend_pid()
        terminate(superuser, pid)
        with DjangoUnitOfWork(context) as uow:
            assert uow.products.get(product.sku).id == product.id
        assert backend_pid() != pid

    def test_is_replaced_by_the_next_read(
        self, context: CommandContext, product: Product, superuser: Connection
    ) -> None:
        terminate(superuser, backend_pid())
        with DjangoReadModels(context.tenant_id) as views:
            assert views.product(product.sku).id == product.id


class TestAConnectionThatBreaksInATransaction:
    @pytest.mark.promise("L6")
    def test_makes_the_store_unavailable_and_the_next_unit_of_work_goes_through(
        self, context: CommandContext, product: Product, superuser: Connection
    ) -> None:
        loaded: list[Product] = []

        def lose_the_server() -> None:
            with DjangoUnitOfWork(context) as uow:
                loaded.append(uow.products.get(product.sku))
                terminate(superuser, backend_pid())
                uow.products.get(product.sku)

        with pytest.raises(StoreUnavailable):
            lose_the_server()
        assert is_clean()
        with DjangoUnitOfWork(context) as uow:
            assert uow.products.get(product.sku).version == 1
            with pytest.raises(AggregateSpent):
                uow.products.save(loaded[0])

    def test_is_noticed_at_the_commit(
        self, context: CommandContext, product: Product, superuser: Connection
    ) -> None:
        def lose_the_server() -> None:
            with DjangoUnitOfWork(context) as uow:
                uow.products.get(product.sku)
                terminate(superuser, backend_pid())

        with pytest.raises(StoreUnavailable):
            lose_the_server()
        assert is_clean()


class TestAServerThatIsAway:
    def test_makes_the_store_unavailable(self, context: CommandContext, database_urls: DatabaseUrls) -> None:
        connections["default"].close()
        port = connections.settings["default"]["PORT"]
        connections.settings["default"]["PORT"] = "1"
        try:
            with pytest.raises(StoreUnavailable), DjangoUnitOfWork(context) as uow:
                uow.products.ids_by_sku(["TEA-1"])
            with pytest.raises(StoreUnavailable), DjangoReadModels(context.tenant_id) as views:
                views.orders(OrderFilter())
        finally:
            connections.settings["default"]["PORT"] = port
        with DjangoUnitOfWork(context) as uow:
            assert uow.products.ids_by_sku(["TEA-1"]) == {}


class TestALockThatDoesNotCome:
    def test_is_a_conflict(self, context: CommandContext, product: Product) -> None:
        threads = Threads(connections.close_all)
        held = HeldTransaction(
            DjangoUnitOfWork(context),
            lambda uow: uow.stock_items.get_for_update(product.sku),
            connections.close_all,
        )

        def wait_in_vain() -> None:
            with connections["default"].cursor() as cursor:
                cursor.execute("SET lock_timeout = '50ms'")
            with DjangoUnitOfWork(context) as uow:
                uow.stock_items.get_for_update(product.sku)

        try:
            with pytest.raises(TransactionConflict):
                threads.run(wait_in_vain)
        finally:
            held.roll_back()


class TestAUnitOfWork:
    @pytest.mark.parametrize(
        "work",
        [
            lambda uow, product: uow.products.get(product.sku),
            lambda uow, product: (uow.products.save(a_product(sku=product.sku)), uow.flush()),
            lambda uow, product: uow.stock_items.get_for_update(product.sku),
            lambda uow, product: None,
        ],
        ids=["reads", "is refused", "locks", "does nothing"],
    )
    @pytest.mark.parametrize("error", [None, RolledBackOnPurpose, KeyboardInterrupt, SystemExit])
    def test_leaves_the_connection_clean_however_it_ends(
        self,
        context: CommandContext,
        product: Product,
        work: Callable[[UnitOfWork, Product], object],
        error: type[BaseException] | None,
    ) -> None:
        try:
            with DjangoUnitOfWork(context) as uow:
                work(uow, product)
                if error is not None:
                    raise error
        except (RolledBackOnPurpose, KeyboardInterrupt, SystemExit, SkuTaken):
            pass
        assert is_clean()

    def test_does_not_commit_a_failed_transaction_without_a_word(
        self, context: CommandContext, product: Product
    ) -> None:
        def swallow(uow: UnitOfWork) -> None:
            try:
                uow.products.save(a_product(sku=product.sku))
                uow.flush()
            except SkuTaken:
                pass

        with pytest.raises(RuntimeError, match="discard the writes"), DjangoUnitOfWork(context) as uow:
            swallow(uow)
        assert is_clean()

    def test_is_used_once(self, context: CommandContext, database_urls: DatabaseUrls) -> None:
        used = DjangoUnitOfWork(context)
        with used:
            pass
        with pytest.raises(RuntimeError, match="used once"), used:
            pass

    def test_does_not_begin_inside_another_of_its_thread(
        self, context: CommandContext, product: Product
    ) -> None:
        with DjangoUnitOfWork(context) as outer:
            outer.products.get(product.sku)
            with pytest.raises(RuntimeError, match="open already"), DjangoUnitOfWork(context):
                pass
            assert outer.products.get(product.sku).version == 1
