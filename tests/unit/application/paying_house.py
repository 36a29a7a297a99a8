"""A house that fulfils its orders, with everything that is done to payments."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from adapters.system_clock import new_id
from application.orders.deliver_order import DeliverOrder
from application.orders.return_order_lines import ReturnOrderLine, ReturnOrderLines
from application.orders.ship_order import ShipOrder
from application.payments.pay_again import PayAgainHandler
from application.payments.refund_payment import CarryOutRefund, RefundPayment, RefundPaymentHandler
from application.ports.payment_view import PaymentView
from application.ports.read_models import OrderView
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

    def returned(self, order_id: UUID, quantity: int = 1, *, restock: bool = True) -> OrderView:
        """So many TEA-1 of a confirmed order came back, after it was delivered."""
        if self.order(order_id).status != "delivered":
            self.ship_order.handle(ShipOrder(order_id=order_id, expected_version=None), self.context)
            self.deliver_order.handle(DeliverOrder(order_id=order_id, expected_version=None), self.context)
        command = ReturnOrderLines(
            order_id=order_id,
            expected_version=None,
            lines=(ReturnOrderLine(sku="TEA-1", quantity=quantity),),
            reason="broken",
            restock=restock,
        )
        return self.return_order_lines.handle(command, self.context).result
