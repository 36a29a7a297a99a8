"""The addresses of the API, and what answers where Django itself would."""

from __future__ import annotations

import logging
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.urls import path, register_converter
from django.urls.converters import StringConverter

from domain.errors import InvalidInput
from entrypoints.http_messages.influx_request import Dialect
from entrypoints.rest_api import (
    devices,
    influx,
    intakes,
    metrics,
    operators,
    ops,
    orders,
    payment_callbacks,
    payments,
    products,
    readings,
    rejects,
    sagas,
)
from entrypoints.rest_api.answers import failed, refused

_log: Final = logging.getLogger("holdwater.api")


class AnyText(StringConverter):
    """A segment that may hold every character once it is decoded, slashes and line breaks too."""

    regex = r"[\s\S]+"


register_converter(AnyText, "text")

urlpatterns: Final = [
    path("v1/orders", orders.Orders.as_view()),
    path("v1/orders/<str:order_id>", orders.OneOrder.as_view()),
    path("v1/orders/<str:order_id>/cancel", orders.OrderCancellation.as_view()),
    path("v1/orders/<str:order_id>/ship", orders.OrderShipment.as_view()),
    path("v1/orders/<str:order_id>/deliver", orders.OrderDelivery.as_view()),
    path("v1/orders/<str:order_id>/returns", orders.OrderReturns.as_view()),
    path("v1/orders/<str:order_id>/restore", orders.OrderRestoration.as_view()),
    path("v1/orders/<str:order_id>/events", orders.OrderEvents.as_view()),
    path("v1/orders/<str:order_id>/payments", payments.OrderPayments.as_view()),
    path("v1/payments/<str:payment_id>", payments.OnePayment.as_view()),
    path("v1/orders/<str:order_id>/saga", sagas.OrderSaga.as_view()),
    path("v1/payments/<str:payment_id>/refunds", payments.PaymentRefunds.as_view()),
    path("v1/payment-callbacks/<str:gateway>", payment_callbacks.payment_callback),
    path("v1/customers/<text:customer_ref>/orders", orders.CustomerOrders.as_view()),
    path("v1/products", products.Products.as_view()),
    path("v1/products/<str:sku>", products.OneProduct.as_view()),
    path("v1/products/<str:sku>/restore", products.ProductRestoration.as_view()),
    path("v1/products/<str:sku>/stock", products.ProductStock.as_view()),
    path("v1/products/<str:sku>/receipts", products.StockReceipts.as_view()),
    path("v1/products/<str:sku>/adjustments", products.StockAdjustments.as_view()),
    path("v1/readings", readings.Readings.as_view()),
    path("v1/readings/latest", readings.LatestReadings.as_view()),
    path("v1/readings/intakes/<str:intake_id>", intakes.OneIntake.as_view()),
    path("v1/rejects", rejects.Rejects.as_view()),
    path("v1/rejects/<str:reject_id>/replay", rejects.RejectReplay.as_view()),
    path("v1/devices", devices.Devices.as_view()),
    path("v1/devices/<str:device_id>", devices.OneDevice.as_view()),
    path("v1/devices/<str:device_id>/restore", devices.DeviceRestoration.as_view()),
    path("v1/ops/lag", ops.Lag.as_view()),
    path("v1/ops/dead-letters", ops.DeadLetters.as_view()),
    path("v1/ops/dead-letters/<str:message_id>/replay", ops.DeadLetterReplay.as_view()),
    path("v1/ops/sagas", sagas.Sagas.as_view()),
    path("v1/ops/sagas/<str:saga_id>", sagas.OneSaga.as_view()),
    path("v1/ops/sagas/<str:saga_id>/retry", sagas.SagaStepRetry.as_view()),
    path("v1/ops/sagas/<str:saga_id>/skip", sagas.SagaStepSkip.as_view()),
    path("v1/ops/sagas/<str:saga_id>/compensate", sagas.SagaCompensation.as_view()),
    path("v1/ops/late-replies", sagas.LateReplies.as_view()),
    path("v1/openapi.json", operators.get_only(operators.openapi)),
    path("api/v2/write", influx.served(influx.write, "POST")),
    path("api/v2/orgs", influx.served(influx.organisations, "GET", "HEAD")),
    path("api/v2/buckets", influx.served(influx.buckets, "GET", "HEAD")),
    path("api/v2/query", influx.served(influx.flux, "POST")),
    path("api/v2/<text:rest>", influx.served(influx.unknown)),
    path("ping", influx.served(influx.ping, "GET", "HEAD")),
    path("health", influx.served(influx.health, "GET", "HEAD")),
    path("ready", influx.served(influx.ready, "GET", "HEAD")),
    path("write", influx.served(influx.write, "POST", dialect=Dialect.V1)),
    path("query", influx.served(influx.statement, "POST", dialect=Dialect.V1)),
    path("livez", operators.get_only(operators.livez)),
    path("readyz", operators.get_only(operators.readyz)),
    path("metrics", operators.get_only(metrics.metrics)),
    path("docs", operators.get_only(operators.swagger_ui)),
    path("docs/assets/<str:name>", operators.get_only(operators.swagger_asset)),
    path("docs/problems", operators.get_only(operators.problem_list)),
    path("docs/problems/", operators.get_only(operators.problem_list)),
    path("docs/problems/<str:code>", operators.get_only(operators.problem)),
]


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: it found the request suspicious."""
    refusal = InvalidInput(field="request", problem=f"is malformed ({type(exception).__name__})")
    return refused(refusal, request.ids.request_id)  # type: ignore[attr-defined]


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: something failed outside of the API's views; Django has logged it."""
    return failed(request.ids.request_id)  # type: ignore[attr-defined]
