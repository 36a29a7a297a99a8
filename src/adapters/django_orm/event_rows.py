"""Events to the arguments of `append_event` and `append_events`, and rows of the log to events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
import uuid_utils.compat

from adapters.django_orm.row_writes import Statement
from adapters.row_mapping.json_codec import event_from_data, event_to_json
from application.ports.event_store import RecordedEvent
from application.ports.unit_of_work import Cause, CommandContext
from domain.event import Event

COLUMNS: Final = (
    "position, event_id, tenant_id, stream_kind, stream_id, version, actor, correlation_id, causation_id,"
    " traceparent, type, schema_version, occurred_at, data"
)
"""What `recorded_event` expects of a row, in this order."""

_APPEND_ONE: Final = "SELECT append_event(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
_APPEND: Final = (
    "SELECT append_events(%s, %s, %s, %s::text[], %s::text[], %s::uuid[], %s::text[], %s::uuid[], %s::integer[],"
    " %s::text[], %s::integer[], %s::timestamptz[], %s::jsonb[])"
)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event and its place in its stream."""

    stream_kind: str
    stream_id: UUID
    version: int
    event: Event
    cause: Cause | None = None
    """None: the context's."""


def append_statement(context: CommandContext, events: Sequence[NewEvent]) -> Statement:
    """Append the events in their order, in one call; each gets an id of its own."""
    rows = [
        (
            *(new.cause or (context.correlation_id, context.causation_id)),
            uuid_utils.compat.uuid7(),
            new.stream_kind,
            new.stream_id,
            new.version,
            new.event.wire_name,
            new.event.schema_version,
            new.event.occurred_at,
            event_to_json(new.event),
        )
        for new in events
    ]
    if len(rows) == 1:
        (correlation_id, causation_id, *row) = rows[0]
        caller = (context.tenant_id, context.actor, correlation_id, causation_id, context.traceparent)
        return Statement(_APPEND_ONE, (*caller, *row))
    columns = (list(column) for column in zip(*rows, strict=True))
    return Statement(_APPEND, (context.tenant_id, context.actor, context.traceparent, *columns))


def recorded_event(row: Sequence[Any]) -> RecordedEvent:
    """The event of a row of COLUMNS. Raises LookupError for a type that this code doesn't know."""
    *place, type_, schema_version, occurred_at, data = row
    position, event_id, tenant_id, kind, stream_id, version, actor, correlation, causation, traceparent = (
        place
    )
    return RecordedEvent(
        position=position,
        event_id=event_id,
        tenant_id=tenant_id,
        stream_kind=kind,
        stream_id=stream_id,
        version=version,
        actor=actor,
        correlation_id=correlation,
        causation_id=causation,
        traceparent=traceparent,
        event=event_from_data(type_, schema_version, occurred_at, msgspec.json.decode(data)),
    )
