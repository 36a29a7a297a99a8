"""JSON bodies to commands: structs derived from the command dataclasses, decoded strictly.

A body is checked for everything that can be said of it alone: syntax, types, lengths, ranges, unknown and repeated
names. What needs knowledge of the domain (currencies, sums) is left to the domain.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec

from domain.errors import InvalidInput
from entrypoints.http_messages.request_errors import MalformedBody

_PATH: Final = re.compile(r"(?P<problem>.*) - at `\$(?P<path>.*)`", re.DOTALL)
_NAMED_FIELD: Final = re.compile(
    r"Object (?P<what>contains unknown|missing required) field `(?P<name>.*)`", re.DOTALL
)
_NUL: Final = "\x00"

Encoder: Final = msgspec.json.Encoder()
_CANONICAL: Final = msgspec.json.Encoder(order="sorted")


class _Repeated(Exception):
    """A name stands twice in one object."""


class BodyDecoder:
    """Reads the bodies of one command.

    `rules` gives each field of the command that comes from the body, by `<command>.<field>`, with what is
    asked of its text, number or list. Fields without a rule come from elsewhere (the address, a header).
    """

    def __init__(
        self, command: type, rules: Mapping[str, msgspec.Meta], examples: tuple[Mapping[str, Any], ...]
    ):
        self.struct = _struct_of(command, rules)
        self.examples = examples
        self._decoder = msgspec.json.Decoder(self.struct)
        self._to_fields = _fields_of(self.struct, command)

    def decode(self, raw: bytes) -> tuple[dict[str, Any], bytes]:
        """The command's fields, and the body's canonical form: names in order, no spacing (H5).

        Raises MalformedBody for what is not JSON in UTF-8, InvalidInput that names the field for the rest.
        """
        if not raw:
            raise MalformedBody(problem="it is empty")
        try:
            text = raw.decode()
            fields = self._to_fields(self._decoder.decode(raw))
            # A second reading, because the first one keeps the last of two equal names without a word.
            document = json.loads(text, object_pairs_hook=_without_repetition)
        except UnicodeDecodeError as error:
            raise MalformedBody(problem=f"byte {error.start} is no UTF-8") from None
        except msgspec.ValidationError as error:
            raise _invalid(str(error)) from None
        except (msgspec.DecodeError, json.JSONDecodeError) as error:
            raise MalformedBody(problem=f"it is no JSON: {error}") from None
        except RecursionError:
            raise MalformedBody(problem="it is nested too deeply") from None
        except _Repeated as repeated:
            raise InvalidInput(field=str(repeated), problem="stands twice in one object") from None
        if "\\u0000" in text:
            _require_no_nul(document, "")
        return fields, _CANONICAL.encode(document)


def _struct_of(command: type, rules: Mapping[str, msgspec.Meta]) -> type[msgspec.Struct]:
    hints = get_type_hints(command)
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for field in dataclasses.fields(command):
        rule = rules.get(f"{command.__name__}.{field.name}")
        if rule is None:
            continue
        annotation = _constrained(hints[field.name], rule, rules)
        if field.default is dataclasses.MISSING:
            fields.append((field.name, annotation))
        else:
            fields.append((field.name, annotation, field.default))
    return msgspec.defstruct(
        command.__name__,
        fields,
        namespace={"__doc__": command.__doc__},
        kw_only=True,
        frozen=True,
        forbid_unknown_fields=True,
    )


def _constrained(hint: Any, rule: msgspec.Meta, rules: Mapping[str, msgspec.Meta]) -> Any:
    if get_origin(hint) in (Union, UnionType):
        present = [choice for choice in get_args(hint) if choice is not type(None)]
        return _constrained(present[0], rule, rules) | None
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        hint = tuple[_struct_of(item, rules), ...]  # type: ignore[misc]
    return Annotated[hint, rule]


def _fields_of(struct: type[msgspec.Struct], command: type) -> Callable[[Any], dict[str, Any]]:
    """How a decoded struct becomes the fields of the command; nested structs become the command's own parts."""
    hints = get_type_hints(command)
    names = struct.__struct_fields__
    parts = {name: get_args(hints[name])[0] for name in names if get_origin(hints[name]) is tuple}
    instants = [name for name in names if datetime in (hints[name], *get_args(hints[name]))]

    def fields_of(body: Any) -> dict[str, Any]:
        fields = {name: getattr(body, name) for name in names}
        for name, part in parts.items():
            part_names = fields[name][0].__struct_fields__ if fields[name] else ()
            fields[name] = tuple(
                part(**{key: getattr(item, key) for key in part_names}) for item in fields[name]
            )
        for name in instants:
            if fields[name] is not None:
                fields[name] = _in_utc(name, fields[name])
        return fields

    return fields_of


def _in_utc(field: str, at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(field=field, problem="lies outside of the calendar") from None


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        names = [name for name, _ in pairs]
        raise _Repeated(next(name for name in names if names.count(name) > 1))
    return unique


def _invalid(message: str) -> InvalidInput:
    """The decoder's words with the field's name as callers write it: `lines[0].quantity`."""
    found = _PATH.fullmatch(message)
    problem, path = (found["problem"], found["path"]) if found else (message, "")
    path = path.removeprefix(".")
    if named := _NAMED_FIELD.fullmatch(problem):
        is_unknown = named["what"].startswith("contains")
        path = f"{path}.{named['name']}" if path else named["name"]
        problem = "is no field of this body" if is_unknown else "is required"
    return InvalidInput(field=path or "body", problem=problem)


def _require_no_nul(value: Any, path: str) -> None:
    match value:
        case str() if _NUL in value:
            raise InvalidInput(field=path or "body", problem="must not contain the character NUL")
        case dict():
            for name, item in value.items():
                _require_no_nul(item, f"{path}.{name}" if path else name)
        case list():
            for index, item in enumerate(value):
                _require_no_nul(item, f"{path}[{index}]")
