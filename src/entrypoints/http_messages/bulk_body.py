"""Reading a large body, plain or compressed, without ever holding more of it than is allowed.

Both sizes are bounded while they are read: what comes over the wire, and what it unpacks to, so that a decompression
bomb stops at the limit and not after it (W6). All bodies that a process holds at once share one budget; who finds
it used up is told to come again.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from application.conflict_retry import Overloaded
from entrypoints.http_messages.request_body import body_chunks, discard_body, is_measured
from entrypoints.http_messages.request_errors import BodyTooLarge, MalformedBody, UnsupportedContentEncoding
from entrypoints.limits import BULK_BODY_BYTES_MAX, BULK_BYTES_IN_FLIGHT_MAX, READ_CHUNK_BYTES

_GZIP: Final = 16 + zlib.MAX_WBITS
_PLAIN: Final = frozenset({"", "identity"})
_GZIPPED: Final = frozenset({"gzip", "x-gzip"})


class TooManyBodies(Overloaded):
    """This process holds as many readings as it may at once; send the batch again in {retry_after_s} s."""


class ByteBudget:
    """How many bytes of bodies a process may hold; shared by its threads."""

    def __init__(self, bytes_max: int) -> None:
        self._lock = threading.Lock()
        self._left = bytes_max

    def take(self, count: int) -> None:
        """Raises TooManyBodies, and takes nothing, if so many are not left."""
        with self._lock:
            if count > self._left:
                raise TooManyBodies(retry_after_s=1, tries=1)
            self._left -= count

    def give_back(self, count: int) -> None:
        """What was taken."""
        with self._lock:
            self._left += count


_BUDGET: Final = ByteBudget(BULK_BYTES_IN_FLIGHT_MAX)


@contextmanager
def bulk_body(
    environ: Mapping[str, Any],
    *,
    by_line: bool = False,
    bytes_max: int = BULK_BODY_BYTES_MAX,
    budget: ByteBudget = _BUDGET,
) -> Iterator[bytes]:
    """The whole body, unpacked; its bytes count against the budget until the block ends.

    `by_line`: a number cut short would be another number. A plain body of no declared length has to end its last
    line then, since nothing else tells a whole body from one that a broken connection cut off.

    Raises BodyTooLarge, after dropping the rest (its `is_one_line`: no line has ended by then); MalformedBody for a
    body that ends early or is no gzip; UnsupportedContentEncoding; TooManyBodies.
    """
    encoding = environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if encoding not in _PLAIN | _GZIPPED:
        raise UnsupportedContentEncoding(encoding=encoding[:50])
    taken = 0
    pieces: list[bytes] = []
    try:
        try:
            chunks = body_chunks(environ)
            for piece in _unpacked(chunks, bytes_max) if encoding in _GZIPPED else chunks:
                if taken + len(piece) > bytes_max:
                    is_one_line = not any(b"\n" in each for each in (*pieces, piece.rstrip()))
                    raise BodyTooLarge(bytes_max=bytes_max, is_one_line=is_one_line)
                budget.take(len(piece))
                taken += len(piece)
                pieces.append(piece)
        except (BodyTooLarge, MalformedBody, TooManyBodies):
            discard_body(environ)
            raise
        body = b"".join(pieces)
        if by_line and body and not body.endswith(b"\n") and encoding in _PLAIN and not is_measured(environ):
            raise MalformedBody(
                problem="it may have been cut off; end its last line with a line break, or send Content-Length"
            )
        yield body
    finally:
        budget.give_back(taken)


def _unpacked(chunks: Iterator[bytes], bytes_max: int) -> Iterator[bytes]:
    """Several gzip members after each other are one body (RFC 1952, section 2.2)."""
    unpacker = zlib.decompressobj(_GZIP)
    is_fed, packed = False, 0
    try:
        for chunk in chunks:
            packed += len(chunk)
            if packed > bytes_max:
                raise BodyTooLarge(bytes_max=bytes_max)
            rest = chunk
            while rest:
                if unpacker.eof:
                    unpacker = zlib.decompressobj(_GZIP)
                is_fed = True
                yield unpacker.decompress(rest, READ_CHUNK_BYTES)
                rest = unpacker.unconsumed_tail or unpacker.unused_data
    except zlib.error as error:
        raise MalformedBody(problem=f"its gzip can't be unpacked ({error})") from None
    while not unpacker.eof and (piece := unpacker.decompress(b"", READ_CHUNK_BYTES)):
        yield piece
    if is_fed and not unpacker.eof:
        raise MalformedBody(problem="its gzip ends early")
