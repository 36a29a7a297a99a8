"""What becomes of a reading that was not stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from domain.errors import Conflict, RuleViolation

REJECTS_KEPT_FOR: Final = timedelta(days=90)
"""Replayed or not; the purge's role sees none that is younger."""


class RejectReplayed(Conflict):
    """The reject {id} was replayed at {replayed_at}; whatever was refused then is a reject of its own."""

    # Not kept under a request's key: the refusal undoes its whole transaction.
    final = False


class RejectUnreadable(RuleViolation):
    """What was kept of the reject {id} can't be read: {problem}; send the reading anew."""
