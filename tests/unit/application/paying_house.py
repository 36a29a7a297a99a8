"""A house that fulfils its orders, with everything that is done to payments."""

from __future__ import annotations

from uuid import UUID

from adapters.system_clock import new_id
from application.payments.pay_again import PayAgainHandler
from application.ports.payment_view import PaymentView
from unit.application.test_orders_in_fulfilment import FulfillingHouse


class PayingHouse(FulfillingHouse):
    """See the module."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.pay_again = PayAgainHandler(self.open_unit_of_work, self.clock, new_id, self.back_offs.append)

    def payments(self, order_id: UUID) -> tuple[PaymentView, ...]:
        with self.views() as views:
            return views.order_payments(order_id)
