"""Orders whose fulfilment begins when they are placed: the saga, who carries it on, and what is refused meanwhile."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from adapters.memory.outbox import InMemoryBacklog, InMemoryMessageClaims
from adapters.memory.payment_gateway import InMemoryPaymentGateway
from adapters.memory.saga_repositories import InMemoryDueSagas, InMemoryLateReplies
from adapters.system_clock import new_id
from application.delivery.drain_key import DrainKeyHandler
from application.delivery.handle_wake import HandleWakeHandler
from application.delivery.relay import RelayHandler
from application.inventory.receive_stock import ReceiveStock
from application.orders.amend_order import AmendOrder
from application.orders.cancel_order import CancelOrder
from application.orders.delete_order import DeleteOrder
from application.orders.deliver_order import DeliverOrder
from application.orders.fulfil_order import FulfilOrder
from application.orders.place_order import PlaceOrderHandler
from application.orders.return_order_lines import ReturnOrderLine, ReturnOrderLines
from application.orders.semantic_lock import OrderHeld
from application.orders.ship_order import ShipOrder
from application.ports.outbox import Wake
from application.ports.read_models import OrderView
from application.ports.sagas import SAGA_WAKE
from application.sagas.advance_saga import AdvanceSagaHandler
from builders import NOON
from domain.idempotency import RequestKey
from domain.inventory.product import UnknownSku
from domain.orders.fulfilment import FREE_ORDER_FULFILMENT, ORDER_FULFILMENT
from domain.orders.order import OrderStatusForbids
from domain.saga.progress import SagaStatus
from domain.saga.saga import PastThePivot, Saga, SagaEnded
from unit.application.house import House, an_order_of

ROUNDS_MAX = 50


class FulfillingHouse(House):
    """A house that fulfils its orders; `wakes` are those that nobody has handled yet."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.time = NOON
        self.now = self.clock
        self.database.now = self.clock
        self.wakes: list[Wake] = []
        self.gateway = InMemoryPaymentGateway(now=self.clock)
        steps = FulfilOrder(self.gateway, new_id)
        self.place_order = PlaceOrderHandler(
            self.open_unit_of_work, self.clock, new_id, self.back_offs.append, fulfils=True
        )
        self.relay = RelayHandler(
            InMemoryBacklog(self.database), self, due_sagas=InMemoryDueSagas(self.database)
        )
        drain_key = DrainKeyHandler(InMemoryMessageClaims(self.database), {}, self.open_unit_of_work)
        self.advance = AdvanceSagaHandler(
            late_replies=InMemoryLateReplies(self.database),
            steps=dict.fromkeys((ORDER_FULFILMENT.name, FREE_ORDER_FULFILMENT.name), steps),
            open_unit_of_work=self.open_unit_of_work,
            now=self.clock,
            new_id=new_id,
            jitter=lambda: 0.0,
        )
        self.worker = HandleWakeHandler(drain_key, self.advance)
        self.worker_without_gateway = HandleWakeHandler(drain_key, None)

    def clock(self) -> datetime:
        return self.time

    def wake(self, wakes: Sequence[Wake]) -> None:
        """As a queue does."""
        self.wakes += wakes

    def work(self) -> None:
        """Relay and worker do what is due now."""
        self.relay.handle()
        while self.wakes:
            self.worker.handle(self.wakes.pop())

    def work_until(self, is_done: Callable[[], bool]) -> None:
        """And so on, while time passes."""
        for _ in range(ROUNDS_MAX):
            self.work()
            if is_done():
                return
            self.time += timedelta(seconds=5)
        raise AssertionError("it is never done")

    def stocked_order(self, method: str = "tok_visa", quantity: int = 10) -> OrderView:
        """An order of two TEA-1, of which there are enough."""
        self.a_product()
        self.receive_stock.handle(ReceiveStock(sku="TEA-1", quantity=quantity), self.context)
        return self.an_order(payment_method=method)

    def order(self, order_id: UUID) -> OrderView:
        with self.views() as views:
            return views.order(order_id)

    def saga(self, order_id: UUID) -> Saga:
        with self.transaction() as uow:
            saga = uow.sagas.of_subject(order_id)
        assert saga is not None
        return saga

    def cancel(self, order: OrderView, reason: str = "changed my mind") -> OrderView:
        command = CancelOrder(order_id=order.id, expected_version=None, reason=reason)
        return self.cancel_order.handle(command, self.context).result


