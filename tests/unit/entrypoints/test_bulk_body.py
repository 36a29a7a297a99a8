"""Reading a large body, plain or gzipped, within its bounds."""

from __future__ import annotations

import gzip
import io
import threading
import tracemalloc
import zlib
from typing import Any

import pytest

from domain.errors import DomainError
from entrypoints.http_messages.bulk_body import ByteBudget, TooManyBodies, bulk_body
from entrypoints.http_messages.request_errors import BodyTooLarge, MalformedBody, UnsupportedContentEncoding
from entrypoints.limits import MIB

TEXT = b"pump-7 temperature=21.5\n" * 40_000


def request(body: bytes, encoding: str = "", **changes: Any) -> dict[str, Any]:
    """The environ of a request with that body."""
    return {
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": encoding,
        **changes,
    }


def read(environ: dict[str, Any], **options: Any) -> bytes:
    with bulk_body(environ, **options) as body:
        return body


def a_bomb(size: int) -> bytes:
    """Gzip of so many zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    block = bytes(MIB)
    return b"".join([*(packer.compress(block) for _ in range(size // MIB)), packer.flush()])


@pytest.mark.promise("W5", "W6")
class TestABulkBody:
    def test_comes_plain_gzipped_or_in_several_members(self) -> None:
        assert read(request(TEXT)) == read(request(TEXT, "identity")) == TEXT
        assert read(request(gzip.compress(TEXT), "gzip")) == TEXT
        assert read(request(gzip.compress(TEXT) + gzip.compress(b"more"), "X-GZIP")) == TEXT + b"more"
        chunked = {"wsgi.input": io.BytesIO(gzip.compress(TEXT)), "wsgi.input_terminated": True}
        assert read({**chunked, "HTTP_CONTENT_ENCODING": "gzip"}) == TEXT
        assert read(request(b"", "gzip")) == read(request(b"")) == b""

    def test_of_lines_and_no_declared_length_ends_its_last_line(self) -> None:
        """Whoever breaks off within a number has written another number."""
        whole, cut = b"a b=97.5\n", b"a b=97.5\na b=9"
        unmeasured: dict[str, Any] = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
        assert read(request(whole, **unmeasured), by_line=True) == whole
        assert read(request(b"", **unmeasured), by_line=True) == b""
        assert read(request(cut), by_line=True) == read(request(cut, **unmeasured)) == cut
        assert read(request(gzip.compress(cut), "gzip", **unmeasured), by_line=True) == cut
        with pytest.raises(MalformedBody):
            read(request(cut, **unmeasured), by_line=True)

    @pytest.mark.parametrize("size", [64 * MIB, 256 * MIB])
    def test_of_a_bomb_is_unpacked_to_the_limit_and_no_further(self, size: int) -> None:
        bomb = a_bomb(size)
        tracemalloc.start()
        try:
            with pytest.raises(BodyTooLarge):
                read(request(bomb, "gzip"), bytes_max=4 * MIB)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 6 * MIB

    def test_has_an_end_even_if_it_unpacks_to_nothing(self) -> None:
        with pytest.raises(BodyTooLarge):
            read(request(gzip.compress(b"") * 100_000, "gzip"), bytes_max=MIB)

    @pytest.mark.parametrize(
        ("body", "encoding", "refusal"),
        [
            (gzip.compress(TEXT)[:-9], "gzip", MalformedBody),
            (gzip.compress(TEXT)[:200], "gzip", MalformedBody),
            (gzip.compress(TEXT) + b"rubbish", "gzip", MalformedBody),
            (TEXT, "gzip", MalformedBody),
            (TEXT, "br", UnsupportedContentEncoding),
        ],
    )
    def test_that_is_broken_is_refused(self, body: bytes, encoding: str, refusal: type[DomainError]) -> None:
        with pytest.raises(refusal):
            read(request(body, encoding))

    def test_that_ends_before_its_declared_length_is_refused(self) -> None:
        with pytest.raises(MalformedBody, match="of the 100 that were declared"):
            read(request(b"half", CONTENT_LENGTH="100"))


@pytest.mark.promise("W6")
class TestTheBudget:
    def test_is_shared_and_given_back(self) -> None:
        budget = ByteBudget(len(TEXT) + 10)
        with bulk_body(request(TEXT), budget=budget) as body:
            assert body == TEXT
            with pytest.raises(TooManyBodies, match="again in 1 s"):
                read(request(b"x" * 11), budget=budget)
            assert read(request(b"x" * 10), budget=budget) == b"x" * 10
        with pytest.raises(BodyTooLarge):
            read(request(TEXT), bytes_max=1000, budget=budget)
        assert read(request(TEXT), budget=budget) == TEXT

    def test_is_never_overdrawn(self) -> None:
        budget, refused = ByteBudget(64), []

        def run() -> None:
            for _ in range(2_000):
                try:
                    budget.take(48)
                except TooManyBodies:
                    refused.append(1)
                    continue
                budget.take(16)
                budget.give_back(64)

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        budget.take(64)
        with pytest.raises(TooManyBodies):
            budget.take(1)
