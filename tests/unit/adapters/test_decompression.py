"""Undoing a Content-Encoding: whole, or a clear refusal, within the limit."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.reading_formats.compression import MEMBERS_MAX, decompressed
from application.ports.reading_decoder import DecompressedTooLarge, MalformedBatch

MIB = 1_048_576
TEXT = b"pump-7 temperature=21.5 1767225600000000000\n" * 5_000


def in_pieces(body: bytes, size: int) -> Iterator[bytes]:
    """The body as a server hands it over."""
    return (body[at : at + size] for at in range(0, len(body), size))


class TestABodyThatIsWhole:
    @given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.integers(1, 50))
    def test_comes_out_whatever_its_pieces_and_members(self, members: list[bytes], size: int) -> None:
        body = b"".join(gzip.compress(member) for member in members)
        assert decompressed(in_pieces(body, size), "gzip", bytes_max=1_000) == b"".join(members)

    @pytest.mark.parametrize("size", [1, 1_000, 10 * MIB])
    def test_comes_out_in_every_encoding_up_to_the_limit(self, size: int) -> None:
        for encoding, body in {
            "GZIP": gzip.compress(TEXT),
            "x-gzip": gzip.compress(TEXT),
            "deflate": zlib.compress(TEXT),
            "identity": TEXT,
        }.items():
            assert decompressed(in_pieces(body, size), encoding, bytes_max=len(TEXT)) == TEXT
            with pytest.raises(DecompressedTooLarge):
                decompressed(in_pieces(body, size), encoding, bytes_max=len(TEXT) - 1)

    def test_may_be_empty(self) -> None:
        for encoding in ("gzip", "identity"):
            assert decompressed([], encoding, bytes_max=1) == b""


class TestABodyThatIsNot:
    @pytest.mark.promise("W6")
    def test_a_bomb_costs_no_more_than_the_limit(self) -> None:
        bomb = zlib.compressobj(9, wbits=31)
        header = bomb.compress(bytes(MIB)) + bomb.flush(zlib.Z_FULL_FLUSH)
        mebibyte = bomb.compress(bytes(MIB)) + bomb.flush(zlib.Z_FULL_FLUSH)
        body = header + mebibyte * 1_023 + bomb.flush()
        assert len(body) < 2 * MIB
        tracemalloc.start()
        try:
            with pytest.raises(DecompressedTooLarge):
                decompressed([body], "gzip", bytes_max=8 * MIB)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 12 * MIB

    @pytest.mark.promise("W6")
    def test_many_small_members_are_refused(self) -> None:
        with pytest.raises(MalformedBatch, match="members"):
            decompressed([gzip.compress(b"") * (MEMBERS_MAX + 1)], "gzip", bytes_max=MIB)

    @given(st.data())
    def test_a_cut_or_broken_one_is_refused_or_harmless(self, data: st.DataObject) -> None:
        body = bytearray(gzip.compress(TEXT[:2_000]))
        del body[data.draw(st.integers(1, len(body) - 1), "cut") :]
        with pytest.raises(MalformedBatch):
            decompressed([bytes(body)], "gzip", bytes_max=MIB)
        noise = data.draw(st.binary(min_size=1), "noise")
        with pytest.raises(MalformedBatch):
            decompressed([noise], "gzip", bytes_max=MIB)

    def test_an_unknown_encoding_is_refused(self) -> None:
        with pytest.raises(MalformedBatch, match="gzip"):
            decompressed([b"x"], "br", bytes_max=MIB)
