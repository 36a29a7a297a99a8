"""Query parameters: each has a name, a reader and a schema; what isn't declared, or stands twice, is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from domain.errors import InvalidInput
from domain.text import require_text
from entrypoints.http_messages.cursors import from_cursor
from entrypoints.limits import CURSOR_LENGTH, QUERY_LENGTH_MAX, QUERY_PARAMETERS_MAX

Read = Callable[[str, str], Any]
"""(name, text) to the value; raises InvalidInput that names the parameter."""


@dataclass(frozen=True, slots=True)
class QueryParameter:
    """One declared parameter."""

    name: str
    read: Read
    schema: Mapping[str, Any]
    description: str
    is_required: bool = False
    is_prefix: bool = False
    """It stands for every parameter `name.X`; all of them come as one mapping from X to the value."""


def whole_number(
    name: str, description: str, *, minimum: int, maximum: int, default: int | None = None
) -> QueryParameter:
    """A decimal number between the bounds."""

    def read(field: str, text: str) -> int:
        digits_max = len(str(maximum))
        if not (
            text.isascii() and text.isdigit() and len(text) <= digits_max and minimum <= int(text) <= maximum
        ):
            raise InvalidInput(field=field, problem=f"must be a whole number from {minimum} to {maximum}")
        return int(text)

    schema: dict[str, Any] = {"type": "integer", "minimum": minimum, "maximum": maximum}
    if default is not None:
        schema["default"] = default
    return QueryParameter(name, read, schema, description)


def one_of(name: str, description: str, choices: type[StrEnum]) -> QueryParameter:
    """A member of the enumeration, by its value."""
    values = [choice.value for choice in choices]

    def read(field: str, text: str) -> StrEnum:
        if text not in values:
            raise InvalidInput(field=field, problem=f"must be one of {', '.join(values)}")
        return choices(text)

    return QueryParameter(name, read, {"type": "string", "enum": values}, description)


def text(name: str, description: str, *, length_max: int) -> QueryParameter:
    """A text of 1 to `length_max` characters."""

    def read(field: str, given: str) -> str:
        require_text(field, given, length_max=length_max)
        return given

    return QueryParameter(
        name, read, {"type": "string", "minLength": 1, "maxLength": length_max}, description
    )


def instant(name: str, description: str) -> QueryParameter:
    """A date and time with its zone (RFC 3339), read as UTC."""

    def read(field: str, given: str) -> datetime:
        try:
            at = msgspec.convert(given, datetime)
            if at.tzinfo is None:
                raise ValueError("no zone")
            return at.astimezone(UTC)
        except (ValueError, OverflowError):
            raise InvalidInput(
                field=field,
                problem="must be a time with its zone such as 2026-01-31T12:00:00Z (and + as %2B)",
            ) from None

    return QueryParameter(name, read, {"type": "string", "format": "date-time"}, description)


def flag(name: str, description: str) -> QueryParameter:
    """`true` or `false`."""

    def read(field: str, given: str) -> bool:
        if given not in {"true", "false"}:
            raise InvalidInput(field=field, problem="must be true or false")
        return given == "true"

    return QueryParameter(name, read, {"type": "boolean"}, description)


def identifier(name: str, description: str) -> QueryParameter:
    """The id of a thing, in its canonical form."""

    def read(field: str, given: str) -> UUID:
        try:
            found: UUID | None = UUID(given)
        except ValueError:
            found = None
        if found is None or str(found) != given:
            raise InvalidInput(
                field=field, problem="must be an id such as 01a20c32-bf61-7484-938d-dc4ce4a621a2"
            )
        return found

    return QueryParameter(name, read, {"type": "string", "format": "uuid"}, description)


def required(parameter: QueryParameter) -> QueryParameter:
    """The same, not to be left out."""
    return replace(parameter, is_required=True)


def by_prefix(name: str, description: str, *, length_max: int) -> QueryParameter:
    """Parameters `name.X`; X and the value are texts of 1 to `length_max` characters."""

    def read(field: str, given: str) -> str:
        for part in (field.removeprefix(f"{name}."), given):
            require_text(field, part, length_max=length_max)
        return given

    return QueryParameter(name, read, {"type": "string"}, description, is_prefix=True)


def cursor() -> QueryParameter:
    """Where the page before ended."""
    return QueryParameter(
        "cursor",
        lambda _, given: from_cursor(given),
        {"type": "string", "pattern": f"^[A-Za-z0-9_-]{{{CURSOR_LENGTH}}}$"},
        "Where the page before ended; take it from its `next`.",
    )


def parse_query(query_string: str, declared: Sequence[QueryParameter]) -> dict[str, Any]:
    """The given parameters by name.

    Raises InvalidInput that names the one that is unknown, repeated, wrong or missing.
    """
    values = _values(query_string, declared) if query_string else {}
    for parameter in declared:
        if parameter.is_required and parameter.name not in values:
            raise InvalidInput(field=parameter.name, problem="is missing")
    return values


def _values(query_string: str, declared: Sequence[QueryParameter]) -> dict[str, Any]:
    if len(query_string) > QUERY_LENGTH_MAX:
        raise InvalidInput(field="query", problem=f"must have at most {QUERY_LENGTH_MAX} characters")
    try:
        pairs = parse_qsl(
            query_string, keep_blank_values=True, errors="strict", max_num_fields=QUERY_PARAMETERS_MAX
        )
    except UnicodeDecodeError:
        raise InvalidInput(field="query", problem="must be percent-encoded UTF-8") from None
    except ValueError:
        raise InvalidInput(
            field="query", problem=f"must have at most {QUERY_PARAMETERS_MAX} parameters"
        ) from None
    by_name = {parameter.name: parameter for parameter in declared if not parameter.is_prefix}
    by_prefix = {parameter.name: parameter for parameter in declared if parameter.is_prefix}
    values: dict[str, Any] = {}
    for name, given in pairs:
        prefix, dot, suffix = name.partition(".")
        if dot and prefix in by_prefix:
            group = values.setdefault(prefix, {})
            if suffix in group:
                raise InvalidInput(field=name, problem="is given twice")
            group[suffix] = by_prefix[prefix].read(name, given)
            continue
        if name not in by_name:
            known = ", ".join([*by_name, *(f"{prefix}.NAME" for prefix in by_prefix)]) or "none"
            raise InvalidInput(field=name, problem=f"is no parameter of this operation; it takes {known}")
        if name in values:
            raise InvalidInput(field=name, problem="is given twice")
        values[name] = by_name[name].read(name, given)
    return values
