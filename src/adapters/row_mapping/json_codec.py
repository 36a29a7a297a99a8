"""Events and outcomes to JSON data and back, driven by the dataclasses themselves.

JSON data is what a jsonb column holds: dicts, lists, strings, numbers, booleans, None.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from domain.event import Event, event_class
from domain.idempotency import Done, Refused

Result = TypeVar("Result")


def event_to_data(event: Event) -> dict[str, Any]:
    """The event's own fields; its type, schema version and `occurred_at` stand beside them, not in them."""
    data: dict[str, Any] = _plain(event)
    del data["occurred_at"]
    return data


def event_to_json(event: Event) -> str:
    """The JSON text of `event_to_data`."""
    data = msgspec.to_builtins(event)
    del data["occurred_at"]
    return msgspec.json.encode(data).decode()


def event_from_data(
    wire_name: str, schema_version: int, occurred_at: datetime, data: Mapping[str, Any]
) -> Event:
    """The event of stored data. LookupError for an unknown type, ValueError for data that doesn't fit."""
    fields = {**data, "occurred_at": occurred_at}
    return msgspec.convert(fields, event_class(wire_name, schema_version))


def redacted_data(wire_name: str, schema_version: int, data: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a stored event after a purge. LookupError for an unknown type."""
    return {**data, **event_class(wire_name, schema_version).personal}


def outcome_to_data(outcome: Done[Any] | Refused) -> dict[str, Any]:
    """`{"ok": result}` or `{"refused": {"code": …, "data": …}}`."""
    if isinstance(outcome, Refused):
        return {"refused": {"code": outcome.code, "data": _plain(outcome.data)}}
    return {"ok": _plain(outcome.result)}


def outcome_from_data(data: Mapping[str, Any], result_type: type[Result]) -> Done[Result] | Refused:
    """The outcome of stored data. Raises ValueError if the result isn't of that type."""
    if "refused" in data:
        return Refused(data["refused"]["code"], data["refused"]["data"])
    return Done(msgspec.convert(data["ok"], result_type))


def _plain(value: object) -> Any:
    # By way of JSON text: `to_builtins` would leave tuples, so data would differ before and after a store.
    return msgspec.json.decode(msgspec.json.encode(value))
