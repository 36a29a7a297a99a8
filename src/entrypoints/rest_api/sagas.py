"""Sagas over HTTP: how orders are fulfilled, and what operators do where that got stuck."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request

from entrypoints.http_messages.operation import by_method
from entrypoints.http_messages.saga_answer import saga_journal_answer
from entrypoints.http_messages.saga_operations import READ_ORDER_SAGA
from entrypoints.rest_api.api_view import ApiView
from entrypoints.rest_api.orders import known_order_id
from entrypoints.rest_api.wiring import container


class OrderSaga(ApiView):
    """/v1/orders/{order_id}/saga"""

    operations = by_method(READ_ORDER_SAGA)

    def get(self, request: Request, order_id: str) -> HttpResponse:
        """The order's saga."""
        found = container().saga_views().of_subject(self.context.tenant_id, known_order_id(order_id))
        return self.shown(saga_journal_answer(found))
