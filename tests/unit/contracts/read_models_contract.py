"""The contract of ReadModels: views that agree with the aggregates, and pages that miss nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

import pytest

from adapters.system_clock import new_id
from application.ports.payment_view import PaymentView
from application.ports.read_models import (
    PAGE_MAX,
    EventView,
    OpenReadModels,
    OrderFilter,
    OrderView,
    Page,
    PageKey,
    ProductView,
    ReadModels,
    StockView,
)
from application.ports.unit_of_work import UnitOfWork
from builders import NOON, a_product, after_noon, an_order, stock_of
from domain.errors import NotFound
from domain.orders.order import Order, OrderStatus
from domain.payments.payment import Payment
from domain.retention import Deletion
from unit.contracts.binding import Store, StoreBinding
from unit.contracts.threads import HeldTransaction

PAGES_MAX = 100
Item = TypeVar("Item")


def walk(
    page: Callable[[PageKey | None], Page[Item]], between: Callable[[], None] = lambda: None
) -> list[Item]:
    """All items of all pages, with `between` called before each further page."""
    items: list[Item] = []
    after: PageKey | None = None
    for _ in range(PAGES_MAX):
        part = page(after)
        items += part.items
        if part.next is None:
            return items
        after = part.next
        between()
    raise AssertionError(f"more than {PAGES_MAX} pages")


class ReadModelsContract(StoreBinding):
    """Views of one aggregate, and lists."""

    @pytest.fixture
    def look(
        self, open_read_models: OpenReadModels, tenant_id: UUID
    ) -> Callable[[Callable[[ReadModels], Item]], Item]:
        """`look(question)`: the answer of read models that are opened for it alone."""

        def ask(question: Callable[[ReadModels], Item]) -> Item:
            with open_read_models(tenant_id) as read_models:
                return question(read_models)

        return ask

    def test_show_the_payments_of_an_order_by_their_attempt_also_when_it_is_deleted(
        self, store: Store, look
    ) -> None:
        order = an_order().with_line(store.a_stored_product()).cancelled()
        first, second = (
            Payment.request(
                id=new_id(), order_id=order.id, attempt=attempt, amount=order.total, method="tok", at=NOON
            )
            for attempt in (1, 2)
        )
        with pytest.raises(NotFound):
            look(lambda views: views.order_payments(order.id))
        with store.transaction() as uow:
            uow.orders.save(order)
        assert look(lambda views: views.order_payments(order.id)) == ()
        first.decline("insufficient_funds", at=after_noon(1))
        with store.transaction() as uow:
            uow.payments.save(second)
            uow.payments.save(first)
            deleted = uow.orders.get(order.id)
            deleted.delete(Deletion(new_id(), "alice", "", after_noon(5)))
            uow.orders.save(deleted)
        views = (PaymentView.of(first), PaymentView.of(second))
        assert look(lambda views: views.order_payments(order.id)) == views
        assert [look(lambda read, of=view.id: read.payment(of)) for view in views] == list(views)
        with pytest.raises(NotFound):
            look(lambda views: views.payment(order.id))

    def test_show_an_order_in_every_state_as_its_aggregate_does(self, store: Store, look) -> None:
        wanted = (
            an_order()
            .with_(reference="PO-1", note="n", address="a", currency="TND", ordered_at=after_noon(-5))
            .with_line(store.a_stored_product(), quantity=3, price="1.005")
            .with_line(store.a_stored_product(), price="0.000")
        )
        rest = wanted.with_(reference=None)
        for order in (
            wanted.placed(),
            rest.confirmed(),
            rest.cancelled(),
            rest.shipped(),
            rest.delivered(),
            rest.returned(2),
        ):
            store.save(order)
            view = look(lambda views, order_id=order.id: views.order(order_id))
            assert view == OrderView.of(order) == OrderView.of(store.order(order.id))

    def test_show_a_product_and_its_stock_as_their_aggregates_do(self, store: Store, look) -> None:
        product = store.a_stored_product()
        stock, order = stock_of(product, on_hand=5), an_order().with_line(product).placed()
        stock.reserve(order.id, 2, at=after_noon(1))
        product.rename("Green tea", at=after_noon(1))
        store.save(order, product, stock)
        assert look(lambda views: views.product(product.sku)) == ProductView.of(product)
        assert look(lambda views: views.stock(product.sku)) == StockView.of(stock)

    def test_have_no_view_of_what_is_not_there(self, look) -> None:
        for question in (
            lambda views: views.order(new_id()),
            lambda views: views.order_events(new_id()),
            lambda views: views.product("NONE"),
            lambda views: views.stock("NONE"),
        ):
            with pytest.raises(NotFound):
                look(question)

    def test_show_nothing_of_an_open_transaction(
        self, store: Store, look, hold_open: Callable[..., HeldTransaction]
    ) -> None:
        product = a_product()

        def write(uow: UnitOfWork) -> None:
            uow.products.save(product)
            uow.flush()

        held = hold_open(store.transaction(), write)
        assert look(lambda views: views.products()).items == ()
        held.commit()
        assert look(lambda views: views.products()).items == (ProductView.of(product),)

    @pytest.mark.promise("A1")
    def test_show_nothing_of_another_tenant(self, store: Store, other_store: Store, look) -> None:
        product = other_store.a_stored_product()
        order = an_order().with_line(product).placed()
        other_store.save(order, stock_of(product))
        assert look(lambda views: views.orders(OrderFilter())) == Page((), None)
        assert look(lambda views: views.products()) == Page((), None)
        for question in (
            lambda views: views.order(order.id),
            lambda views: views.order_events(order.id),
            lambda views: views.product(product.sku),
            lambda views: views.stock(product.sku),
        ):
            with pytest.raises(NotFound):
                look(question)

    def test_list_orders_newest_first(self, store: Store, look) -> None:
        wanted = an_order().with_line(store.a_stored_product())
        orders = [wanted.with_(at=after_noon(minutes)).placed() for minutes in (3, 1, 2, 2)]
        store.save(*orders)
        expected = sorted(orders, key=lambda order: (order.created_at, order.id), reverse=True)
        assert look(lambda views: views.orders(OrderFilter())) == Page(
            tuple(map(OrderView.of, expected)), None
        )

    @pytest.mark.promise("A3")
    def test_list_each_earlier_order_once_while_others_are_placed(self, store: Store, look) -> None:
        wanted = an_order().with_line(store.a_stored_product())
        before = [wanted.with_(at=after_noon(minutes // 3)).placed() for minutes in range(20)]
        store.save(*before)
        late: list[Order] = []

        def place_more() -> None:
            late.extend(wanted.with_(at=after_noon(minutes)).placed() for minutes in (0, 3, 100))
            store.save(*late[-3:])

        listed = walk(
            lambda after: look(lambda views: views.orders(OrderFilter(), after=after, limit=3)), place_more
        )
        ids = [view.id for view in listed]
        assert len(ids) == len(set(ids))
        earlier = {order.id for order in before}
        assert [each for each in ids if each in earlier] == [
            order.id for order in sorted(before, key=lambda order: (order.created_at, order.id), reverse=True)
        ]
        assert late

    @pytest.mark.promise("A3")
    def test_list_each_earlier_product_once_while_others_are_created(self, store: Store, look) -> None:
        before = [a_product(at=after_noon(number // 2)) for number in range(9)]
        store.save(*before)

        def create_more() -> None:
            store.save(a_product(at=after_noon(100)), a_product(at=after_noon(2)))

        listed = walk(lambda after: look(lambda views: views.products(after=after, limit=2)), create_more)
        ids = [view.id for view in listed]
        assert len(ids) == len(set(ids))
        assert {product.id for product in before} <= set(ids)

    def test_list_a_full_last_page_without_a_further_one(self, store: Store, look) -> None:
        store.save(*(a_product(at=after_noon(number)) for number in range(4)))
        first = look(lambda views: views.products(limit=2))
        assert first.next is not None
        last = look(lambda views: views.products(after=first.next, limit=2))
        assert (len(first.items), len(last.items), last.next) == (2, 2, None)

    def test_never_list_more_than_a_page(self, store: Store, look) -> None:
        store.save(*(a_product() for _ in range(PAGE_MAX + 1)))
        page = look(lambda views: views.products(limit=PAGE_MAX + 1))
        assert len(page.items) == PAGE_MAX
        assert page.next is not None

    def test_list_the_orders_that_are_wanted(self, store: Store, look) -> None:
        wanted = an_order().with_line(store.a_stored_product())
        pending = wanted.with_(customer_ref="c-1", reference="PO-1", at=after_noon(0)).placed()
        confirmed = wanted.with_(customer_ref="c-1", at=after_noon(10)).confirmed()
        cancelled = wanted.with_(customer_ref="c-2", at=after_noon(20)).cancelled()
        store.save(pending, confirmed, cancelled)

        def one_by_one(condition: OrderFilter, after: PageKey | None) -> Page[OrderView]:
            return look(lambda views: views.orders(condition, after=after, limit=1))

        for condition, expected in (
            (OrderFilter(), {pending.id, confirmed.id, cancelled.id}),
            (OrderFilter(status=OrderStatus.PENDING), {pending.id}),
            (OrderFilter(status=OrderStatus.SHIPPED), set()),
            (OrderFilter(customer_ref="c-1"), {pending.id, confirmed.id}),
            (OrderFilter(customer_ref="C-1"), set()),
            (OrderFilter(reference="PO-1"), {pending.id}),
            (OrderFilter(reference="PO-2"), set()),
            (OrderFilter(reference="PO-1", customer_ref="c-2"), set()),
            (OrderFilter(customer_ref="c-1", status=OrderStatus.CONFIRMED), {confirmed.id}),
            (OrderFilter(created_from=after_noon(10)), {confirmed.id, cancelled.id}),
            (OrderFilter(created_to=after_noon(10)), {pending.id}),
            (OrderFilter(created_from=after_noon(0), created_to=after_noon(20)), {pending.id, confirmed.id}),
        ):
            listed = walk(functools.partial(one_by_one, condition))
            assert {view.id for view in listed} == expected, condition

    @pytest.mark.promise("A3")
    def test_honour_both_the_page_before_and_the_end_of_a_range(self, store: Store, look) -> None:
        wanted = an_order().with_line(store.a_stored_product())
        orders = [wanted.with_(at=after_noon(minutes // 2)).placed() for minutes in range(8)]
        store.save(*orders)
        keys = sorted(((order.created_at, order.id) for order in orders), reverse=True)
        for key in keys:
            for to in (after_noon(0), after_noon(1), after_noon(2), after_noon(9)):
                page = look(
                    lambda views, key=key, to=to: views.orders(
                        OrderFilter(created_to=to), after=PageKey(*key)
                    )
                )
                expected = [each for each in keys if each < key and each[0] < to]
                assert [(view.created_at, view.id) for view in page.items] == expected

    def test_show_the_events_of_an_order(self, store: Store, look) -> None:
        order = an_order().with_line(store.a_stored_product()).placed()
        order.amend(note="n", at=after_noon(1))
        order.cancel(reason="r", at=after_noon(2))
        store.save(order)
        views = look(lambda views: views.order_events(order.id))
        assert [(view.version, view.type, view.occurred_at) for view in views] == [
            (1, "order.placed", after_noon(0)),
            (2, "order.amended", after_noon(1)),
            (3, "order.cancelled", after_noon(2)),
        ]
        entry = store.stream(order.id)[2]
        assert views[2] == EventView(
            position=entry.position,
            event_id=entry.event_id,
            type="order.cancelled",
            schema_version=1,
            stream_id=order.id,
            version=3,
            occurred_at=after_noon(2),
            actor=entry.actor,
            correlation_id=entry.correlation_id,
            causation_id=entry.causation_id,
            traceparent=None,
            data={"reason": "r"},
        )
        assert look(lambda v: v.order_events(order.id, after_version=1, limit=1)) == views[1:2]
        assert look(lambda v: v.order_events(order.id, after_version=3)) == ()

    @pytest.mark.promise("D1", "D5")
    def test_show_the_events_of_a_deleted_order_to_their_end(self, store: Store, look) -> None:
        order = an_order().with_line(store.a_stored_product()).cancelled()
        order.delete(Deletion(new_id(), "alice", "", NOON))
        store.save(order)
        shown = look(lambda views: views.order_events(order.id))
        assert [view.type for view in shown] == ["order.placed", "order.cancelled", "order.deleted"]
        assert look(lambda views: views.order_events(order.id, after_version=3)) == ()
        with pytest.raises(NotFound):
            look(lambda views: views.order_events(new_id(), after_version=3))

    def test_show_no_order_events_of_another_kind_of_stream(self, store: Store, look) -> None:
        product = store.a_stored_product()
        with pytest.raises(NotFound):
            look(lambda views: views.order_events(product.id))
