"""Devices, the series of their readings, and what a tenant has settled about both."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from adapters.django_orm.models.abstract import SoftDeleteModel, TimeStampedModel, VersionedModel
from domain.telemetry.device import DESCRIPTION_LENGTH_MAX
from domain.telemetry.reading import DEVICE_NAME_LENGTH_MAX, METRIC_LENGTH_MAX


class Device(TimeStampedModel, VersionedModel, SoftDeleteModel):
    """One row a device. The name is unique among live devices, so a deleted one's is free again (D2)."""

    pk = models.CompositePrimaryKey("tenant_id", "id")
    tenant_id = models.UUIDField()
    id = models.UUIDField()
    name = models.CharField(max_length=DEVICE_NAME_LENGTH_MAX)
    description = models.CharField(max_length=DESCRIPTION_LENGTH_MAX)

    class Meta(SoftDeleteModel.Meta):
        abstract = False
        db_table = "device"
        constraints = [
            *VersionedModel.Meta.constraints,
            *SoftDeleteModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant_id", "name"], condition=Q(deleted_at__isnull=True), name="device_name_unique"
            ),
        ]
        indexes = [
            # The list of devices, walked backwards: newest first.
            models.Index(fields=["tenant_id", "created_at", "id"], name="device_by_age"),
            # The list of deleted devices; live rows cost it nothing.
            models.Index(
                fields=["tenant_id", "created_at", "id"],
                condition=Q(deleted_at__isnull=False),
                name="device_deleted_by_age",
            ),
            # Those of one name, live and deleted; tells a deleted name from one that never was.
            models.Index(fields=["tenant_id", "name", "created_at", "id"], name="device_by_name"),
        ]


class Series(models.Model):
    """One row for each device, metric and set of labels; never changed. The id is unique across tenants.

    `labels` is JSON text with sorted names. The digest stands for it in the key: an index entry has at most 2,704
    bytes, which escaped labels can exceed.
    """

    pk = models.CompositePrimaryKey("tenant_id", "id")
    tenant_id = models.UUIDField()
    id = models.BigIntegerField()
    device_id = models.UUIDField()
    metric = models.CharField(max_length=METRIC_LENGTH_MAX)
    labels = models.TextField()
    labels_digest = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "series"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "device_id", "metric", "labels_digest"], name="series_key_unique"
            ),
        ]


class TelemetrySetting(models.Model):
    """At most one row a tenant; none means the defaults.

    `deletions` counts deletions of devices, `series_count` the rows of `series`; triggers keep both.
    """

    tenant_id = models.UUIDField(primary_key=True)
    registers_devices = models.BooleanField(db_default=True)
    deletions = models.BigIntegerField(db_default=0)
    series_count = models.BigIntegerField(db_default=0)

    class Meta:
        db_table = "telemetry_setting"
