"""Idempotency keys, request ids, traces and media types."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.idempotency import KEY_LENGTH_MAX
from entrypoints.http_messages.request_errors import NotAcceptable, UnsupportedMediaType
from entrypoints.http_messages.request_headers import (
    RequestIds,
    parse_idempotency_key,
    require_json_accepted,
    require_json_content,
)

VISIBLE = "".join(chr(code) for code in range(0x21, 0x7F))
TRACE, PARENT = "a" * 32, "b" * 16


class TestAKey:
    @pytest.mark.promise("H1")
    @given(st.text(VISIBLE, min_size=1, max_size=KEY_LENGTH_MAX))
    def test_of_any_visible_characters_can_be_quoted(self, key: str) -> None:
        quoted = '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
        assert parse_idempotency_key(quoted) == key

    @pytest.mark.promise("H1")
    @given(
        st.text(
            string.ascii_letters + string.digits + "-_.:~!#$%&'()*+/;<=>?@[]^`{|}", min_size=1, max_size=255
        )
    )
    def test_without_marks_of_quoting_can_be_bare(self, key: str) -> None:
        assert parse_idempotency_key(f" {key}\t") == key

    @pytest.mark.promise("H1")
    @pytest.mark.parametrize(
        "header",
        [
            "",
            '""',
            "a b",
            '"a b"',
            "a,b",
            '"a","b"',
            '"a',
            'a"',
            "a\\b",
            '"a\\b"',
            '"a";p=1',
            "é",
            '"é"',
            "\x1f",
            "k" * 256,
            '"' + "k" * 256 + '"',
        ],
    )
    def test_of_any_other_form_is_refused(self, header: str) -> None:
        with pytest.raises(InvalidInput) as refusal:
            parse_idempotency_key(header)
        assert refusal.value.data["field"] == "Idempotency-Key"


class TestIds:
    @pytest.mark.promise("A6")
    def test_of_the_caller_are_kept(self) -> None:
        ids = RequestIds.of("mine", f"00-{TRACE}-{PARENT}-01")
        assert ids.request_id == "mine"
        assert re.fullmatch(f"00-{TRACE}-[0-9a-f]{{16}}-01", ids.traceparent)
        assert PARENT not in ids.traceparent

    @pytest.mark.promise("A6")
    @pytest.mark.parametrize(
        "header", [f"cc-{TRACE}-{PARENT}-00", f"cc-{TRACE}-{PARENT}-00-more", f"00-{TRACE}-{PARENT}-02"]
    )
    def test_of_a_later_kind_of_trace_are_kept(self, header: str) -> None:
        assert RequestIds.of(None, header).traceparent.startswith(f"00-{TRACE}-")

    @pytest.mark.promise("A6")
    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            "x",
            f"ff-{TRACE}-{PARENT}-01",
            f"00-{'0' * 32}-{PARENT}-01",
            f"00-{TRACE}-{'0' * 16}-01",
            f"00-{TRACE}-{PARENT}-01-more",
            f"00-{TRACE.upper()}-{PARENT}-01",
            f"00-{TRACE}-{PARENT}-1",
            f"cc-{TRACE}-{PARENT}-00-" + "x" * 600,
        ],
    )
    def test_of_no_sound_trace_are_made_anew(self, header: str | None) -> None:
        first, second = (RequestIds.of(None, header) for _ in range(2))
        assert TRACE not in first.traceparent
        assert first.traceparent != second.traceparent
        assert first.request_id != second.request_id


class TestMediaTypes:
    @pytest.mark.parametrize(
        "content_type",
        [
            "application/json",
            "APPLICATION/JSON",
            "application/json; charset=utf-8",
            'application/json;charset="UTF-8"',
            "application/json; charset=utf8",
            "application/json ; x=y",
        ],
    )
    def test_of_json_are_taken(self, content_type: str) -> None:
        require_json_content(content_type, "")
        require_json_content(content_type, "identity")

    @pytest.mark.parametrize(
        "content_type",
        [
            "",
            "json",
            "text/json",
            "application/json; charset=latin-1",
            "application/json, text/plain",
            "application/jsonp",
        ],
    )
    def test_of_anything_else_are_refused(self, content_type: str) -> None:
        with pytest.raises(UnsupportedMediaType):
            require_json_content(content_type, "")

    def test_with_an_encoding_are_refused(self) -> None:
        with pytest.raises(UnsupportedMediaType):
            require_json_content("application/json", "gzip")

    @pytest.mark.parametrize(
        "accept",
        [
            "",
            "*/*",
            "application/json",
            "application/*",
            "text/html, */*;q=0.1",
            "text/html;q=1, application/json;q=0.2",
            "application/json;q=1, */*;q=0",
            "application/*;q=0, application/json",
        ],
    )
    def test_that_admit_json_are_served(self, accept: str) -> None:
        require_json_accepted(accept)

    @pytest.mark.parametrize(
        "accept",
        [
            "text/html",
            "application/json;q=0",
            "application/json;q=0, */*",
            "application/*;q=0.0, */*",
            "application/json;q=x",
            "application/xml",
        ],
    )
    def test_that_leave_json_out_are_not(self, accept: str) -> None:
        with pytest.raises(NotAcceptable):
            require_json_accepted(accept)