@pytest.fixture
def house() -> FulfillingHouse:
    return FulfillingHouse()


class TestAPlacedOrder:
    def test_is_confirmed_by_the_next_worker(self, house: FulfillingHouse) -> None:
        order = house.stocked_order()
        assert order.status == "pending"
        house.work()
        assert house.order(order.id).status == "confirmed"
        assert house.saga(order.id).status is SagaStatus.COMPLETED
        with house.views() as views:
            stock = views.stock("TEA-1")
        assert (stock.on_hand, stock.reserved, stock.sold) == (8, 0, 2)

    @pytest.mark.promise("S8", "H2")
    def test_has_one_saga_however_often_the_request_comes(self, house: FulfillingHouse) -> None:
        house.stocked_order()
        keyed = house.keyed(RequestKey.of("k", b"order"))
        answers = [house.place_order.handle(an_order_of("TEA-1"), keyed) for _ in range(2)]
        assert answers[0].result == answers[1].result
        house.relay.handle()
        assert len({wake.key for wake in house.wakes}) == len(house.wakes) == 2

    def test_that_is_refused_leaves_no_saga(self, house: FulfillingHouse) -> None:
        with pytest.raises(UnknownSku):
            house.an_order()
        house.relay.handle()
        assert house.wakes == []

    def test_that_costs_nothing_is_not_paid(self, house: FulfillingHouse) -> None:
        house.stocked_order()
        line = an_order_of("TEA-1").lines[0]
        free = house.an_order(lines=(type(line)(sku="TEA-1", quantity=1, unit_price="0.00"),))
        house.work()
        assert house.order(free.id).status == "confirmed"
        assert house.saga(free.id).definition is FREE_ORDER_FULFILMENT
        assert free.id not in {entry.order_id for entry in house.gateway.entries()}

    def test_is_fulfilled_with_others_if_it_had_to_wait(self, house: FulfillingHouse) -> None:
        orders = [house.stocked_order(), *(house.an_order() for _ in range(4))]
        house.relay.handle()
        house.time += timedelta(seconds=1)
        house.worker.handle(house.wakes.pop())
        assert {house.order(order.id).status for order in orders} == {"confirmed"}

    def test_is_fulfilled_by_itself_if_it_had_not(self, house: FulfillingHouse) -> None:
        orders = [house.stocked_order(), *(house.an_order() for _ in range(4))]
        house.relay.handle()
        house.worker.handle(house.wakes.pop())
        assert sorted(house.order(order.id).status for order in orders) == ["confirmed", *["pending"] * 4]

    def test_that_can_not_be_read_holds_up_no_other(self, house: FulfillingHouse) -> None:
        order, broken = house.stocked_order(), house.an_order()
        with house.transaction() as uow:
            stuck = uow.sagas.of_subject(broken.id)
        assert stuck is not None
        row = house.database.row((Saga.kind, house.tenant_id, stuck.id))
        assert row is not None
        row["definition"] = "of-another-version.7"
        house.relay.handle()
        house.time += timedelta(seconds=1)
        for wake in house.wakes:
            if wake.key != stuck.id:
                house.worker.handle(wake)
        assert house.order(order.id).status == "confirmed"

    @pytest.mark.promise("S10")
    def test_waits_for_a_worker_that_can_pay(self, house: FulfillingHouse) -> None:
        order = house.stocked_order()
        house.relay.handle()
        (wake,) = house.wakes
        assert (wake.consumer, wake.tenant_id) == (SAGA_WAKE, house.tenant_id)
        house.worker_without_gateway.handle(wake)
        house.wakes.clear()
        house.time += timedelta(seconds=5)
        house.work()
        assert house.order(order.id).status == "confirmed"

    def test_may_be_amended_meanwhile(self, house: FulfillingHouse) -> None:
        order = house.stocked_order("tok_flaky")
        house.work()
        command = AmendOrder(order_id=order.id, expected_version=1, note="ring twice")
        house.amend_order.handle(command, house.context)
        house.work_until(lambda: house.order(order.id).status == "confirmed")
        assert house.order(order.id).note == "ring twice"


