"""Reading a request's body whole and bounded, with or without a declared length."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
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
    chunks: list[bytes] = []
    size = 0
    for chunk in body_chunks(environ):
        size += len(chunk)
        if size > DISCARD_BYTES_MAX:
            break
        if size <= bytes_max:
            chunks.append(chunk)
    if size > bytes_max:
        raise BodyTooLarge(bytes_max=bytes_max)
    return b"".join(chunks)


def body_chunks(environ: Mapping[str, Any]) -> Iterator[bytes]:
    """The body as it comes. Raises MalformedBody at its end if the client stopped before the declared length."""
    declared = _declared_length(environ)
    stream = environ["wsgi.input"]
    size = 0
    while declared is None or size < declared:
        wanted = READ_CHUNK_BYTES if declared is None else min(READ_CHUNK_BYTES, declared - size)
        try:
            chunk = stream.read(wanted)
        except OSError:
            chunk = b""
        if not chunk:
            break
        size += len(chunk)
        yield chunk
    if declared is not None and size < declared:
        raise MalformedBody(problem=f"{size} bytes came of the {declared} that were declared")


def has_body(environ: Mapping[str, Any]) -> bool:
    """Whether the request came with a body at all (RFC 9112, section 6.3)."""
    return environ.get("CONTENT_LENGTH", "") not in {"", "0"} or "HTTP_TRANSFER_ENCODING" in environ


def is_measured(environ: Mapping[str, Any]) -> bool:
    """Whether the body's length is declared, so that an end that came too early is noticed.

    Without it the server's stream ends alike for a body that is whole and for a connection that broke.
    """
    return _declared_length(environ) is not None


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
