"""The base of every aggregate: identity, the one version number, and the events that move it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from domain.errors import AggregateSpent, StaleObjectError
from domain.event import Event


@dataclass(frozen=True, slots=True)
class VersionTag:
    """One aggregate at one version, as a reader was told of it."""

    id: UUID
    version: int


ExpectedVersion = int | tuple[VersionTag, ...] | None
"""What a change was decided on: a version number, any of some tags, or (None) whatever stands."""


class Aggregate:
    """State that changes only by recording events.

    `version` is the number of events in the aggregate's stream, `updated_at` the time of the last one. Recording
    an event applies it, so state is always the fold of the events; there is no other way to change either.
    """

    kind: ClassVar[str]
    updated_at: datetime
    _state: ClassVar[frozenset[str]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._state = frozenset(
            name
            for base in cls.__mro__[: cls.__mro__.index(Aggregate)]
            for name, annotation in inspect.get_annotations(base).items()
            if not str(annotation).startswith("ClassVar")
        )

    def __init__(self, id: UUID) -> None:
        self.id = id
        self.version = 0
        self._pending: list[Event] = []
        self._spent = False

    @property
    def stored_version(self) -> int:
        """The version that the store holds of this aggregate; 0 if it was never stored."""
        return self.version - len(self._pending)

    @property
    def pending_events(self) -> tuple[Event, ...]:
        """What has been recorded and not yet stored, oldest first."""
        return tuple(self._pending)

    @classmethod
    def from_events(cls, id: UUID, events: Iterable[Event]) -> Self:
        """Fold a stream, oldest first, into the aggregate that it describes."""
        aggregate = cls(id)
        for event in events:
            aggregate._advance(event)
        return aggregate

    @classmethod
    def restore(cls, id: UUID, *, version: int, updated_at: datetime, **state: Any) -> Self:
        """For repositories: the aggregate as it was stored at `version`; `state` names each of its fields."""
        if state.keys() != cls._state:
            raise TypeError(f"{cls.__name__} has other fields: {sorted(state.keys() ^ cls._state)}")
        aggregate = cls(id)
        aggregate.version, aggregate.updated_at = version, updated_at
        aggregate.__dict__.update(state)
        return aggregate

    def require_version(self, expected: ExpectedVersion) -> None:
        """Raise StaleObjectError unless the aggregate stands at `expected`; None accepts any version.

        A tag of another aggregate never fits: a successor under the same natural key is not what was read (L2).

        It spares the work of a change that is bound to be refused. The decision itself is taken by the store, in
        the WHERE of the write.
        """
        if expected is None:
            return
        if isinstance(expected, int):
            expected = (VersionTag(self.id, expected),)
        if VersionTag(self.id, self.version) not in expected:
            raise StaleObjectError(kind=self.kind, id=str(self.id), current_version=self.version)

    def require_unspent(self) -> None:
        """Raise AggregateSpent if the transaction that loaded or saved this object was rolled back."""
        if self._spent:
            raise AggregateSpent(kind=self.kind, id=str(self.id))

    def mark_stored(self) -> None:
        """For the unit of work: the pending events are committed."""
        self._pending.clear()

    def mark_spent(self) -> None:
        """For the unit of work: the transaction was rolled back, this object says what never happened."""
        self._spent = True

    def _record(self, event: Event) -> None:
        self.require_unspent()
        self._advance(event)
        self._pending.append(event)

    def _advance(self, event: Event) -> None:
        self._apply(event)
        self.version += 1
        self.updated_at = event.occurred_at

    def _apply(self, event: Event) -> None:
        raise NotImplementedError(
            f"{type(self).__name__} does not say what {type(event).__name__} does to it"
        )