class TestCancelling:
    @pytest.mark.promise("S11")
    def test_an_order_that_waits_for_payment_is_done_at_once(self, house: FulfillingHouse) -> None:
        order = house.stocked_order("tok_declined")
        house.work()
        cancelled = house.cancel(house.order(order.id))
        assert (cancelled.status, cancelled.cancel_reason) == ("cancelled", "changed my mind")
        assert cancelled == house.order(order.id)
        assert house.saga(order.id).status is SagaStatus.COMPENSATED

    @pytest.mark.promise("S4", "S11", "M1")
    def test_an_order_whose_payment_is_in_doubt_takes_until_that_is_known(
        self, house: FulfillingHouse
    ) -> None:
        order = house.stocked_order("tok_timeout_after_effect")
        house.work()
        answered = house.cancel(order)
        assert answered.status == "pending"
        assert house.saga(order.id).status is SagaStatus.COMPENSATING
        with pytest.raises(SagaEnded, match="compensating"):
            house.cancel(order)
        house.work_until(lambda: house.order(order.id).status == "cancelled")
        (entry,) = house.gateway.entries()
        assert (entry.voided, entry.captured.minor) == (True, 0)

    @pytest.mark.promise("S11")
    def test_after_the_pivot_is_refused_with_the_reason(self, house: FulfillingHouse) -> None:
        order = house.stocked_order("tok_capture_fails_then_ok")
        house.work()
        assert house.saga(order.id).position == 2
        with pytest.raises(PastThePivot, match="capture has begun"):
            house.cancel(order)
        house.work_until(lambda: house.order(order.id).status == "confirmed")
        with pytest.raises(PastThePivot, match="capture has begun"):
            house.cancel(order)


def _return(order_id: UUID) -> ReturnOrderLines:
    line = ReturnOrderLine(sku="TEA-1", quantity=1)
    return ReturnOrderLines(order_id=order_id, expected_version=None, lines=(line,), reason="torn")


COMMANDS: dict[str, Callable[[UUID], Any]] = {
    "ship_order": lambda order_id: ShipOrder(order_id=order_id, expected_version=None),
    "deliver_order": lambda order_id: DeliverOrder(order_id=order_id, expected_version=None),
    "return_order_lines": _return,
    "delete_order": functools.partial(DeleteOrder, expected_version=None, actor="me"),
}


@pytest.mark.promise("S13", "H7")
@pytest.mark.parametrize("name", COMMANDS)
def test_what_conflicts_is_refused_while_the_saga_holds_the_order(house: FulfillingHouse, name: str) -> None:
    order = house.stocked_order("tok_declined")
    house.work()
    make = COMMANDS[name]
    command = make(order_id=order.id) if isinstance(make, functools.partial) else make(order.id)
    keyed = house.keyed(RequestKey.of("k", b"content"))
    with pytest.raises(OrderHeld, match=str(order.id)):
        getattr(house, name).handle(command, keyed)
    house.cancel(order)
    if name == "delete_order":
        assert house.delete_order.handle(command, keyed).result.deleted_at is not None
        return
    with pytest.raises(OrderStatusForbids):  # the key was free, and the lock is gone
        getattr(house, name).handle(command, keyed)
