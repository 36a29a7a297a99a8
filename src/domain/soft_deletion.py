"""What can be deleted and brought back: the part that products, stock items and orders share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar
from uuid import UUID

from domain.aggregate import Aggregate, ExpectedVersion, VersionTag
from domain.errors import Conflict, Gone, RuleViolation
from domain.event import Event
from domain.retention import Deletion, RetentionPolicy


class NotDeleted(Conflict):
    """The {kind} {id} is not deleted; there is nothing to restore."""


class GoneForGood(Gone):
    """The {kind} {id} was deleted long ago and what it said of persons is purged; it cannot be restored."""


class StillRetained(RuleViolation):
    """The {kind} {id} is not to be purged yet: only what was deleted longer ago than the retention period is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted(Event):
    """The aggregate is hidden from now on; the root and its children bear the same deletion id."""

    personal: ClassVar = MappingProxyType({"reason": ""})

    deletion_id: UUID
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored(Event):
    """The deletion of that id is undone."""

    deletion_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged(Event):
    """Whatever said something of a person is removed, from this aggregate and from its earlier events (D7).

    Stored events of the stream are redacted by `Event.personal` together with this, so that the state stays the
    fold of the events at every version (E5).
    """


class SoftDeletable(Aggregate):
    """An aggregate that a deletion hides and a restoration shows again; each is an event and moves the version.

    A repository gives the live ones unless a deleted one is asked for by name; whoever holds a deleted one can
    bring it back or be told that it is gone. Nothing else can happen to it: `_record` sees to that, whatever a
    command forgets to check.
    """

    deleted_event: ClassVar[type[Deleted]]
    restored_event: ClassVar[type[Restored]]

    purged_event: ClassVar[type[Purged] | None] = None
    """None: nothing in it says anything of a person, so there is nothing to purge."""

    deletion: Deletion | None

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.deletion = None

    @property
    def is_deleted(self) -> bool:
        """Whether it is hidden at present."""
        return self.deletion is not None

    @property
    def is_purged(self) -> bool:
        """Whether what it said of persons has been removed, so that it can't come back."""
        return False

    @property
    def known_as(self) -> str:
        """What callers call it."""
        return str(self.id)

    def require_live(self) -> None:
        """Raise Gone, which bears the version, if the aggregate is deleted (D6)."""
        if self.deletion is not None:
            raise self.gone()

    def gone(self) -> Gone:
        """The refusal for a command on this deleted aggregate."""
        refusal = GoneForGood if self.is_purged else Gone
        return refusal(
            kind=self.kind, id=self.known_as, aggregate_id=str(self.id), current_version=self.version
        )

    def delete(self, deletion: Deletion) -> None:
        """Hide it. Raises Gone if that was done before, and what `_require_deletable` raises."""
        self.require_live()
        self._require_deletable()
        self._record(
            self.deleted_event(
                occurred_at=deletion.at,
                deletion_id=deletion.id,
                actor=deletion.actor,
                reason=deletion.reason,
            )
        )

    def undelete(self, *, at: datetime) -> None:
        """Show it again. Raises NotDeleted, GoneForGood. (`restore` is how repositories build what they keep.)"""
        if self.deletion is None:
            raise NotDeleted(kind=self.kind, id=self.known_as)
        if self.is_purged:
            raise self.gone()
        self._record(self.restored_event(occurred_at=at, deletion_id=self.deletion.id))

    def purge(self, policy: RetentionPolicy, *, at: datetime) -> None:
        """Remove what it says of persons, for good; nothing happens if that was done. Raises StillRetained (D7)."""
        if self.is_purged or self.purged_event is None:
            return
        if self.deletion is None or not policy.may_be_purged(self.deletion, now=at):
            raise StillRetained(kind=self.kind, id=self.known_as)
        self._record(self.purged_event(occurred_at=at))

    def repeats_last_event(self, expected: ExpectedVersion) -> bool:
        """Whether a caller who expects this is repeating the deletion or restoration that came last (D5).

        True for the tag from before that event and for the one from after it.
        """
        if expected is None:
            return True
        if isinstance(expected, int):
            expected = (VersionTag(self.id, expected),)
        return any(VersionTag(self.id, self.version - back) in expected for back in (0, 1))

    def _require_deletable(self) -> None:
        """Raise the rule that forbids a deletion at present; there is none unless a subclass has one."""

    def _record(self, event: Event) -> None:
        if not isinstance(event, Restored | Purged):
            self.require_live()
        super()._record(event)

    def _apply(self, event: Event) -> None:
        match event:
            case Deleted():
                self.deletion = Deletion(event.deletion_id, event.actor, event.reason, event.occurred_at)
            case Restored():
                self.deletion = None
            case _:
                super()._apply(event)
