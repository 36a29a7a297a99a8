"""Payments over HTTP."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request

from application.payments.pay_again import PayAgain
from application.payments.refund_payment import RefundPayment
from domain.payments.payment import Payment
from entrypoints.http_messages.operation import by_method
from entrypoints.http_messages.payment_operations import (
    LIST_ORDER_PAYMENTS,
    PAY_AGAIN,
    READ_PAYMENT,
    REFUND_PAYMENT,
)
from entrypoints.rest_api.addresses import known_id
from entrypoints.rest_api.api_view import ApiView
from entrypoints.rest_api.orders import known_order_id
from entrypoints.rest_api.wiring import container


class OrderPayments(ApiView):
    """/v1/orders/{order_id}/payments"""

    operations = by_method(LIST_ORDER_PAYMENTS, PAY_AGAIN)

    def get(self, request: Request, order_id: str) -> HttpResponse:
        """Every try; there are few, so they make one page."""
        found_id = known_order_id(order_id)
        with container().read_models(self.context.tenant_id) as views:
            return self.listed(views.order_payments(found_id), None)

    def post(self, request: Request, order_id: str) -> HttpResponse:
        """Try again."""
        command = PayAgain(order_id=known_order_id(order_id), **self.fields)
        answer = container().pay_again().handle(command, self.context)
        return self.answer(answer, location=f"/v1/payments/{answer.result.id}")


class OnePayment(ApiView):
    """/v1/payments/{payment_id}"""

    operations = by_method(READ_PAYMENT)

    def get(self, request: Request, payment_id: str) -> HttpResponse:
        """The payment as it stands."""
        found_id = known_id(Payment.kind, payment_id)
        with container().read_models(self.context.tenant_id) as views:
            return self.shown(views.payment(found_id))


class PaymentRefunds(ApiView):
    """/v1/payments/{payment_id}/refunds"""

    operations = by_method(REFUND_PAYMENT)

    def post(self, request: Request, payment_id: str) -> HttpResponse:
        """Give money back."""
        command = RefundPayment(payment_id=known_id(Payment.kind, payment_id), **self.fields)
        return self.answer(container().refund_payment().handle(command, self.context))
