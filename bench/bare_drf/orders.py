"""An order of one line in one row: model, serializer, view, address."""

# mypy: disable-error-code="var-annotated"

from __future__ import annotations

from django.db import models
from django.urls import path
from rest_framework.generics import CreateAPIView
from rest_framework.serializers import ModelSerializer

TABLE = "bench_bare_order"


class BareOrder(models.Model):
    """What one INSERT writes."""

    customer_ref = models.CharField(max_length=100)
    currency = models.CharField(max_length=3)
    payment_method = models.CharField(max_length=200)
    sku = models.CharField(max_length=64)
    quantity = models.IntegerField()
    unit_price = models.DecimalField(max_digits=18, decimal_places=2)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "bare_drf"
        db_table = TABLE


class BareOrderSerializer(ModelSerializer[BareOrder]):
    """All fields; DRF derives the checks from the model."""

    class Meta:
        model = BareOrder
        fields = "__all__"


class BareOrders(CreateAPIView[BareOrder]):
    """POST creates a row."""

    queryset = BareOrder.objects.all()
    serializer_class = BareOrderSerializer


urlpatterns = [path("orders", BareOrders.as_view())]
