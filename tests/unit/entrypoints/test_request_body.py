"""Reading a request's body from the server's stream."""

from __future__ import annotations

import io
from typing import Any

import pytest

from entrypoints.http_messages.request_body import discard_body, has_body, read_body
from entrypoints.http_messages.request_errors import BodyTooLarge, MalformedBody
from entrypoints.limits import BODY_BYTES_MAX, DISCARD_BYTES_MAX, MIB


class Endless(io.RawIOBase):
    """A body that never ends; it counts what was taken."""

    def __init__(self) -> None:
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        self.taken += size
        return b"x" * size


def request(body: bytes, **changes: Any) -> dict[str, Any]:
    """The environ of a request with that body."""
    return {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), **changes}


class TestABody:
    def test_is_read_to_its_declared_length(self) -> None:
        assert read_body(request(b"hello and more", CONTENT_LENGTH="5")) == b"hello"

    def test_is_empty_when_nothing_is_declared(self) -> None:
        for length in ("", "x", "-1"):
            assert read_body(request(b"hello", CONTENT_LENGTH=length)) == b""

    def test_without_a_length_is_read_where_the_server_ends_it(self) -> None:
        environ = {"wsgi.input": io.BytesIO(b"hello"), "wsgi.input_terminated": True}
        assert read_body(environ) == b"hello"

    def test_may_be_as_large_as_the_limit(self) -> None:
        assert len(read_body(request(b"x" * BODY_BYTES_MAX))) == BODY_BYTES_MAX
        with pytest.raises(BodyTooLarge):
            read_body(request(b"x" * (BODY_BYTES_MAX + 1)))

    def test_that_is_cut_off_is_refused(self) -> None:
        with pytest.raises(MalformedBody):
            read_body(request(b"hel", CONTENT_LENGTH="5"))

    def test_that_breaks_off_is_refused(self) -> None:
        class Broken(io.RawIOBase):
            def read(self, size: int = -1) -> bytes:
                raise OSError("the client is gone")

        with pytest.raises(MalformedBody):
            read_body({"wsgi.input": Broken(), "CONTENT_LENGTH": "5"})

    def test_that_never_ends_is_given_up(self) -> None:
        endless = Endless()
        with pytest.raises(BodyTooLarge):
            read_body({"wsgi.input": endless, "wsgi.input_terminated": True})
        assert endless.taken <= DISCARD_BYTES_MAX + MIB

    def test_that_is_declared_too_large_to_discard_is_not_read(self) -> None:
        endless = Endless()
        with pytest.raises(BodyTooLarge):
            read_body({"wsgi.input": endless, "CONTENT_LENGTH": str(DISCARD_BYTES_MAX + 1)})
        assert endless.taken == 0

    def test_can_be_dropped_whatever_it_is(self) -> None:
        for environ in (
            request(b"x"),
            request(b"x", CONTENT_LENGTH="5"),
            request(b"x" * (BODY_BYTES_MAX + 1)),
        ):
            discard_body(environ)
            assert environ["wsgi.input"].read() == b""

    def test_is_there_when_a_header_says_so(self) -> None:
        assert has_body({"CONTENT_LENGTH": "5"})
        assert has_body({"HTTP_TRANSFER_ENCODING": "chunked"})
        assert not has_body({"CONTENT_LENGTH": "0"})
        assert not has_body({"CONTENT_LENGTH": ""})
        assert not has_body({})
