"""What can be asked about the payments of orders."""

from __future__ import annotations

from typing import Final

from application.payments.pay_again import PayAgain
from application.payments.refund_payment import RefundPayment
from application.ports.payment_view import PaymentView
from domain.access import Scope
from domain.errors import Gone, NotFound
from domain.orders.order import OrderStatusForbids
from domain.payments.payment import (
    PaymentStatusForbids,
    RefundTooLarge,
    TooManyPaymentTries,
    TooManyRefunds,
)
from domain.saga.saga import SagaNotWaiting
from domain.soft_deletion import GoneForGood
from entrypoints.http_messages.operation import Operation, body_of

PAY_AGAIN: Final = Operation(
    id="payAgain", method="POST", path="/v1/orders/{order_id}/payments",
    summary="Try again to pay for an order whose payment was declined",
    scope=Scope.ORDERS_WRITE, result=PaymentView, status=201, gives_location=True, takes_key=True, needs_key=True,
    body=body_of(PayAgain),
    own_refusals=(NotFound, Gone, GoneForGood, OrderStatusForbids, SagaNotWaiting, TooManyPaymentTries),
    note="Answers the payment as it is asked for; its address tells what the gateway says. An order waits for a "
    "further try while it is `awaiting_payment`, until its saga's time limit. The first payment of an order is made "
    "when the gateway has answered for the first time.",
)  # fmt: skip
LIST_ORDER_PAYMENTS: Final = Operation(
    id="listOrderPayments", method="GET", path="/v1/orders/{order_id}/payments",
    summary="List the tries to pay for an order, oldest first; also of a deleted one",
    scope=Scope.ORDERS_READ, result=PaymentView, is_list=True, gives_tag=False, own_refusals=(NotFound,),
    note="All of them on one page.",
)  # fmt: skip
READ_PAYMENT: Final = Operation(
    id="readPayment", method="GET", path="/v1/payments/{payment_id}", summary="Read a payment",
    scope=Scope.ORDERS_READ, result=PaymentView, own_refusals=(NotFound,),
    note="Payments stay on the books, also when their order is deleted.",
)  # fmt: skip
REFUND_PAYMENT: Final = Operation(
    id="refundPayment", method="POST", path="/v1/payments/{payment_id}/refunds",
    summary="Give money of a payment back, whole or a part",
    scope=Scope.PAYMENTS_REFUND, result=PaymentView, status=202, takes_key=True, needs_key=True,
    body=body_of(RefundPayment),
    own_refusals=(NotFound, PaymentStatusForbids, RefundTooLarge, TooManyRefunds),
    note="Answers the payment with the refund as it is asked for; a worker carries it out, and the payment tells what "
    "became of it. What is asked for is set aside at once, so that all refunds together never exceed what was taken.",
)  # fmt: skip

PAYMENT_OPERATIONS: Final = (PAY_AGAIN, LIST_ORDER_PAYMENTS, READ_PAYMENT, REFUND_PAYMENT)
