"""Cursors of lists."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.ports.read_models import PageKey
from domain.errors import InvalidInput
from entrypoints.http_messages.cursors import from_cursor, to_cursor
from entrypoints.limits import CURSOR_LENGTH


class TestACursor:
    @pytest.mark.promise("A3")
    @given(st.datetimes(timezones=st.just(UTC)), st.uuids())
    def test_is_a_page_key_written_down(self, created_at: datetime, id: object) -> None:
        key = PageKey(created_at, id)  # type: ignore[arg-type]
        assert len(to_cursor(key)) == CURSOR_LENGTH
        assert from_cursor(to_cursor(key)) == key

    @given(st.text(max_size=40) | st.text("AZaz09-_+/=", min_size=32, max_size=32))
    def test_of_anybody_elses_making_is_refused_or_read(self, text: str) -> None:
        with contextlib.suppress(InvalidInput):
            assert from_cursor(text).created_at.tzinfo is UTC
