"""What can be deleted and brought back: the part that products, stock items and orders share."""

from __future__ import annotations

from datetime import datetime

from domain.aggregate import Aggregate, ExpectedVersion, VersionTag
from domain.errors import Conflict, Gone
from domain.retention import Deletion


class NotDeleted(Conflict):
    """The {kind} {id} is not deleted; there is nothing to restore."""


class Purged(Gone):
    """The {kind} {id} was purged when its time of retention was over; only its amounts are kept."""


class SoftDeletable(Aggregate):
    """An aggregate that a deletion hides and a restoration shows again; each is an event and moves the version.

    A repository gives the live ones unless a deleted one is asked for by name; whoever holds a deleted one can
    bring it back, purge it, or be told that it is gone.
    """

    deletion: Deletion | None
    purged_at: datetime | None

    @property
    def is_deleted(self) -> bool:
        """Whether it is hidden at present."""
        return self.deletion is not None

    def require_live(self) -> None:
        """Raise Gone, which bears the version, if the aggregate is deleted (D6)."""
        if self.deletion is not None:
            raise self.gone()

    def gone(self) -> Gone:
        """The refusal for a command on this deleted aggregate."""
        error = Gone if self.purged_at is None else Purged
        return error(kind=self.kind, id=str(self.id), aggregate_id=str(self.id), current_version=self.version)

    def repeats_last_event(self, expected: ExpectedVersion) -> bool:
        """Whether a caller who expects this is repeating the deletion or restoration that came last (D5).

        True for the tag from before that event and for the one from after it.
        """
        if expected is None:
            return True
        if isinstance(expected, int):
            expected = (VersionTag(self.id, expected),)
        return any(VersionTag(self.id, self.version - back) in expected for back in (0, 1))
