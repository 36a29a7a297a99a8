"""Where a page of a list ended, as an opaque text of fixed length: microseconds and id in base64url."""

from __future__ import annotations

import base64
import binascii
import struct
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from application.ports.read_models import PageKey
from domain.errors import InvalidInput
from entrypoints.limits import CURSOR_LENGTH

_LAYOUT: Final = struct.Struct(">q16s")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_cursor(key: PageKey) -> str:
    """The text of a page key."""
    micros = (key.created_at - _EPOCH) // _MICROSECOND
    return base64.urlsafe_b64encode(_LAYOUT.pack(micros, key.id.bytes)).decode()


def from_cursor(text: str) -> PageKey:
    """The page key of a text. Raises InvalidInput for any text that `to_cursor` never made."""
    try:
        if len(text) != CURSOR_LENGTH:
            raise ValueError("length")
        micros, id_bytes = _LAYOUT.unpack(base64.b64decode(text, altchars="-_", validate=True))
        return PageKey(_EPOCH + micros * _MICROSECOND, UUID(bytes=id_bytes))
    except (ValueError, binascii.Error, struct.error, OverflowError):
        raise InvalidInput(
            field="cursor", problem="take it from `next` of the page before, as it stands"
        ) from None
