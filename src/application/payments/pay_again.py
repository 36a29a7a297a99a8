"""Try again to pay for an order whose payment was declined."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.conflict_retry import retry_on_conflict
from application.ports.clock import BackOff, Clock, NewId
from application.ports.payment_view import PaymentView
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.run_once import run_once
from domain.payments.payment import Payment
from domain.saga.saga import SagaNotWaiting


@dataclass(frozen=True, slots=True, kw_only=True)
class PayAgain:
    """Which order, and by which method: the gateway's token."""

    order_id: UUID
    payment_method: str


@dataclass(frozen=True)
class PayAgainHandler:
    """Order, saga and a payment that is asked for, in one transaction; the gateway is called after it, by the saga."""

    open_unit_of_work: OpenUnitOfWork
    now: Clock
    new_id: NewId
    back_off: BackOff

    @retry_on_conflict(tries_max=3)
    @run_once(PaymentView)
    def handle(self, command: PayAgain, uow: UnitOfWork) -> PaymentView:
        """Raises NotFound, Gone, OrderStatusForbids, SagaNotWaiting, TooManyPaymentTries, InvalidInput."""
        saga = uow.sagas.of_subject(
            command.order_id
        )  # and holds it, so that the order is read as it leaves it
        order = uow.orders.get(command.order_id)
        order.pay_again(command.payment_method, at=self.now())
        if saga is None:
            raise SagaNotWaiting(status="not there")
        payment = Payment.request(
            id=self.new_id(),
            order_id=order.id,
            attempt=saga.try_anew(at=self.now()),
            amount=order.total,
            method=order.payment_method,
            at=self.now(),
        )
        uow.orders.save(order)
        uow.sagas.save(saga)
        uow.payments.save(payment)
        return PaymentView.of(payment)
