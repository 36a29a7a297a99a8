"""A shop in memory whose every port call and commit can be the last thing that a worker does."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

from adapters.memory.database import InMemoryDatabase
from adapters.memory.saga_repositories import InMemoryLateReplies
from adapters.memory.unit_of_work import InMemoryUnitOfWork
from adapters.system_clock import new_id
from application.orders.cancel_order import CancelOrder, CancelOrderHandler
from application.orders.fulfil_order import FulfilOrder
from application.ports.sagas import SAGA_LEASE_S
from application.sagas.advance_saga import AdvanceSagaHandler
from builders import NOON, a_context, a_product, an_order, stock_of
from domain.orders.fulfilment import FREE_ORDER_FULFILMENT, ORDER_FULFILMENT
from domain.orders.order import Order, OrderStatusForbids
from domain.saga.progress import ENDED, SagaStatus
from domain.saga.saga import PastThePivot, Saga, SagaEnded
from simulation.bank import Bank

ROUNDS_MAX: Final = 200
QUANTITY: Final = 2


class Crash(BaseException):
    """The worker is gone; nothing may catch it."""


class Points:
    """Counts the points at which a worker may end, and ends it at the chosen one."""

    def __init__(self) -> None:
        self.passed = 0
        self.names: list[str] = []
        self.crash_at: int | None = None

    def arm(self, at: int | None) -> None:
        """Count from one again; None: no crash."""
        self.passed, self.names, self.crash_at = 0, [], at

    def point(self, name: str) -> None:
        """May be the end."""
        self.passed += 1
        self.names.append(name)
        if self.passed == self.crash_at:
            raise Crash(name)


class Fragile:
    """A port whose every call has a point before it and one after it."""

    def __init__(self, inner: Any, name: str, points: Points) -> None:
        self._inner, self._name, self._points = inner, name, points

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(self._inner, attribute)
        if not callable(value):
            return value

        @functools.wraps(value)
        def call(*args: Any, **kwargs: Any) -> Any:
            self._points.point(f"before {self._name}.{attribute}")
            result = value(*args, **kwargs)
            self._points.point(f"after {self._name}.{attribute}")
            return result

        return call


class FragileUnitOfWork(InMemoryUnitOfWork):
    """May end before its commit, or right after it."""

    points: Points

    def __enter__(self) -> Self:
        self.points.point("begin")
        return super().__enter__()

    def __exit__(self, exc_type: Any, exc: Any, traceback: Any) -> None:
        if exc_type is None:
            try:
                self.points.point("before commit")
            except Crash as crash:
                super().__exit__(Crash, crash, None)
                raise
        super().__exit__(exc_type, exc, traceback)
        if exc_type is None:
            self.points.point("after commit")


@dataclass(frozen=True)
class Ending:
    """How it all stands in the end, for comparison."""

    order: str
    saga: str
    payments: tuple[tuple[str, int], ...]
    ledger: tuple[tuple[int, int, bool], ...]
    stock: tuple[int, int, int]


class CrashWorld:
    """One order on its way, a bank, and workers that come one after the other."""

    def __init__(self, method: str, *, on_hand: int = 10, price: str = "4.20") -> None:
        self.at = NOON
        self.points = Points()
        self.bank = Bank(self.now)
        self.database = InMemoryDatabase(now=self.now)
        self.context = a_context()
        product = a_product()
        item = stock_of(product, on_hand=on_hand)
        self.sku = product.sku
        self.order = (
            an_order().with_line(product, quantity=QUANTITY, price=price).with_(payment_method=method)
        )
        order = self.order.placed()
        definition = ORDER_FULFILMENT if order.total.minor else FREE_ORDER_FULFILMENT
        self.saga_id, self.order_id = new_id(), order.id
        with self.open(self.context) as uow:
            uow.products.save(product)
            uow.stock_items.save(item)
            uow.orders.save(order)
            uow.sagas.save(Saga.start(definition, id=self.saga_id, subject_id=order.id, at=NOON))
        steps = FulfilOrder(Fragile(self.bank, "bank", self.points), new_id)
        points = self.points

        class Unit(FragileUnitOfWork):
            pass

        Unit.points = points
        self.handler = AdvanceSagaHandler(
            late_replies=Fragile(InMemoryLateReplies(self.database), "late replies", points),
            steps={ORDER_FULFILMENT.name: steps, FREE_ORDER_FULFILMENT.name: steps},
            open_unit_of_work=functools.partial(Unit, database=self.database),
            now=self.now,
            new_id=new_id,
            jitter=lambda: 0.0,
        )

    def now(self) -> datetime:
        return self.at

    def open(self, context: Any) -> InMemoryUnitOfWork:
        return InMemoryUnitOfWork(context, database=self.database)

    def saga(self) -> Saga:
        with self.open(self.context) as uow:
            return uow.sagas.get(self.saga_id)

    def stored_order(self) -> Order:
        with self.open(self.context) as uow:
            return uow.orders.get(self.order_id)

    def work(self, *, until: Callable[[Saga], bool] = lambda saga: False) -> None:
        """Workers advance the saga, and time passes, until it has ended or waits for nobody."""
        for _ in range(ROUNDS_MAX):
            self.handler.handle(self.context.tenant_id, self.saga_id)
            saga = self.saga()
            if saga.status in ENDED or saga.due_at is None or until(saga):
                return
            self.at = max(self.at + timedelta(milliseconds=1), saga.due_at)
        raise AssertionError(f"the saga never ends: {self.saga().steps}")

    def recover(self) -> None:
        """The dead worker's claim has run out."""
        self.at += timedelta(seconds=SAGA_LEASE_S)

    def cancel(self) -> None:
        """As a caller would, who takes no for an answer."""
        cancel = CancelOrderHandler(self.open, self.now, new_id, back_off=lambda _: None)
        with suppress(PastThePivot, SagaEnded, OrderStatusForbids):
            cancel.handle(
                CancelOrder(order_id=self.order_id, expected_version=None, reason="changed my mind"),
                self.context,
            )

    def ending(self) -> Ending:
        with self.open(self.context) as uow:
            order, saga = uow.orders.get(self.order_id), uow.sagas.get(self.saga_id)
            payments = uow.payments.of_order(self.order_id)
            item = uow.stock_items.get_for_update(self.sku)
            assert not item.reservations or saga.status not in ENDED
        return Ending(
            order=order.status.value,
            saga=saga.status.value,
            payments=tuple((payment.status.value, payment.attempt) for payment in payments),
            ledger=tuple(
                (account.authorised, account.captured, account.voided)
                for account in self.bank.accounts.values()
            ),
            stock=(item.on_hand, item.reserved, item.sold),
        )

    def require_conservation(self) -> None:
        """M1 and M2, from the bank's ledger and the stock's figures alone."""
        end = self.ending()
        total = self.order.placed().total.minor if end.order == "confirmed" else 0
        assert sum(captured for _, captured, _ in end.ledger) == total, end
        for authorised, captured, voided in end.ledger:
            assert (captured == authorised) != voided, end
        assert end.stock[1] == 0, end
        assert end.stock[2] == (QUANTITY if end.order == "confirmed" else 0), end
        assert SagaStatus(end.saga) in ENDED, end
