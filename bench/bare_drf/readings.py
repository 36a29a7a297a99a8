"""Readings in bulk as they are usually taken in: a serializer for many, then `bulk_create`.

The table has a key of its own and a unique (sensor, time); what is there already is passed over.
"""

# mypy: disable-error-code="var-annotated"

from __future__ import annotations

from typing import Any

from django.db import models
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ModelSerializer
from rest_framework.views import APIView

TABLE = "bench_bare_reading"
BATCH_SIZE = 1_000


class BareReading(models.Model):
    """A reading; the sensor is known by its number, so that no row costs a look-up."""

    id = models.BigAutoField(primary_key=True)
    sensor = models.BigIntegerField()
    ts = models.DateTimeField()
    value = models.FloatField()

    class Meta:
        app_label = "bare_drf"
        db_table = TABLE
        constraints = (models.UniqueConstraint(fields=["sensor", "ts"], name="bench_bare_reading_unique"),)


class BareReadingSerializer(ModelSerializer[BareReading]):
    """Without the check for uniqueness that DRF would derive: it asks the database for each row."""

    class Meta:
        model = BareReading
        fields = ("sensor", "ts", "value")
        validators: tuple[Any, ...] = ()


class BareReadings(APIView):
    """POST takes a list; it is one transaction, since `bulk_create` is. The answer is short."""

    def post(self, request: Request) -> Response:
        """Store what is not there; how many rows came."""
        serializer = BareReadingSerializer(data=request.data, many=True)
        serializer.is_valid(raise_exception=True)
        rows = [BareReading(**row) for row in serializer.validated_data]
        BareReading.objects.bulk_create(rows, batch_size=BATCH_SIZE, ignore_conflicts=True)
        # How many of them were new is not known: the ORM does not say.
        return Response({"accepted": len(rows), "duplicate": 0}, 201)


urlpatterns = [path("readings", BareReadings.as_view())]
