"""What several tables share: times, the version, soft deletion, idempotency keys.

Values come from the domain and are written as they are: no field here sets itself, and no `save()` is meant
to be called. Every key of a tenant's table begins with the tenant, so that the tables can be distributed by
it.
"""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q

from domain.access import OWNER_LENGTH_MAX
from domain.idempotency import KEY_LENGTH_MAX
from domain.retention import REASON_LENGTH_MAX


class TimeStampedModel(models.Model):
    """`created_at` never changes and sorts lists; `updated_at` is the time of the last event (L4)."""

    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        abstract = True


class VersionedModel(models.Model):
    """The optimistic lock: the number of events in the aggregate's stream.

    It is compared in the WHERE of each write (L5), never in a read before it.
    """

    version = models.IntegerField()

    class Meta:
        abstract = True
        constraints: list[models.BaseConstraint] = [
            models.CheckConstraint(condition=Q(version__gte=1), name="%(class)s_version_from_1"),
        ]


class SoftDeleteQuerySet(models.QuerySet):
    """Rows of a table with soft deletion."""

    def live(self) -> Self:
        """Without the deleted rows."""
        return self.filter(deleted_at__isnull=True)

    def deleted(self) -> Self:
        """The deleted rows alone."""
        return self.filter(deleted_at__isnull=False)


class SoftDeleteManager(models.Manager):
    """Live rows only, unless deleted ones are asked for by name (D1)."""

    def get_queryset(self) -> SoftDeleteQuerySet:
        """Live rows."""
        return self.all_with_deleted().live()

    def all_with_deleted(self) -> SoftDeleteQuerySet:
        """Every row, deleted or not."""
        return SoftDeleteQuerySet(self.model, using=self._db)

    def only_deleted(self) -> SoftDeleteQuerySet:
        """Deleted rows alone."""
        return self.all_with_deleted().deleted()


class SoftDeleteModel(models.Model):
    """A deleted row stays, marked with the act of deletion that took it; children bear their root's mark
    (D3).

    The manager is also the base manager, which Django uses to follow relations and to refresh, so no path
    shows a deleted row by default. A subclass inherits `base_manager_name` by deriving its Meta from this
    one.
    """

    deleted_at = models.DateTimeField(null=True)
    deletion_id = models.UUIDField(null=True)
    deleted_by = models.CharField(max_length=OWNER_LENGTH_MAX, null=True)
    deletion_reason = models.CharField(max_length=REASON_LENGTH_MAX, null=True)

    objects = SoftDeleteManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
        constraints: list[models.BaseConstraint] = [
            models.CheckConstraint(
                condition=Q(
                    deleted_at__isnull=True,
                    deletion_id__isnull=True,
                    deleted_by__isnull=True,
                    deletion_reason__isnull=True,
                )
                | Q(
                    deleted_at__isnull=False,
                    deletion_id__isnull=False,
                    deleted_by__isnull=False,
                    deletion_reason__isnull=False,
                ),
                name="%(class)s_deletion_whole",
            ),
        ]


class IdempotentModel(models.Model):
    """A request that is carried out once: the caller's key, what was asked, and until when it counts (H11).

    `actor` and `key` are compared byte by byte; `fingerprint` is SHA-256.
    """

    actor = models.CharField(max_length=OWNER_LENGTH_MAX)
    key = models.CharField(max_length=KEY_LENGTH_MAX)
    fingerprint = models.BinaryField()
    expires_at = models.DateTimeField()

    class Meta:
        abstract = True
