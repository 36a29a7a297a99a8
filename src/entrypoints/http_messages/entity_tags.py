"""Entity tags, `"<aggregate id>-<version>"`, and the header If-Match (RFC 9110, sections 8.8.3 and
13.1.1)."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from domain.aggregate import VersionTag
from domain.errors import InvalidInput
from entrypoints.limits import IF_MATCH_LENGTH_MAX, IF_MATCH_TAGS_MAX, VERSION_MAX

# entity-tag = [ weak ] opaque-tag; opaque-tag = DQUOTE *etagc DQUOTE; etagc leaves out quote, space and
# controls.
_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_SEPARATOR: Final = re.compile(r"[ \t]*,[ \t,]*")
_OURS: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-([1-9][0-9]{0,9})", re.ASCII)


def entity_tag(id: UUID | str, version: int) -> str:
    """The strong tag of an aggregate at a version."""
    return f'"{id}-{version}"'


def parse_if_match(header: str) -> tuple[VersionTag, ...] | None:
    """The versions that the caller accepts; None for `*`, which accepts any.

    Tags that can't match are left out: weak ones, since If-Match compares strongly, and those that this service never
    gave. A repeated header arrives joined by commas and is one list (RFC 9110, section 5.3). Raises InvalidInput for
    what is no list of entity tags.
    """
    text = header.strip(" \t")
    if text == "*":
        return None
    if len(text) > IF_MATCH_LENGTH_MAX:
        raise InvalidInput(field="If-Match", problem=f"must have at most {IF_MATCH_LENGTH_MAX} characters")
    accepted, position, count = [], 0, 0
    while True:
        tag = _TAG.match(text, position)
        if tag is None:
            raise InvalidInput(field="If-Match", problem='must be entity tags such as "id-1", or *')
        count += 1
        if count > IF_MATCH_TAGS_MAX:
            raise InvalidInput(field="If-Match", problem=f"must have at most {IF_MATCH_TAGS_MAX} tags")
        ours = None if tag[1] else _OURS.fullmatch(tag[2])
        if ours and int(ours[2]) <= VERSION_MAX:
            accepted.append(VersionTag(UUID(ours[1]), int(ours[2])))
        if tag.end() == len(text):
            return tuple(accepted)
        separator = _SEPARATOR.match(text, tag.end())
        if separator is None:
            raise InvalidInput(field="If-Match", problem="must have commas between its entity tags")
        position = separator.end()
