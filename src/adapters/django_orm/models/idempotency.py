"""Requests that were carried out once."""

from __future__ import annotations

from django.db import models

from adapters.django_orm.models.abstract import IdempotentModel


class IdempotencyRecord(IdempotentModel):
    """One row a request key; claimed by the database function `claim_request`, written by `settle_request`.

    Both belong to one transaction, which is that of the work itself (H9).
    """

    pk = models.CompositePrimaryKey("tenant_id", "actor", "key")
    tenant_id = models.UUIDField()
    created_at = models.DateTimeField()
    outcome = models.JSONField()

    class Meta(IdempotentModel.Meta):
        abstract = False
        db_table = "idempotency_record"
        indexes = [models.Index(fields=["expires_at"], name="idempotency_record_by_expiry")]
