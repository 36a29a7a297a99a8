"""Content-Encoding undone piece by piece, so that a bomb costs no more than the limit."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Final

from application.ports.reading_decoder import DecompressedTooLarge, MalformedBatch

STEP_BYTES: Final = 65_536
"""What is decompressed at a time."""
MEMBERS_MAX: Final = 1_000
"""Of one gzip body: each costs a little, however small it is."""
_WINDOW_BITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}


def decompressed(chunks: Iterable[bytes], encoding: str, *, bytes_max: int) -> bytes:
    """All of it; see the port `Decompress`. Gzip may have several members (RFC 1952); deflate has zlib's frame."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return _joined(chunks, bytes_max)
    if encoding not in _WINDOW_BITS:
        raise MalformedBatch(problem=f"its encoding is none of identity, {', '.join(_WINDOW_BITS)}")
    try:
        return _inflated(chunks, _WINDOW_BITS[encoding], bytes_max)
    except zlib.error as error:
        raise MalformedBatch(problem=f"not {encoding}: {error}") from None


def _joined(chunks: Iterable[bytes], bytes_max: int) -> bytes:
    whole = BytesIO()
    for chunk in chunks:
        whole.write(chunk)
        _require_fit(whole, bytes_max)
    return whole.getvalue()


def _inflated(chunks: Iterable[bytes], window_bits: int, bytes_max: int) -> bytes:
    whole = BytesIO()
    member, members, is_new = zlib.decompressobj(window_bits), 1, True
    for step in _steps(chunks):
        left = step
        is_full = False  # more may come out although everything has gone in
        while left or is_full:
            if member.eof:
                member, members, is_new = zlib.decompressobj(window_bits), members + 1, True
                if members > MEMBERS_MAX:
                    raise MalformedBatch(
                        problem=f"it has more than {MEMBERS_MAX} gzip members; send it as one"
                    )
            piece = member.decompress(left, STEP_BYTES)
            is_new = False
            whole.write(piece)
            _require_fit(whole, bytes_max)
            is_full = len(piece) == STEP_BYTES and not member.eof
            left = member.unused_data if member.eof else member.unconsumed_tail
    if not member.eof and not is_new:
        raise MalformedBatch(problem="its compressed data ends too early; send all of it")
    return whole.getvalue()


def _steps(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in small pieces: what a step leaves over is copied."""
    for chunk in chunks:
        for start in range(0, len(chunk), STEP_BYTES):
            yield chunk[start : start + STEP_BYTES]


def _require_fit(whole: BytesIO, bytes_max: int) -> None:
    if whole.tell() > bytes_max:
        raise DecompressedTooLarge(bytes_max=bytes_max)
