"""Orders of one product for one tenant on PostgreSQL, and workers that fulfil them over any gateway."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connections

from adapters.django_orm.saga_repositories import DjangoDueSagas, DjangoLateReplies
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.system_clock import new_id
from application.orders.fulfil_order import FulfilOrder
from application.payments.refund_payment import CarryOutRefund
from application.ports.payment_gateway import PaymentGateway
from application.sagas.advance_saga import AdvanceSagaHandler
from builders import a_context, a_product, an_order, stock_of
from domain.inventory.product import Product
from domain.money import Money
from domain.orders.fulfilment import ORDER_FULFILMENT
from domain.orders.order import Order
from domain.payments.refund import REFUND_SAGA
from domain.saga.progress import SagaStatus
from domain.saga.saga import Saga

WORK_MAX_S: Final = 150.0
IDLE_S: Final = 0.01
DUE_MAX: Final = 100


def now() -> datetime:
    return datetime.now(UTC)


class FulfilmentHouse:
    """`sagas` has each saga's order, `methods` each order's payment method.

    While `time_passes` is not set no pause is skipped: an outage takes as long for the sagas as for everybody.
    """

    def __init__(self, tenant_id: UUID, gateway: PaymentGateway, *, on_hand: int) -> None:
        self.context = a_context(tenant_id=tenant_id)
        self.product: Product = a_product()
        with DjangoUnitOfWork(self.context) as uow:
            uow.products.save(self.product)
            uow.stock_items.save(stock_of(self.product, on_hand=on_hand))
        self.time_passes = threading.Event()
        self.time_passes.set()
        self.sagas: dict[UUID, UUID] = {}
        self.methods: dict[UUID, str] = {}
        self._handler = AdvanceSagaHandler(
            late_replies=DjangoLateReplies(),
            steps={
                ORDER_FULFILMENT.name: FulfilOrder(gateway, new_id),
                REFUND_SAGA.name: CarryOutRefund(gateway),
            },
            open_unit_of_work=DjangoUnitOfWork,
            now=now,
            new_id=new_id,
            jitter=lambda: 0.5,
        )

    def place(self, method: str) -> UUID:
        """An order, and its saga with it; the order's id."""
        order = an_order().with_line(self.product).with_(payment_method=method).placed()
        saga = Saga.start(ORDER_FULFILMENT, id=new_id(), subject_id=order.id, at=now())
        with DjangoUnitOfWork(self.context) as uow:
            uow.orders.save(order)
            uow.sagas.save(saga)
        self.sagas[saga.id], self.methods[order.id] = order.id, method
        return order.id

    def refund(self, order_id: UUID, amount: Money) -> None:
        """So much of the order's first payment, as far as it goes now."""
        refund_id, saga_id = new_id(), new_id()
        with DjangoUnitOfWork(self.context) as uow:
            payment = uow.payments.of_order(order_id)[0]
            payment.request_refund(refund_id, amount, reason="arrived open", at=now())
            uow.payments.save(payment)
            uow.sagas.save(Saga.start(REFUND_SAGA, id=saga_id, subject_id=refund_id, at=now()))
        self._handler.handle(self.context.tenant_id, saga_id)

    def advance(self, order_id: UUID) -> None:
        """The saga of that order, as far as it goes now."""
        for saga_id, subject_id in self.sagas.items():
            if subject_id == order_id:
                self._handler.handle(self.context.tenant_id, saga_id)

    def work(self, *, until: Collection[SagaStatus], skip: timedelta, uninvited: bool = False) -> None:
        """Advance what is due until all sagas stand at one of these; between rounds that much of pauses is skipped.

        `uninvited`: try every saga as well, whether or not it is due or somebody else is at it.
        """
        deadline = time.monotonic() + WORK_MAX_S
        while time.monotonic() < deadline:
            if all(self.saga(saga_id).status in until for saga_id in self.sagas):
                return
            own = self.context.tenant_id
            due = [saga_id for tenant_id, saga_id in DjangoDueSagas().due(DUE_MAX) if tenant_id == own]
            self._handler.handle_all(own, due)
            for saga_id in self.sagas if uninvited else ():
                self._handler.handle(self.context.tenant_id, saga_id)
            if self.time_passes.is_set():
                self._skip(skip)
            if not due:
                time.sleep(IDLE_S)
        raise AssertionError(f"sagas are not where they should be after {WORK_MAX_S:.0f} s")

    def saga(self, saga_id: UUID) -> Saga:
        """In a transaction of its own: who locks several in turn may stop those who work on them."""
        with DjangoUnitOfWork(self.context) as uow:
            return uow.sagas.get(saga_id)

    def orders(self) -> list[Order]:
        """All of them, as they stand."""
        with DjangoUnitOfWork(self.context) as uow:
            return [uow.orders.get(order_id) for order_id in self.sagas.values()]

    def _skip(self, pause: timedelta) -> None:
        """No claim runs out by it."""
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "UPDATE saga SET due_at = due_at - make_interval(secs => %(s)s),"
                " wake_at = wake_at - make_interval(secs => %(s)s)"
                " WHERE tenant_id = %(of)s AND id IN (SELECT id FROM saga WHERE tenant_id = %(of)s"
                " AND leased_until IS NULL AND due_at IS NOT NULL FOR UPDATE SKIP LOCKED)",
                {"s": pause.total_seconds(), "of": self.context.tenant_id},
            )
