"""Events to the messages that go out with them."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import uuid_utils.compat

from adapters.django_orm.event_rows import NewEvent
from adapters.django_orm.row_writes import Statement
from application.ports.outbox import Subscriptions


def message_statements(
    tenant_id: UUID, events: Iterable[NewEvent], subscriptions: Subscriptions
) -> list[Statement]:
    """One statement that writes a message for each event and consumer of it; none if nobody reacts."""
    params = [
        value
        for new in events
        for consumer in subscriptions.get(type(new.event), ())
        for value in (tenant_id, consumer, new.stream_id, new.version, uuid_utils.compat.uuid7())
    ]
    if not params:
        return []
    rows = ", ".join(["(%s, %s, %s, %s, %s)"] * (len(params) // 5))
    insert = f"INSERT INTO message (tenant_id, consumer, stream_id, version, id) VALUES {rows}"  # noqa: S608
    return [Statement(insert, tuple(params))]
