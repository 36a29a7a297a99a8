"""What the service notes of itself; no tenant's data."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from adapters.django_orm.models.events import NAME_LENGTH_MAX
from application.ports.schedules import JOB_ERROR_LENGTH_MAX

HOST_LENGTH_MAX = 255
"""As long as a host's name may be (RFC 1035, section 2.3.4)."""


class Schedule(models.Model):
    """One row a job: when it is due, and until when a scheduler has it. The times are the database's."""

    name = models.CharField(primary_key=True, max_length=NAME_LENGTH_MAX)
    every = models.DurationField()
    lease = models.DurationField()
    due_at = models.DateTimeField(db_default=Now())
    leased_until = models.DateTimeField(null=True)
    fence = models.IntegerField(db_default=0)
    ended_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=JOB_ERROR_LENGTH_MAX, db_default="")

    class Meta:
        db_table = "schedule"


class RoleProcess(models.Model):
    """One row for each process that lives, or that ended without a word a while ago."""

    id = models.UUIDField(primary_key=True)
    role = models.CharField(max_length=NAME_LENGTH_MAX)
    host = models.CharField(max_length=HOST_LENGTH_MAX)
    pid = models.IntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "role_process"
