"""What the scheduler does, and how often: the one table of all jobs."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from application.ports.heartbeats import LOST_SHOWN_FOR
from application.ports.schedules import Plan
from application.upkeep.run_due_job import Job
from domain.retention import RetentionPolicy
from entrypoints.container import Container

PURGE_BATCHES_PER_TURN: Final = 10
"""Of each kind; what is left over is due at once, so that a turn is short and so may be its lease."""
PURGE_LEASE: Final = timedelta(minutes=1)
"""A killed scheduler's job stands still for as long."""
FORGET_EVERY: Final = timedelta(minutes=10)
FORGET_LEASE: Final = timedelta(minutes=1)

PARTITIONS_EVERY: Final = timedelta(hours=1)
PARTITIONS_LEASE: Final = timedelta(minutes=2)
"""Longer than a dozen partitions that are each in use to the last try."""


def jobs_of(container: Container) -> dict[str, Job]:
    """Each job by its name, which is its row's key in the database."""
    settings, heartbeats = container.settings(), container.heartbeats()

    def purge() -> bool:
        """Expired request keys (H11), settled messages, old rejects, orders deleted long ago (D7)."""
        policy = RetentionPolicy(timedelta(days=settings.keep_deleted_days))
        return not container.purge_deleted().handle(policy, batches_max=PURGE_BATCHES_PER_TURN).is_complete

    def forget_lost_processes() -> bool:
        heartbeats.forget(LOST_SHOWN_FOR)
        return False

    def ensure_partitions() -> bool:
        container.ensure_partitions().handle()
        return False

    def drop_partitions() -> bool:
        """Of readings that have run out (G6); a job of its own, so that its locks hold up no other."""
        return not container.drop_partitions().handle(settings.raw_retention).is_complete

    return {
        "ensure-partitions": Job(
            plan=Plan(every=PARTITIONS_EVERY, lease=PARTITIONS_LEASE), run=ensure_partitions
        ),
        "drop-partitions": Job(
            plan=Plan(every=PARTITIONS_EVERY, lease=PARTITIONS_LEASE), run=drop_partitions
        ),
        "purge": Job(
            plan=Plan(every=timedelta(seconds=settings.purge_every_s), lease=PURGE_LEASE), run=purge
        ),
        "forget-lost-processes": Job(
            plan=Plan(every=FORGET_EVERY, lease=FORGET_LEASE), run=forget_lost_processes
        ),
    }
