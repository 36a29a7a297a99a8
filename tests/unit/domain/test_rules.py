"""The smaller rules: texts, request keys, retention."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.system_clock import new_id
from builders import NOON
from domain.errors import InvalidInput
from domain.idempotency import KEY_KEPT_FOR, KEY_LENGTH_MAX, KeyReused, RequestKey
from domain.retention import REASON_LENGTH_MAX, Deletion, RetentionPolicy
from domain.text import require_text

PARTS = st.lists(st.binary(max_size=3), max_size=4)
HALVES = (chr(0xD800), chr(0xDFFF), "a" + chr(0xDC00))
"""Texts with half a surrogate pair."""


class TestAText:
    @pytest.mark.parametrize("text", ["a", "abc", "äöü", "☕☕☕", "\n", "𝄞"])
    def test_of_the_right_length_passes(self, text: str) -> None:
        require_text("field", text, length_max=3)

    def test_may_be_empty_where_that_is_said(self) -> None:
        require_text("field", "", length_max=3, length_min=0)

    @pytest.mark.parametrize("text", ["", "abcd", "a\x00", *HALVES])
    def test_is_refused_by_name(self, text: str) -> None:
        with pytest.raises(InvalidInput, match=r"^field: must"):
            require_text("field", text, length_max=3)

    @given(text=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=9))
    def test_passes_when_it_can_be_stored(self, text: str) -> None:
        require_text("field", text, length_max=9)


class TestARequestKey:
    @pytest.mark.promise("H1")
    @pytest.mark.parametrize("key", ["", "x" * (KEY_LENGTH_MAX + 1)])
    def test_has_a_bounded_length(self, key: str) -> None:
        with pytest.raises(InvalidInput) as refusal:
            RequestKey.of(key, b"")
        assert refusal.value.data["field"] == "Idempotency-Key"

    @pytest.mark.promise("H3")
    def test_knows_its_own_request_again(self) -> None:
        first = RequestKey.of("k", b"POST", b"/orders", b"{}")
        RequestKey.of("k", b"POST", b"/orders", b"{}").require_same_request(first.fingerprint)
        with pytest.raises(KeyReused):
            RequestKey.of("k", b"POST", b"/orders", b"[]").require_same_request(first.fingerprint)

    @given(parts=PARTS, others=PARTS)
    def test_has_one_fingerprint_for_each_content(self, parts: list[bytes], others: list[bytes]) -> None:
        same = RequestKey.of("k", *parts).fingerprint == RequestKey.of("k", *others).fingerprint
        assert same == (parts == others)


class TestRetention:
    def test_ends_when_its_time_has_run_out(self) -> None:
        deletion = Deletion(new_id(), "alice", "", NOON)
        policy = RetentionPolicy(timedelta(days=30))
        assert not policy.may_be_purged(deletion, now=NOON + timedelta(days=30, microseconds=-1))
        assert policy.may_be_purged(deletion, now=NOON + timedelta(days=30))

    @pytest.mark.promise("D7")
    def test_is_never_shorter_than_the_life_of_a_request_key(self) -> None:
        RetentionPolicy(KEY_KEPT_FOR)
        with pytest.raises(InvalidInput) as refusal:
            RetentionPolicy(KEY_KEPT_FOR - timedelta(microseconds=1))
        assert refusal.value.data["field"] == "keep_for"

    def test_asks_for_a_short_reason(self) -> None:
        with pytest.raises(InvalidInput) as refusal:
            Deletion(new_id(), "alice", "x" * (REASON_LENGTH_MAX + 1), NOON)
        assert refusal.value.data["field"] == "reason"
