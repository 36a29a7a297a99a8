"""Deletions against other commands on the same thing: whole use cases, each on a connection of its own.

A use case asks its clock after it has read and before it writes; a clock that waits holds it just there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import pytest
from django.db import connections
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters.django_orm.read_models import DjangoReadModels
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.system_clock import back_off, new_id, now
from application.inventory.delete_product import DeleteProduct, DeleteProductHandler
from application.orders.amend_order import AmendOrder, AmendOrderHandler
from application.orders.cancel_order import CancelOrder, CancelOrderHandler
from application.orders.delete_order import DeleteOrder, DeleteOrderHandler
from application.orders.place_order import PlaceOrder, PlaceOrderHandler, PlaceOrderLine
from application.orders.restore_order import RestoreOrder, RestoreOrderHandler
from application.orders.return_order_lines import ReturnOrderLine, ReturnOrderLines, ReturnOrderLinesHandler
from application.ports.clock import Clock
from application.ports.read_models import OrderFilter
from application.ports.unit_of_work import CommandContext
from builders import a_context, a_product, an_order, stock_of
from domain.errors import Gone, StaleObjectError
from domain.inventory.product import Product, UnknownSku
from domain.orders.order import Order, OrderStatusForbids
from unit.contracts.threads import WAIT_S_MAX, Threads

ROUNDS = 20
BUYERS = 3
ORDERS_MAX = 500
"""How many orders a buyer places at most before the deletion has to be seen."""

Write = Callable[[Order, Clock], object]


class Pause:
    """A clock that stops the use case that asks it, between its reading and its writing."""

    def __init__(self) -> None:
        self._has_read, self._goes_on = threading.Event(), threading.Event()

    def __call__(self) -> datetime:
        self._has_read.set()
        assert self._goes_on.wait(WAIT_S_MAX), "nobody let the use case go on"
        return now()

    def wait_until_it_has_read(self) -> None:
        assert self._has_read.wait(WAIT_S_MAX), "the use case never came to its decision"

    def end(self) -> None:
        self._goes_on.set()


@pytest.fixture
def threads() -> Threads:
    return Threads(connections.close_all)


@pytest.fixture
def context(tenant_id: UUID) -> CommandContext:
    return a_context(tenant_id=tenant_id)


@pytest.fixture
def use(context: CommandContext, superuser: Connection) -> Commands:
    return Commands(context, superuser)


class Commands:
    """The use cases as this test calls them, and what the tables hold after them."""

    def __init__(self, context: CommandContext, superuser: Connection) -> None:
        self.context, self._superuser = context, superuser

    def saved(self, order: Order) -> Order:
        """The order, stored."""
        with DjangoUnitOfWork(self.context) as uow:
            uow.orders.save(order)
        return order

    def delete(self, order: Order, clock: Clock = now, *, version: int | None = None) -> None:
        command = DeleteOrder(order_id=order.id, expected_version=version or order.version, actor="alice")
        DeleteOrderHandler(DjangoUnitOfWork, clock, new_id, back_off).handle(command, self.context)

    def restore(self, order: Order, *, version: int) -> None:
        command = RestoreOrder(order_id=order.id, expected_version=version)
        RestoreOrderHandler(DjangoUnitOfWork, now, back_off).handle(command, self.context)

    def give_back(self, order: Order, clock: Clock = now) -> None:
        lines = (ReturnOrderLine(sku=order.lines[0].sku, quantity=1),)
        command = ReturnOrderLines(
            order_id=order.id, expected_version=order.version, lines=lines, reason="broken"
        )
        ReturnOrderLinesHandler(DjangoUnitOfWork, clock, back_off).handle(command, self.context)

    def amend(self, order: Order, clock: Clock = now) -> None:
        command = AmendOrder(order_id=order.id, expected_version=order.version, note="ring twice")
        AmendOrderHandler(DjangoUnitOfWork, clock, back_off).handle(command, self.context)

    def cancel(self, order: Order) -> None:
        command = CancelOrder(order_id=order.id, expected_version=order.version, reason="late")
        CancelOrderHandler(DjangoUnitOfWork, now, new_id, back_off).handle(command, self.context)

    def place(self, sku: str, clock: Clock = now) -> None:
        line = PlaceOrderLine(sku=sku, quantity=1, unit_price="4.20")
        command = PlaceOrder(customer_ref="c-1", currency="EUR", lines=(line,), payment_method="tok")
        PlaceOrderHandler(DjangoUnitOfWork, clock, new_id, back_off).handle(command, self.context)

    def delete_product(self, product: Product, clock: Clock = now) -> None:
        command = DeleteProduct(sku=product.sku, expected_version=product.version, actor="alice")
        DeleteProductHandler(DjangoUnitOfWork, clock, new_id, back_off).handle(command, self.context)

    def events(self, order: Order) -> list[str]:
        """The names of the order's events; their versions have no gap and end at the version of its row."""
        with DjangoReadModels(self.context.tenant_id) as views:
            found = views.order_events(order.id)
        with self._superuser.cursor() as cursor:
            cursor.execute("SELECT version FROM customer_order WHERE id = %s", (order.id.hex,))
            ((version,),) = cursor.fetchall()
        assert [event.version for event in found] == list(range(1, version + 1))
        return [event.type for event in found]

    def is_deleted(self, order: Order) -> bool:
        """Whether the order is; its lines have to agree with it."""
        with self._superuser.cursor() as cursor:
            cursor.execute(
                "SELECT deletion_id, deleted_at, deleted_by FROM customer_order WHERE id = %(id)s"
                " UNION SELECT deletion_id, deleted_at, deleted_by FROM order_line WHERE order_id = %(id)s",
                {"id": order.id.hex},
            )
            (marks,) = cursor.fetchall()
        assert len({mark is None for mark in marks}) == 1
        return marks[0] is not None

    def given_back(self, order: Order) -> int:
        with self._superuser.cursor() as cursor:
            cursor.execute("SELECT sum(returned) FROM order_line WHERE order_id = %s", (order.id.hex,))
            ((pieces,),) = cursor.fetchall()
        return int(pieces)


