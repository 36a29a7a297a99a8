"""Messages: events on their way to those who react, written with the state and delivered until settled.

A message is one event for one consumer. Its key is the event's stream, and the messages of a key are handled in
version order: a stream's next event can only commit after the one before, so no later message is ever visible
without the earlier. Each message is one row that serves as outbox and inbox: only `Inbox.settle`, in the consumer's
own transaction, ends it (O3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import ClassVar, Final, Protocol
from uuid import UUID

from application.ports.event_store import RecordedEvent
from domain.errors import Conflict
from domain.event import Event

CLAIM_LEASE_S: Final = 60
"""How long a claimed message belongs to its worker; longer than any one call to the outside may take."""
WAKE_AGAIN_AFTER_S: Final = 2
"""A due key that was woken and not claimed since is woken again, for the broker may have lost the wake."""
SETTLED_KEPT_FOR: Final = timedelta(days=7)
"""A settled message says for so long that it was handled; then a purge removes it."""
ERROR_LENGTH_MAX: Final = 500
CONSUMER_LENGTH_MAX: Final = 100

Subscriptions = Mapping[type[Event], tuple[str, ...]]
"""Which consumers react to an event."""
NOBODY_REACTS: Final[Subscriptions] = MappingProxyType({})


class ClaimLost(Conflict):
    """The message {id} was settled, or claimed by another worker meanwhile; nothing of this try is kept."""

    final = False


@dataclass(frozen=True, slots=True)
class Wake:
    """Something may be due for a consumer under a key. It carries no content: the truth is the rows (O0)."""

    tenant_id: UUID
    consumer: str
    key: UUID
    """The id of the stream whose events are to be handled in order."""


@dataclass(frozen=True, slots=True)
class Message:
    """A claimed message. `id` is the same on every try: outside effects carry it as their key (O3)."""

    id: UUID
    wake: Wake
    version: int
    fence: int
    """Rises with each claim; who bears an older one has lost the message."""
    tries: int
    """How often it was claimed since it was written or replayed, this time included."""
    failures: int
    """How many of these tries failed; the others ended with their worker, or go on."""
    read_event: Callable[[], RecordedEvent] = field(repr=False)
    """Raises LookupError or ValueError for an event that this code can't read."""


class Inbox(Protocol):
    """Part of a unit of work."""

    def settle(self, message: Message) -> None:
        """Mark the message as handled, committing with everything else of this transaction.

        To be called before anything is saved. Raises ClaimLost if another worker has claimed or settled it.
        """
        ...


class MessageClaims(Protocol):
    """Takes messages to be handled; each method is a transaction of its own. Raises StoreUnavailable."""

    def claim(self, wake: Wake) -> Message | None:
        """The key's first message that isn't settled, for CLAIM_LEASE_S; None if there is none, or it isn't due.

        A message is not due while another worker's claim lasts, while it is put off, or when it is parked; those
        behind it wait (O4).
        """
        ...

    def put_off(self, message: Message, *, delay: timedelta, error: str) -> None:
        """Let the key be tried again after `delay`. Nothing happens if the claim is lost."""
        ...

    def park(self, message: Message, *, error: str) -> None:
        """Make it a dead letter, which stays until it is replayed (O6). Nothing happens if the claim is lost."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerLag:
    """What one consumer has before it."""

    consumer: str
    pending: int
    """Messages that are neither settled nor parked."""
    oldest_age_s: float | None
    """Age of the oldest pending one; None without any."""
    parked: int
    """Dead letters."""
    oldest_parked_age_s: float | None
    """How long ago the first of the dead letters was given up; None without any."""
    settled_last_minute: int


class Backlog(Protocol):
    """The messages of all tenants, as the relay sees them (O7). Raises StoreUnavailable."""

    def due(self, limit: int) -> Sequence[Wake]:
        """Up to `limit` keys whose first message is due and was not woken within WAKE_AGAIN_AFTER_S, oldest first.

        They count as woken from then on. Two relays at once get different keys.
        """
        ...

    def lag(self) -> Sequence[ConsumerLag]:
        """One entry for each consumer that has messages, or had some in the last minute, by name."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that no further try is made for, until it is replayed."""

    kind: ClassVar[str] = "dead letter"
    """What it is called where there is none."""

    id: UUID
    consumer: str
    stream_kind: str
    stream_id: UUID
    version: int
    event_type: str
    error: str
    tries: int
    created_at: datetime
    parked_at: datetime


class DeadLetters(Protocol):
    """The parked messages of one tenant at a time."""

    def list(
        self, tenant_id: UUID, *, consumer: str | None = None, after: UUID | None, limit: int
    ) -> Sequence[DeadLetter]:
        """Up to `limit` of them with ids above `after`, by id: the oldest message first, as ids rise with time.

        Those of one consumer if it is named. Raises StoreUnavailable.
        """
        ...

    def replay(self, tenant_id: UUID, message_id: UUID) -> None:
        """Make it due again, as if it had never been tried; those behind it follow in order.

        Raises NotFound unless it is parked, StoreUnavailable.
        """
        ...
