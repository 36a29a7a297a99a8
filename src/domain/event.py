"""Domain events: frozen facts with a stable wire name and a schema version.

The wire name, never the Python name, is what is stored, so classes can move and be renamed without breaking
history. Every event says when it occurred; tenant, actor, correlation and causation are added by the unit of
work that stores it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeVar

REDACTED: Final = "redacted"
"""Stands where a purge has removed a text that must not be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact that has happened to one aggregate. `occurred_at` is aware and in UTC."""

    wire_name: ClassVar[str]
    schema_version: ClassVar[int]
    personal: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """The fields that may say something of a person, each with what a purge puts in its place."""

    occurred_at: datetime


EventClass = TypeVar("EventClass", bound=type[Event])

_classes_by_name: dict[tuple[str, int], type[Event]] = {}


def event(wire_name: str, schema_version: int = 1) -> Callable[[EventClass], EventClass]:
    """Register an event class under its wire name and schema version. Raises ValueError if the pair is taken."""

    def register(cls: EventClass) -> EventClass:
        key = (wire_name, schema_version)
        if key in _classes_by_name:
            raise ValueError(f"{wire_name} v{schema_version} is already {_classes_by_name[key].__qualname__}")
        cls.wire_name, cls.schema_version = wire_name, schema_version
        _classes_by_name[key] = cls
        return cls

    return register


def event_class(wire_name: str, schema_version: int) -> type[Event]:
    """The class of a stored event. Raises LookupError if no class has that name and schema version."""
    try:
        return _classes_by_name[wire_name, schema_version]
    except KeyError:
        raise LookupError(f"no event class is registered for {wire_name} v{schema_version}") from None


def event_classes() -> tuple[type[Event], ...]:
    """Every registered event class, in order of registration."""
    return tuple(_classes_by_name.values())
