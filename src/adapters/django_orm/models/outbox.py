"""Messages on their way to those who react to events."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from application.ports.outbox import CONSUMER_LENGTH_MAX, ERROR_LENGTH_MAX


class Message(models.Model):
    """One row for each event and consumer, outbox and inbox in one; docs/decisions/0011-outbox.md.

    NULL in `due_at` and `wake_at`: not before it is replayed. The times are the database's.
    """

    pk = models.CompositePrimaryKey("tenant_id", "consumer", "stream_id", "version")
    tenant_id = models.UUIDField()
    consumer = models.CharField(max_length=CONSUMER_LENGTH_MAX)
    stream_id = models.UUIDField()
    version = models.IntegerField()
    id = models.UUIDField()
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(null=True, db_default=Now())
    wake_at = models.DateTimeField(null=True, db_default=Now())
    fence = models.IntegerField(db_default=0)
    tries = models.IntegerField(db_default=0)
    failures = models.IntegerField(db_default=0)
    error = models.CharField(max_length=ERROR_LENGTH_MAX, db_default="")
    parked_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "message"
        indexes = [
            models.Index(
                fields=["tenant_id", "stream_id"],
                name="message_unsettled_by_stream",
                condition=Q(settled_at__isnull=True),
            ),
            models.Index(fields=["wake_at"], name="message_unsettled", condition=Q(settled_at__isnull=True)),
            models.Index(
                fields=["tenant_id", "id"], name="message_parked", condition=Q(parked_at__isnull=False)
            ),
            models.Index(
                fields=["settled_at"], name="message_settled", condition=Q(settled_at__isnull=False)
            ),
        ]
