"""Twenty writers and one version: the whole use case on real transactions."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

import pytest
from django.db import connections

from adapters.django_orm.read_models import DjangoReadModels
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.system_clock import back_off, now
from application.conflict_retry import Overloaded
from application.inventory.receive_stock import ReceiveStock, ReceiveStockHandler
from application.orders.amend_order import AmendOrder, AmendOrderHandler
from builders import a_context, a_product, an_order, stock_of
from domain.errors import StaleObjectError
from unit.contracts.threads import Threads

WRITERS = 20


@pytest.fixture
def threads() -> Threads:
    return Threads(connections.close_all)


class TestTwentyWriters:
    @pytest.mark.promise("L1", "L4", "L7")
    @pytest.mark.parametrize(("expected_version", "winners"), [(1, 1), (None, WRITERS)])
    def test_of_one_order(
        self, tenant_id: UUID, threads: Threads, expected_version: int | None, winners: int
    ) -> None:
        context = a_context(tenant_id=tenant_id)
        order = an_order().placed()
        with DjangoUnitOfWork(context) as uow:
            uow.orders.save(order)
        amend = AmendOrderHandler(DjangoUnitOfWork, now, back_off)

        def write(index: int) -> None:
            command = AmendOrder(order_id=order.id, expected_version=expected_version, note=f"{index}")
            # Without a version the use case decides again; a writer that lost every try begins anew.
            for _ in range(WRITERS):
                with suppress(Overloaded):
                    amend.handle(command, context)
                    return
            raise AssertionError("never got through")

        outcomes = threads.race(WRITERS, write)
        losers = [type(outcome.error) for outcome in outcomes if outcome.error is not None]
        assert losers == [StaleObjectError] * (WRITERS - winners)
        with DjangoReadModels(tenant_id) as views:
            assert views.order(order.id).version == 1 + winners
            events = views.order_events(order.id)
        assert [event.version for event in events] == list(range(1, 2 + winners))

    @pytest.mark.promise("M2")
    def test_of_one_stock_row_wait_for_each_other_instead_of_trying_again(
        self, tenant_id: UUID, threads: Threads
    ) -> None:
        context = a_context(tenant_id=tenant_id)
        product = a_product()
        with DjangoUnitOfWork(context) as uow:
            uow.products.save(product)
            uow.stock_items.save(stock_of(product))
        receive = ReceiveStockHandler(DjangoUnitOfWork, now, lambda number: pytest.fail("it tried again"))
        outcomes = threads.race(
            WRITERS, lambda _: receive.handle(ReceiveStock(sku=product.sku, quantity=1), context)
        )
        assert [outcome.error for outcome in outcomes] == [None] * WRITERS
        with DjangoReadModels(tenant_id) as views:
            assert views.stock(product.sku).on_hand == WRITERS
