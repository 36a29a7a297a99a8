"""The rule for every text that comes from outside."""

from __future__ import annotations

import re
from typing import Final

from domain.errors import InvalidInput

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def require_text(field: str, text: str, *, length_max: int, length_min: int = 1) -> None:
    """Raise InvalidInput unless `text` has `length_min` to `length_max` characters that can be stored.

    NUL is refused since neither PostgreSQL text nor most log and CSV readers can hold it; a lone half of a
    surrogate pair, which JSON can spell, since it is no character and has no form in UTF-8.
    """
    if not length_min <= len(text) <= length_max:
        raise InvalidInput(field=field, problem=f"must have {length_min} to {length_max} characters")
    if "\x00" in text:
        raise InvalidInput(field=field, problem="must not contain the character NUL")
    if _SURROGATE.search(text):
        raise InvalidInput(field=field, problem="must not contain half a surrogate pair")
