"""Ids as they stand in addresses."""

from __future__ import annotations

from uuid import UUID

from domain.errors import NotFound


def known_id(kind: str, text: str) -> UUID:
    """The id of that address, in its one canonical form. Raises NotFound, as for an id that nobody has."""
    try:
        found = UUID(text)
    except ValueError:
        raise NotFound(kind=kind, id=text) from None
    if str(found) != text:
        raise NotFound(kind=kind, id=text)
    return found
