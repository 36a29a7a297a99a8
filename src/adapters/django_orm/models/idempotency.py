"""Requests that were carried out once."""

from __future__ import annotations

from django.db import models

from adapters.django_orm.models.abstract import IdempotentModel


class IdempotencyRecord(IdempotentModel):
    """One row a request key; claimed by the database function `claim_request`, written by `settle_request`.

    Both belong to one transaction, which is that of the work itself (H9). `saga_id`: the saga that was started in it,
    before whose end the key doesn't expire (H11).
    """

    pk = models.CompositePrimaryKey("tenant_id", "actor", "key")
    tenant_id = models.UUIDField()
    created_at = models.DateTimeField()
    outcome = models.JSONField()
    saga_id = models.UUIDField(null=True)

    class Meta(IdempotentModel.Meta):
        abstract = False
        db_table = "idempotency_record"
        indexes = [models.Index(fields=["expires_at"], name="idempotency_record_by_expiry")]
