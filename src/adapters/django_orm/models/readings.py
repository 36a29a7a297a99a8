"""Readings, and what is written along with them: marks, latest values, and what was refused."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from domain.telemetry.batch import DETAIL_LENGTH_MAX, SENT_LENGTH_MAX

REASON_LENGTH_MAX = 32
REQUEST_ID_LENGTH_MAX = 128


class SensorReading(models.Model):
    """One reading, in a partition of its month; the key is what tells duplicates, so it names the series alone.

    A series belongs to one tenant: a key without the tenant is half as large, docs/decisions/0026-copy-writer.md.
    """

    pk = models.CompositePrimaryKey("series_id", "ts")
    tenant_id = models.UUIDField()
    series_id = models.BigIntegerField()
    ts = models.DateTimeField()
    value = models.FloatField()

    class Meta:
        db_table = "sensor_reading"


class DirtyMark(models.Model):
    """Readings were added to that hour of that series, and no rollup has taken them up (G1). Never updated."""

    pk = models.CompositePrimaryKey("tenant_id", "series_id", "hour", "id")
    tenant_id = models.UUIDField()
    series_id = models.BigIntegerField()
    hour = models.DateTimeField()
    id = models.BigIntegerField()

    class Meta:
        db_table = "dirty_mark"


class LatestReading(models.Model):
    """The newest reading of a series (G7)."""

    pk = models.CompositePrimaryKey("tenant_id", "series_id")
    tenant_id = models.UUIDField()
    series_id = models.BigIntegerField()
    ts = models.DateTimeField()
    value = models.FloatField()

    class Meta:
        db_table = "latest_reading"


class RejectedReading(models.Model):
    """A reading that was not stored, as it was sent, until somebody replays it (W3)."""

    pk = models.CompositePrimaryKey("tenant_id", "id")
    tenant_id = models.UUIDField()
    id = models.UUIDField()
    row = models.IntegerField()
    reason = models.CharField(max_length=REASON_LENGTH_MAX)
    detail = models.CharField(max_length=DETAIL_LENGTH_MAX)
    sent = models.CharField(max_length=SENT_LENGTH_MAX)
    request_id = models.CharField(max_length=REQUEST_ID_LENGTH_MAX)
    created_at = models.DateTimeField(db_default=Now())
    replayed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "rejected_reading"
        indexes = [
            # Those of one request; an answer names the first of them alone.
            models.Index(fields=["tenant_id", "request_id", "id"], name="rejected_by_request"),
            # Some reasons are rare among many.
            models.Index(fields=["tenant_id", "reason", "id"], name="rejected_by_reason"),
            # What a purge looks for.
            models.Index(fields=["created_at"], name="rejected_by_age"),
        ]
