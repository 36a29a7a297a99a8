"""Orders fulfilled on PostgreSQL over the real sandbox, by every behaviour it has, while it is killed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest

from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from application.ports.payment_gateway import LedgerEntry
from domain.saga.progress import SagaStatus
from integration.fulfilling import FulfilmentHouse
from integration.payment_gateway.gateway_process import GatewayProcess, gateway_process
from unit.contracts.threads import Threads

WORKERS: Final = 4
LATE_S: Final = "0.5"
SUCCEED: Final = (
    "tok_visa",
    "tok_slow",
    "tok_flaky",
    "tok_timeout_before_effect",
    "tok_timeout_after_effect",
    "tok_capture_fails_then_ok",
    "tok_late_success",
)
DECLINED: Final = ("tok_declined", "tok_insufficient_funds")
ORDERS_EACH: Final = 3
ON_HAND: Final = 1_000
SETTLED: Final = frozenset({SagaStatus.COMPLETED, SagaStatus.COMPENSATED, SagaStatus.WAITING})


@pytest.mark.timeout(180)
@pytest.mark.promise("S3", "S4", "M1", "M2")
def test_books_and_orders_say_the_same_whatever_the_gateway_does_and_though_it_is_killed(
    tenant_id: UUID, tmp_path: Path, release_thread: Callable[[], None]
) -> None:
    options = ("--slow-s", "0.1", "--late-s", LATE_S, "--hang-s", "0.2")
    with gateway_process(tmp_path, *options) as process, process.gateway(timeout_s=1.0) as gateway:
        house = FulfilmentHouse(tenant_id, gateway, on_hand=ON_HAND)
        for method in (*SUCCEED, *DECLINED):
            for _ in range(ORDERS_EACH):
                house.place(method)
        done = threading.Event()
        killer = threading.Thread(target=keep_killing, args=(process, house, done), daemon=True)
        killer.start()
        outcomes = Threads(release_thread).race(
            WORKERS, lambda _: house.work(until=SETTLED, skip=timedelta(milliseconds=300))
        )
        done.set()
        killer.join(30)
        assert [outcome.error for outcome in outcomes] == [None] * WORKERS
        require_same(house, {entry.order_id: entry for entry in gateway.entries() if entry.authorised.minor})


def keep_killing(process: GatewayProcess, house: FulfilmentHouse, done: threading.Event) -> None:
    """Three times, each while calls are on their way."""
    for _ in range(3):
        if done.wait(0.7):
            return
        house.time_passes.clear()
        process.kill()
        process.start()
        house.time_passes.set()


def require_same(house: FulfilmentHouse, books: dict[UUID, LedgerEntry]) -> None:
    """M1 and M2: each order against the gateway's own books, and the stock."""
    orders = house.orders()
    by_method: Counter[tuple[str, str]] = Counter(
        (house.methods[order.id], order.status.value) for order in orders
    )
    assert by_method == {
        **{(method, "confirmed"): ORDERS_EACH for method in SUCCEED},
        **{(method, "awaiting_payment"): ORDERS_EACH for method in DECLINED},
    }
    paid = [order for order in orders if order.status.value == "confirmed"]
    assert books.keys() == {order.id for order in paid}
    for order in paid:
        entry = books[order.id]
        assert (entry.captured, entry.voided) == (order.total, False)
        with DjangoUnitOfWork(house.context) as uow:
            (payment,) = uow.payments.of_order(order.id)
        assert (payment.status.value, payment.gateway_id) == ("captured", entry.payment_id)
    with DjangoUnitOfWork(house.context) as uow:
        item = uow.stock_items.get_for_update(house.product.sku)
    assert (item.sold, item.reserved, item.on_hand) == (len(paid), 0, ON_HAND - len(paid))
