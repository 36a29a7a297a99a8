"""Tenants and their access tokens."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from domain.access import OWNER_LENGTH_MAX, TENANT_NAME_LENGTH_MAX


class Tenant(models.Model):
    """The unit of isolation."""

    id = models.UUIDField(primary_key=True)
    name = models.CharField(max_length=TENANT_NAME_LENGTH_MAX)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "tenant"
        constraints = [models.UniqueConstraint(fields=["name"], name="tenant_name_unique")]


class AccessToken(models.Model):
    """A token, without its secret.

    `secret_hash` is the one unique key that doesn't begin with the tenant: looking it up is what finds the
    tenant.
    """

    pk = models.CompositePrimaryKey("tenant_id", "id")
    tenant_id = models.UUIDField()
    id = models.UUIDField()
    owner = models.CharField(max_length=OWNER_LENGTH_MAX)
    scopes = ArrayField(models.TextField())
    secret_hash = models.BinaryField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "access_token"
        constraints = [models.UniqueConstraint(fields=["secret_hash"], name="access_token_secret_unique")]
