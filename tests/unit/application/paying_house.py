"""A house that fulfils its orders, with everything that is done to payments."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from adapters.system_clock import new_id
from application.payments.pay_again import PayAgainHandler
from application.payments.refund_payment import CarryOutRefund, RefundPayment, RefundPaymentHandler
from application.ports.payment_view import PaymentView
from domain.payments.refund import REFUND_SAGA
from unit.application.test_orders_in_fulfilment import FulfillingHouse


class PayingHouse(FulfillingHouse):
    """See the module."""

    def __post_init__(self) -> None:
        super().__post_init__()
        steps = {**self.advance.steps, REFUND_SAGA.name: CarryOutRefund(self.gateway)}
        self.advance = replace(self.advance, steps=steps)
        self.worker = replace(self.worker, advance_saga=self.advance)
        self.refund_payment = RefundPaymentHandler(
            self.open_unit_of_work, self.clock, new_id, self.back_offs.append
        )
        self.pay_again = PayAgainHandler(self.open_unit_of_work, self.clock, new_id, self.back_offs.append)

    def payments(self, order_id: UUID) -> tuple[PaymentView, ...]:
        with self.views() as views:
            return views.order_payments(order_id)

    def paid_order(self, method: str = "tok_visa") -> PaymentView:
        """The payment of an order that is confirmed: 8.40 EUR."""
        order = self.stocked_order(method)
        self.work_until(lambda: self.order(order.id).status == "confirmed")
        return self.payments(order.id)[-1]

    def payment(self, payment_id: UUID) -> PaymentView:
        with self.views() as views:
            return views.payment(payment_id)

    def refund(self, payment: PaymentView, amount: str | None = None) -> PaymentView:
        command = RefundPayment(payment_id=payment.id, amount=amount, reason="broken")
        return self.refund_payment.handle(command, self.context).result
