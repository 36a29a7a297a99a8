"""Reading a request's body whole and bounded, with or without a declared length."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from entrypoints.http_messages.request_errors import BodyTooLarge, MalformedBody
from entrypoints.limits import BODY_BYTES_MAX, DISCARD_BYTES_MAX, READ_CHUNK_BYTES


def read_body(environ: Mapping[str, Any], bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """The whole body.

    A body without Content-Length (chunked) is read to its end where the server marks it, which Django would take for
    an empty one. Raises BodyTooLarge above `bytes_max`, after reading and dropping the rest (up to
    DISCARD_BYTES_MAX): an answer sent while the client still writes would reach it as a broken connection. Raises
    MalformedBody if the client stopped before the declared length.
    """
    remaining = _declared_length(environ)
    if remaining is not None and remaining > DISCARD_BYTES_MAX:
        raise BodyTooLarge(bytes_max=bytes_max)
    stream = environ["wsgi.input"]
    chunks: list[bytes] = []
    size = 0
    while size <= DISCARD_BYTES_MAX:
        wanted = READ_CHUNK_BYTES if remaining is None else min(READ_CHUNK_BYTES, remaining - size)
        try:
            chunk = stream.read(wanted) if wanted else b""
        except OSError:
            chunk = b""
        if not chunk:
            break
        size += len(chunk)
        if size <= bytes_max:
            chunks.append(chunk)
    if size > bytes_max:
        raise BodyTooLarge(bytes_max=bytes_max)
    if remaining is not None and size < remaining:
        raise MalformedBody(problem=f"{size} bytes came of the {remaining} that were declared")
    return b"".join(chunks)


def has_body(environ: Mapping[str, Any]) -> bool:
    """Whether the request came with a body at all (RFC 9112, section 6.3)."""
    return environ.get("CONTENT_LENGTH", "") not in {"", "0"} or "HTTP_TRANSFER_ENCODING" in environ


def discard_body(environ: Mapping[str, Any]) -> None:
    """Read the body and drop it, for an answer that comes before anybody has read it."""
    with contextlib.suppress(BodyTooLarge, MalformedBody):
        read_body(environ)


def _declared_length(environ: Mapping[str, Any]) -> int | None:
    """Content-Length; None where the stream itself ends with the body (a WSGI extension: wsgi.input_terminated)."""
    text = environ.get("CONTENT_LENGTH", "")
    if text.isascii() and text.isdigit():
        return int(text[:20])
    return None if environ.get("wsgi.input_terminated") else 0
