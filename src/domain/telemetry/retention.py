"""How long raw readings are kept, and when a partition of them may go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from domain.errors import InvalidInput
from domain.telemetry.reading import EARLIEST

GRACE: Final = timedelta(hours=1)
"""How long a partition is spared after its last reading has run out: longer than any batch takes that was let in."""
KEEP_FOR_MIN: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RawRetention:
    """The rule for raw readings; their latest values and rollups stay when they go."""

    keep_for: timedelta | None
    """None: for good."""

    def __post_init__(self) -> None:
        if self.keep_for is not None and self.keep_for < KEEP_FOR_MIN:
            raise InvalidInput(field="keep_for", problem=f"must be at least {KEEP_FOR_MIN.days} day")

    def horizon(self, now: datetime) -> datetime | None:
        """Older readings are refused (`ReadingRules.at`); None: none is too old."""
        return None if self.keep_for is None else max(now - self.keep_for, EARLIEST)

    def dropped_before(self, now: datetime) -> datetime | None:
        """A partition that ends then or earlier may go, if no rollup is due in it (G6); None: none ever."""
        horizon = self.horizon(now)
        return None if horizon is None else horizon - GRACE
