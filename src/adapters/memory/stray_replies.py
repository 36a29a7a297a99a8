"""Stray replies in memory."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from adapters.memory.database import InMemoryDatabase
from application.ports.payment_callbacks import StrayReply


class InMemoryStrayReplies:
    """StrayReplies."""

    def __init__(self, database: InMemoryDatabase) -> None:
        self._database = database

    def keep(self, reply: StrayReply) -> None:
        """See the port."""
        with self._database.latch:
            self._database.stray_replies.setdefault(reply.id, reply)

    def list(self, *, after: UUID | None, limit: int) -> Sequence[StrayReply]:
        """See the port."""
        with self._database.latch:
            found = [
                reply for reply in self._database.stray_replies.values() if not after or reply.id > after
            ]
        return sorted(found, key=lambda reply: reply.id)[:limit]
