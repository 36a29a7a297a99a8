"""Batches of readings on their way in, and the bytes that they wait to be loaded from."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from adapters.django_orm.models.abstract import TimeStampedModel, VersionedModel
from domain.telemetry.batch import DETAIL_LENGTH_MAX
from domain.telemetry.intake import IntakeStatus
from domain.telemetry.reading import DEVICE_NAME_LENGTH_MAX, METRIC_LENGTH_MAX

CODE_LENGTH_MAX = 64
WORD_LENGTH_MAX = 16
"""Of names out of a fixed list: statuses, wire forms, units, modes."""


class Intake(TimeStampedModel, VersionedModel):
    """One row for each batch that was taken in as it was sent. It stays when the batch is loaded: the body goes."""

    pk = models.CompositePrimaryKey("tenant_id", "id")
    tenant_id = models.UUIDField()
    id = models.UUIDField()
    status = models.CharField(max_length=WORD_LENGTH_MAX)
    form = models.CharField(max_length=WORD_LENGTH_MAX)
    precision = models.CharField(max_length=WORD_LENGTH_MAX)
    device = models.CharField(max_length=DEVICE_NAME_LENGTH_MAX, null=True)
    metric = models.CharField(max_length=METRIC_LENGTH_MAX, null=True)
    mode = models.CharField(max_length=WORD_LENGTH_MAX)
    size_bytes = models.BigIntegerField()
    accepted = models.BigIntegerField(null=True)
    duplicate = models.BigIntegerField(null=True)
    conflict = models.BigIntegerField(null=True)
    rejected = models.BigIntegerField(null=True)
    refusal_code = models.CharField(max_length=CODE_LENGTH_MAX, null=True)
    refusal_detail = models.CharField(max_length=DETAIL_LENGTH_MAX, null=True)
    faults = models.TextField()

    class Meta:
        db_table = "intake"
        constraints = [*VersionedModel.Meta.constraints]
        indexes = [
            # What waits of a tenant, counted before each new one; there are never many.
            models.Index(
                fields=["tenant_id", "id"],
                include=["size_bytes"],
                condition=Q(status=IntakeStatus.WAITING.value),
                name="intake_waiting",
            ),
        ]


class IntakeBody(models.Model):
    """A piece of what an intake waits to be loaded from, until it has ended."""

    pk = models.CompositePrimaryKey("tenant_id", "intake_id", "place")
    tenant_id = models.UUIDField()
    intake_id = models.UUIDField()
    place = models.IntegerField()
    piece = models.BinaryField()

    class Meta:
        db_table = "intake_body"
