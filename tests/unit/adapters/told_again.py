"""An aggregate's events as the store keeps them, folded by the audit."""

from __future__ import annotations

import json
from typing import Any

from adapters.audit.stream_fold import StreamFold
from adapters.audit.tables import TABLES
from adapters.row_mapping.json_codec import event_to_data, redacted_data
from domain.aggregate import Aggregate


def told_again(aggregate: Aggregate, *, fold: StreamFold | None = None, redacted: bool = False) -> StreamFold:
    """The fold of its pending events; one that knows the first of them takes in the rest."""
    fold = fold or StreamFold()
    for version, event in list(enumerate(aggregate.pending_events, start=1))[fold.events :]:
        place = event.wire_name, event.schema_version
        data = event_to_data(event)
        if redacted:
            data = redacted_data(*place, data)
        fold.add(aggregate.kind, version, *place, event.occurred_at, json.dumps(data))
    return fold


def columns_of(fold: StreamFold, kind: str) -> dict[str, Any]:
    """What the audit compares with the row."""
    (table,) = (table for table in TABLES if table.kind == kind)
    return {name: fold.state[name] for name in table.columns}
