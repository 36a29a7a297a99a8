"""The rule for every text that comes from outside."""

from __future__ import annotations

from domain.errors import InvalidInput


def require_text(field: str, text: str, *, length_max: int, length_min: int = 1) -> None:
    """Raise InvalidInput unless `text` has `length_min` to `length_max` characters, none of them NUL.

    NUL is refused since neither PostgreSQL text nor most log and CSV readers can hold it.
    """
    if not length_min <= len(text) <= length_max:
        raise InvalidInput(field=field, problem=f"must have {length_min} to {length_max} characters")
    if "\x00" in text:
        raise InvalidInput(field=field, problem="must not contain the character NUL")