class TestAnOrder:
    @pytest.mark.promise("L1", "D5", "D6")
    def test_that_two_commands_have_read_is_changed_by_one_of_them(
        self, use: Commands, threads: Threads
    ) -> None:
        for _ in range(ROUNDS):
            order = use.saved(an_order().delivered())
            both_have_read = threading.Barrier(2)

            def clock(meet: threading.Barrier = both_have_read) -> datetime:
                meet.wait(WAIT_S_MAX)
                return now()

            writes: list[Write] = [use.delete, use.give_back]
            outcomes = threads.race(2, lambda index: writes[index](order, clock))  # noqa: B023 - ends in here
            errors = [outcome.error for outcome in outcomes]
            assert [type(error) for error in errors if error] == [StaleObjectError]
            is_deleted = errors[0] is None
            assert use.events(order)[4:] == ["order.deleted" if is_deleted else "order.returned"]
            assert use.is_deleted(order) == is_deleted
            assert use.given_back(order) == (0 if is_deleted else 1)

    @pytest.mark.promise("L1", "D5", "D6")
    @pytest.mark.parametrize("deletion_wins", [True, False])
    def test_stays_what_the_first_to_commit_made_it(
        self, use: Commands, threads: Threads, deletion_wins: bool
    ) -> None:
        first, second = (use.delete, use.give_back) if deletion_wins else (use.give_back, use.delete)
        for _ in range(ROUNDS // 2):
            order, pause = use.saved(an_order().delivered()), Pause()
            late = threads.start(lambda: second(order, pause))  # noqa: B023 - ends in here
            pause.wait_until_it_has_read()
            first(order)
            pause.end()
            assert type(late.outcome().error) is StaleObjectError
            assert len(use.events(order)) == order.version + 1
            assert use.is_deleted(order) == deletion_wins
            assert use.given_back(order) == (not deletion_wins)

    @pytest.mark.promise("L1", "D6")
    def test_that_was_cancelled_and_deleted_meanwhile_is_not_amended(
        self, use: Commands, threads: Threads
    ) -> None:
        for _ in range(ROUNDS):
            order, pause = use.saved(an_order().placed()), Pause()
            late = threads.start(lambda: use.amend(order, pause))  # noqa: B023 - ends in here
            pause.wait_until_it_has_read()
            use.cancel(order)
            use.delete(order, version=order.version + 1)
            pause.end()
            assert type(late.outcome().error) is StaleObjectError
            assert use.events(order) == ["order.placed", "order.cancelled", "order.deleted"]
            assert use.is_deleted(order)

    @pytest.mark.promise("L1", "D6")
    @pytest.mark.parametrize("can_be_deleted", [True, False])
    def test_can_be_amended_or_deleted_never_both(
        self, use: Commands, threads: Threads, can_be_deleted: bool
    ) -> None:
        for _ in range(ROUNDS):
            order = use.saved(an_order().cancelled() if can_be_deleted else an_order().placed())
            writes: list[Write] = [use.delete, use.amend]
            outcomes = threads.race(2, lambda index: writes[index](order, now))  # noqa: B023 - ends in here
            winner, loser = outcomes if can_be_deleted else reversed(outcomes)
            assert winner.error is None
            # The loser read before the winner, met its write, or came after it.
            after_it = {Gone} if can_be_deleted else set()
            assert type(loser.error) in {OrderStatusForbids, StaleObjectError} | after_it
            assert use.events(order)[-1] == ("order.deleted" if can_be_deleted else "order.amended")
            assert len(use.events(order)) == order.version + 1
            assert use.is_deleted(order) == can_be_deleted

    @pytest.mark.promise("D3", "D5", "L1")
    @pytest.mark.parametrize("is_restored_first", [False, True])
    def test_follows_the_one_of_deletion_and_restoration_that_is_no_repetition(
        self, use: Commands, threads: Threads, is_restored_first: bool
    ) -> None:
        for _ in range(ROUNDS):
            order = use.saved(an_order().cancelled())
            use.delete(order)
            if is_restored_first:
                use.restore(order, version=order.version + 1)
            version = order.version + 1 + is_restored_first
            outcomes = threads.race(
                2,
                lambda index: (
                    use.restore(order, version=version)  # noqa: B023 - ends in here
                    if index
                    else use.delete(order, version=version)  # noqa: B023 - ends in here
                ),
            )
            mover, repetition = outcomes if is_restored_first else reversed(outcomes)
            assert mover.error is None
            # Before the mover it changes nothing and is answered alike; after it, its version is stale.
            assert repetition.error is None or type(repetition.error) is StaleObjectError
            last = "order.deleted" if is_restored_first else "order.restored"
            assert use.events(order)[-1] == last
            assert len(use.events(order)) == version + 1
            assert use.is_deleted(order) == is_restored_first


class TestAProduct:
    @pytest.fixture
    def new_product(self, context: CommandContext) -> Callable[[], Product]:
        """Makes a product with its stock, empty."""

        def make() -> Product:
            product = a_product()
            with DjangoUnitOfWork(context) as uow:
                uow.products.save(product)
                uow.stock_items.save(stock_of(product))
            return product

        return make

    @pytest.mark.promise("D6")
    def test_is_ordered_by_nobody_who_asks_after_its_deletion(
        self, use: Commands, threads: Threads, new_product: Callable[[], Product]
    ) -> None:
        placed = 0
        for _ in range(ROUNDS):
            product, is_deleted = new_product(), threading.Event()

            def buy(product: Product = product, is_deleted: threading.Event = is_deleted) -> int:
                for number in range(ORDERS_MAX):
                    asked_after_it = is_deleted.is_set()
                    try:
                        use.place(product.sku)
                    except UnknownSku:
                        return number
                    assert not asked_after_it, "an order of a product that was deleted before it was read"
                raise AssertionError("the deletion was never seen")

            def delete(product: Product = product, is_deleted: threading.Event = is_deleted) -> int:
                use.delete_product(product)
                is_deleted.set()
                return 0

            outcomes = threads.race(
                1 + BUYERS,
                lambda index: buy() if index else delete(),
            )
            assert [outcome.error for outcome in outcomes if outcome.error] == []
            placed += sum(outcome.result or 0 for outcome in outcomes)
        assert placed == count_orders(use)

    @pytest.mark.promise("D6")
    def test_that_an_order_has_read_is_ordered_though_it_is_deleted_meanwhile(
        self, use: Commands, threads: Threads, new_product: Callable[[], Product]
    ) -> None:
        product, pause = new_product(), Pause()
        late = threads.start(lambda: use.place(product.sku, pause))
        pause.wait_until_it_has_read()
        use.delete_product(product)
        pause.end()
        assert late.outcome().error is None
        with pytest.raises(UnknownSku):
            use.place(product.sku)
        assert count_orders(use) == 1

    @pytest.mark.promise("D6")
    def test_is_ordered_until_its_deletion_is_committed(
        self, use: Commands, threads: Threads, new_product: Callable[[], Product]
    ) -> None:
        product, pause = new_product(), Pause()
        deletion = threads.start(lambda: use.delete_product(product, pause))
        pause.wait_until_it_has_read()
        use.place(product.sku)
        pause.end()
        assert deletion.outcome().error is None
        with pytest.raises(UnknownSku):
            use.place(product.sku)
        assert count_orders(use) == 1


def count_orders(use: Commands) -> int:
    """How many orders the tenant has."""
    with DjangoReadModels(use.context.tenant_id) as views:
        count, after = 0, None
        for _ in range(ROUNDS * BUYERS * ORDERS_MAX):
            page = views.orders(OrderFilter(), after=after)
            count, after = count + len(page.items), page.next
            if after is None:
                break
    return count
