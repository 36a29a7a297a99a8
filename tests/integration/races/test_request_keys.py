"""One key, one execution: under parallel twins, stalled attempts and lost servers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import django.db
import pytest
from django.db import connections
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters import system_clock
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from application.orders.place_order import PlaceOrder, PlaceOrderHandler, PlaceOrderLine
from application.ports.read_models import OrderView
from application.ports.unit_of_work import CommandContext, StoreUnavailable, UnitOfWork
from application.run_once import Answer, ReplayedRefusal
from builders import a_context, a_key, a_product, an_order
from domain.idempotency import Done, RequestInProgress
from domain.inventory.product import Product, UnknownSku
from integration.races.waiting import backend_pid, terminate, wait_until_gone
from unit.contracts.threads import WAIT_S_MAX, Threads

TWINS = 50


@pytest.fixture
def threads() -> Threads:
    return Threads(connections.close_all)


@pytest.fixture
def product(tenant_id: UUID) -> Product:
    product = a_product()
    with DjangoUnitOfWork(a_context(tenant_id=tenant_id)) as uow:
        uow.products.save(product)
    return product


@pytest.fixture
def context(tenant_id: UUID) -> CommandContext:
    return a_context(tenant_id=tenant_id, key=a_key())


def place_order(
    product: Product, context: CommandContext, now: Callable[[], datetime] = system_clock.now
) -> Answer[OrderView]:
    """One try at one order, as the web process makes it."""
    handler = PlaceOrderHandler(DjangoUnitOfWork, now, system_clock.new_id, lambda _: None)
    return handler.handle(order_of(product.sku), context)


def order_of(sku: str) -> PlaceOrder:
    return PlaceOrder(
        customer_ref="c-17",
        currency="EUR",
        lines=(PlaceOrderLine(sku=sku, quantity=1, unit_price="4.20"),),
        payment_method="tok_visa",
    )


def claim(uow: UnitOfWork, context: CommandContext) -> None:
    """Claim the key of the context, which must be free."""
    assert context.request_key is not None
    assert uow.once(context.request_key, str) is None


def orders_stored(superuser: Connection, tenant_id: UUID) -> tuple[int, int, int]:
    """Orders, order events and request records of the tenant."""
    with superuser.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM customer_order WHERE tenant_id = %(t)s),"
            " (SELECT count(*) FROM event WHERE tenant_id = %(t)s AND stream_kind = 'order'),"
            " (SELECT count(*) FROM idempotency_record WHERE tenant_id = %(t)s)",
            {"t": str(tenant_id)},
        )
        row = cursor.fetchone()
    assert row is not None
    return row


class TestFiftyTwins:
    @pytest.mark.promise("H4", "H2")
    def test_are_one_order_and_forty_nine_answers_at_once(
        self, product: Product, context: CommandContext, threads: Threads, superuser: Connection
    ) -> None:
        refused = threading.Semaphore(0)

        def wait_for_the_others() -> datetime:
            # Only who holds the key asks for the time: it goes on when all others have their answer.
            for _ in range(TWINS - 1):
                assert refused.acquire(timeout=WAIT_S_MAX), "a twin got no answer while the first was running"
            return system_clock.now()

        def twin(index: int) -> Answer[OrderView]:
            try:
                return place_order(product, context, wait_for_the_others)
            except RequestInProgress:
                refused.release()
                raise

        outcomes = threads.race(TWINS, twin)
        answers = [outcome.result for outcome in outcomes if outcome.result is not None]
        errors = [type(outcome.error) for outcome in outcomes if outcome.error is not None]
        assert errors == [RequestInProgress] * (TWINS - 1)
        assert [answer.replayed for answer in answers] == [False]
        again = threads.race(TWINS, lambda _: place_order(product, context))
        assert [outcome.result for outcome in again] == [Answer(answers[0].result, replayed=True)] * TWINS
        assert orders_stored(superuser, context.tenant_id) == (1, 1, 1)


class TestAnAttemptThatStalls:
    @pytest.mark.promise("H10")
    def test_cannot_commit_after_its_lease(
        self, product: Product, context: CommandContext, superuser: Connection
    ) -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("SET transaction_timeout = '200ms'")
        pid = backend_pid()

        def stall() -> datetime:
            wait_until_gone(superuser, pid)
            return system_clock.now()

        with pytest.raises(StoreUnavailable):
            place_order(product, context, stall)
        assert orders_stored(superuser, context.tenant_id) == (0, 0, 0)
        assert place_order(product, context).replayed is False
        assert orders_stored(superuser, context.tenant_id) == (1, 1, 1)

    @pytest.mark.promise("H10")
    def test_cannot_commit_what_it_has_flushed_before(
        self, product: Product, context: CommandContext, superuser: Connection
    ) -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("SET transaction_timeout = '200ms'")
        pid = backend_pid()

        def flush_and_stall() -> None:
            with DjangoUnitOfWork(context) as uow:
                claim(uow, context)
                uow.orders.save(an_order().with_line(product).placed())
                uow.flush()
                uow.settle(Done("placed"))
                wait_until_gone(superuser, pid)

        with pytest.raises(StoreUnavailable):
            flush_and_stall()
        assert orders_stored(superuser, context.tenant_id) == (0, 0, 0)

    @pytest.mark.promise("H10")
    def test_has_a_lease_of_ten_seconds_on_any_server(self, context: CommandContext) -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT setting, source FROM pg_settings WHERE name = 'transaction_timeout'")
            assert cursor.fetchone() == ("10000", "client")


class TestALostServer:
    @pytest.mark.promise("H9")
    @pytest.mark.parametrize("step", ["after the claim", "before the commit"])
    def test_leaves_nothing_and_the_retry_carries_the_request_out(
        self, product: Product, context: CommandContext, superuser: Connection, step: str
    ) -> None:
        def lose_the_server() -> None:
            with DjangoUnitOfWork(context) as uow:
                claim(uow, context)
                if step == "before the commit":
                    uow.orders.save(an_order().with_line(product).placed())
                    uow.flush()
                uow.settle(Done("placed"))
                terminate(superuser, backend_pid())

        with pytest.raises(StoreUnavailable):
            lose_the_server()
        assert orders_stored(superuser, context.tenant_id) == (0, 0, 0)
        assert place_order(product, context).replayed is False
        assert orders_stored(superuser, context.tenant_id) == (1, 1, 1)

    @pytest.mark.promise("H9")
    def test_whose_commit_went_unanswered_gives_the_committed_result_to_the_retry(
        self, product: Product, context: CommandContext, superuser: Connection
    ) -> None:
        def lose_the_answer(execute: Callable[..., object], sql: str, *rest: object) -> object:
            answer = execute(sql, *rest)
            if sql.endswith("COMMIT"):
                connections["default"].connection.close()
                raise django.db.OperationalError("the server closed the connection before it answered")
            return answer

        with connections["default"].execute_wrapper(lose_the_answer), pytest.raises(StoreUnavailable):
            place_order(product, context)
        assert orders_stored(superuser, context.tenant_id) == (1, 1, 1)
        answer = place_order(product, context)
        assert answer.replayed is True
        with DjangoUnitOfWork(context) as uow:
            assert uow.orders.get(answer.result.id).version == 1
        assert orders_stored(superuser, context.tenant_id) == (1, 1, 1)


class TestARefusal:
    @pytest.mark.promise("H8", "H9")
    def test_is_kept_and_what_was_written_before_it_is_not(
        self, product: Product, context: CommandContext, superuser: Connection
    ) -> None:
        handler = PlaceOrderHandler(
            DjangoUnitOfWork, system_clock.now, system_clock.new_id, system_clock.back_off
        )
        for refusal in (UnknownSku, ReplayedRefusal):
            with pytest.raises(refusal):
                handler.handle(order_of("NONE"), context)
        assert orders_stored(superuser, context.tenant_id) == (0, 0, 1)


class TestPlacingAnOrder:
    def test_takes_two_messages_to_the_server(self, product: Product, context: CommandContext) -> None:
        sent: list[str] = []

        def count(execute: Callable[..., object], sql: str, *rest: object) -> object:
            sent.append(sql)
            return execute(sql, *rest)

        with connections["default"].execute_wrapper(count):
            place_order(product, context)
        assert [message.split("(")[0].split(";")[0].split()[0] for message in sent] == [
            "BEGIN",
            "SAVEPOINT",
        ]
        assert sent[-1].endswith("; COMMIT")
