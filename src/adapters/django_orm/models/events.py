"""The log of events."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from domain.access import OWNER_LENGTH_MAX

NAME_LENGTH_MAX = 100


class StoredEvent(models.Model):
    """One row an event; written by `append_event` and `append_events` alone, never changed or removed (E8).

    `position` is drawn from the sequence `event_position`; docs/decisions/0001-event-order.md says how
    readers keep its order.
    """

    pk = models.CompositePrimaryKey("tenant_id", "position")
    tenant_id = models.UUIDField()
    position = models.BigIntegerField()
    event_id = models.UUIDField()
    stream_kind = models.CharField(max_length=NAME_LENGTH_MAX)
    stream_id = models.UUIDField()
    version = models.IntegerField()
    type = models.CharField(max_length=NAME_LENGTH_MAX)
    schema_version = models.IntegerField()
    occurred_at = models.DateTimeField()
    actor = models.CharField(max_length=OWNER_LENGTH_MAX)
    correlation_id = models.TextField()
    causation_id = models.TextField()
    traceparent = models.TextField(null=True)
    data = models.JSONField()

    class Meta:
        db_table = "event"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "stream_id", "version"], name="event_stream_version_unique"
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="event_version_from_1"),
        ]
