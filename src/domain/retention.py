"""The soft-delete policy: what a deletion records, and when what was deleted may be purged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from domain.errors import InvalidInput
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
    """How long deleted things are kept before they may be purged; `keep_for` None keeps them for ever."""

    keep_for: timedelta | None

    def __post_init__(self) -> None:
        if self.keep_for is not None and self.keep_for < timedelta(0):
            raise InvalidInput(field="keep_for", problem="must not be negative")

    def may_be_purged(self, deletion: Deletion, *, now: datetime) -> bool:
        """Whether retention has run out; a deletion exactly `keep_for` old may go."""
        return self.keep_for is not None and deletion.at + self.keep_for <= now
