"""The soft-delete policy: what a deletion records, and when what was deleted may be purged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from domain.errors import InvalidInput
from domain.idempotency import KEY_KEPT_FOR
from domain.text import require_text

REASON_LENGTH_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Deletion:
    """One act of deletion; the root and every child that went with it bear the same `id`."""

    id: UUID
    actor: str
    reason: str
    at: datetime

    def __post_init__(self) -> None:
        require_text("reason", self.reason, length_max=REASON_LENGTH_MAX, length_min=0)


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long deleted things are kept before they may be purged.

    Not for a shorter time than request keys are: a stored answer would outlive what it tells of.
    """

    keep_for: timedelta

    def __post_init__(self) -> None:
        if self.keep_for < KEY_KEPT_FOR:
            hours = KEY_KEPT_FOR // timedelta(hours=1)
            raise InvalidInput(
                field="keep_for", problem=f"must be at least {hours} h, for so long request keys keep answers"
            )

    def may_be_purged(self, deletion: Deletion, *, now: datetime) -> bool:
        """Whether retention has run out; a deletion exactly `keep_for` old may go."""
        return deletion.at <= self.deleted_before(now)

    def deleted_before(self, now: datetime) -> datetime:
        """What was deleted then or earlier may be purged."""
        return now - self.keep_for
