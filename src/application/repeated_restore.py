"""Tells a caller who restores again from one who restores what was never deleted (D5)."""

from __future__ import annotations

from application.ports.unit_of_work import UnitOfWork
from domain.aggregate import ExpectedVersion
from domain.soft_deletion import Restored, SoftDeletable


def repeats_restoration(uow: UnitOfWork, live: SoftDeletable, expected: ExpectedVersion) -> bool:
    """Whether the last event of this live aggregate is a restoration, and the caller expects a version from
    before or after it."""
    if not live.repeats_last_event(expected):
        return False
    last = uow.events.stream(live.id, after_version=live.version - 1, limit=1)
    return len(last) == 1 and isinstance(last[0].event, Restored)
