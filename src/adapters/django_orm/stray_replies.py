"""Stray replies on PostgreSQL: written by the application's role, which can't read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from adapters.django_orm.tenant_session import SYSTEM_ALIAS, query_of_nobody
from application.ports.payment_callbacks import StrayReply

# No conflict target: naming one takes the right to read it.
_KEEP: Final = """
INSERT INTO stray_reply (id, gateway, key, reply, received_at) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_LIST: Final = """
SELECT id, gateway, key, reply, received_at FROM stray_reply WHERE (%s IS NULL OR id > %s) ORDER BY id LIMIT %s
"""


class DjangoStrayReplies:
    """StrayReplies."""

    def keep(self, reply: StrayReply) -> None:
        """See the port."""
        query_of_nobody(_KEEP, (reply.id, reply.gateway, reply.key, reply.reply, reply.received_at))

    def list(self, *, after: UUID | None, limit: int) -> Sequence[StrayReply]:
        """See the port."""
        rows = query_of_nobody(_LIST, (after, after, limit), SYSTEM_ALIAS)
        return [
            StrayReply(id=id_, gateway=gateway, key=key, reply=reply, received_at=received_at)
            for id_, gateway, key, reply, received_at in rows
        ]
