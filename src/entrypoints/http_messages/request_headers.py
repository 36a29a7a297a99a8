"""The request headers that the API reads, but for If-Match: keys, ids, media types."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Final

from domain.errors import InvalidInput
from domain.idempotency import KEY_LENGTH_MAX
from entrypoints.http_messages.request_errors import NotAcceptable, UnsupportedMediaType
from entrypoints.limits import REQUEST_ID_LENGTH_MAX, TRACEPARENT_LENGTH_MAX

JSON: Final = "application/json"
RESPOND_ASYNC: Final = "respond-async"
"""The preference of RFC 7240, section 4.1."""

# A comma can't stand in a bare key: that is how two headers arrive that were sent as one too many.
_BARE_KEY: Final = re.compile(r"[!#-+\--\[\]-~]+", re.ASCII)
# sf-string of RFC 9651, section 3.3.3, but for spaces.
_QUOTED_KEY: Final = re.compile(r'"((?:[!#-\[\]-~]|\\["\\])*)"', re.ASCII)
_ESCAPE: Final = re.compile(r'\\(["\\])')
_REQUEST_ID: Final = re.compile(rf"[!-~]{{1,{REQUEST_ID_LENGTH_MAX}}}", re.ASCII)
# Versions after 00 may add fields behind a further dash (Trace Context, section 3.2.4); ff is forbidden.
_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_LEXEME: Final = re.compile(
    r"""(?:(?P<token>[!#$%&'*+\-.^_`|~0-9A-Za-z]+)|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<mark>[=;,]))[ \t]*""",
    re.ASCII,
)
_ZEROS: Final = re.compile(r"0+")
_SAMPLED: Final = 1


def parse_idempotency_key(header: str) -> str:
    """The key, bare (`abc`) or as a quoted string (`"abc"`); both name the same key.

    Raises InvalidInput unless it is one key of 1 to KEY_LENGTH_MAX visible ASCII characters.
    """
    text = header.strip(" \t")
    if _BARE_KEY.fullmatch(text):
        key = text
    elif quoted := _QUOTED_KEY.fullmatch(text):
        key = _ESCAPE.sub(r"\1", quoted[1])
    else:
        raise InvalidInput(
            field="Idempotency-Key",
            problem="must be one key of visible ASCII; commas, quotes and backslashes need a quoted string",
        )
    if not 1 <= len(key) <= KEY_LENGTH_MAX:
        raise InvalidInput(field="Idempotency-Key", problem=f"must have 1 to {KEY_LENGTH_MAX} characters")
    return key


@dataclass(frozen=True, slots=True)
class RequestIds:
    """What names a request in answers, logs and events."""

    request_id: str
    traceparent: str

    @classmethod
    def of(cls, request_id: str | None, traceparent: str | None) -> RequestIds:
        """Take the caller's ids where they are sound, and make the others.

        The trace goes on under its id with a span of our own (W3C Trace Context, level 1).
        """
        if request_id is None or not _REQUEST_ID.fullmatch(request_id):
            request_id = os.urandom(16).hex()
        trace_id, flags = _parse_traceparent(traceparent)
        return cls(request_id, f"00-{trace_id}-{os.urandom(8).hex()}-{flags:02x}")


def _parse_traceparent(header: str | None) -> tuple[str, int]:
    """Trace id and flags of a valid header, of a new trace for any other."""
    parts = _TRACEPARENT.fullmatch(header) if header and len(header) <= TRACEPARENT_LENGTH_MAX else None
    if parts is not None:
        version, trace_id, parent_id, flags, more = parts.groups()
        sound = version != "ff" and not (version == "00" and more)
        if sound and not _ZEROS.fullmatch(trace_id) and not _ZEROS.fullmatch(parent_id):
            return trace_id, int(flags, 16) & _SAMPLED
    return os.urandom(16).hex(), _SAMPLED


def parse_prefer(header: str) -> Mapping[str, str]:
    """What the caller prefers, by name in small letters; "" for a preference without a value (RFC 7240, section 2).

    Of one that stands twice the first counts; their parameters are left out. What can't be read is no preference:
    nobody may be refused on its account.
    """
    parts: list[list[tuple[str | None, str]]] = [[]]
    place, text = 0, header.strip(" \t")
    while place < len(text):
        lexeme = _LEXEME.match(text, place)
        if lexeme is None:
            return {}
        place, kind = lexeme.end(), lexeme.lastgroup
        if lexeme["mark"] == ",":
            parts.append([])
        else:
            parts[-1].append((kind, lexeme[kind or 0]))
    found: dict[str, str] = {}
    for part in parts:
        match part:
            case [("token", name), ("mark", "="), ("token" | "quoted", value), *rest]:
                pass
            case [("token", name), *rest]:
                value = ""
            case _:
                continue
        if not rest or rest[0] == ("mark", ";"):
            found.setdefault(name.lower(), _ESCAPE.sub(r"\1", value))
    return found


@functools.lru_cache(maxsize=256)
def require_json_content(content_type: str, content_encoding: str) -> None:
    """Raises UnsupportedMediaType unless a body of these headers is plain JSON in UTF-8."""
    message = Message()
    message["Content-Type"] = content_type
    parameters = dict(message.get_params(failobj=[])[1:])
    charset = str(parameters.pop("charset", "utf-8")).lower()
    if media_type_of(content_type) != JSON or charset not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType(content_type=content_type)
    if content_encoding.strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaType(content_type=f"{content_type}, encoded as {content_encoding}")


def media_type_of(content_type: str) -> str:
    """The media type alone, in small letters."""
    return content_type.partition(";")[0].strip().lower()


def require_content(content_type: str, media_types: Collection[str]) -> None:
    """Raises UnsupportedMediaType unless the header names one of these."""
    if media_type_of(content_type) not in media_types:
        raise UnsupportedMediaType(content_type=content_type, expected=", ".join(media_types))


@functools.lru_cache(maxsize=256)
def require_json_accepted(accept: str) -> None:
    """Raises NotAcceptable if `Accept` leaves JSON out (RFC 9110, section 12.5.1: the most specific range wins)."""
    qualities = {}
    for part in accept.split(","):
        media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
        qualities[media_range] = _quality(parameters)
    for media_range in (JSON, "application/*", "*/*"):
        if media_range in qualities:
            if qualities[media_range] > 0:
                return
            break
    else:
        if qualities.keys() <= {""}:
            return
    raise NotAcceptable(accept=accept)


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
