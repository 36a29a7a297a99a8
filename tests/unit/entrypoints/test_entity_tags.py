"""Entity tags and If-Match, by the grammar of RFC 9110."""

from __future__ import annotations

import contextlib
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.aggregate import VersionTag
from domain.errors import InvalidInput
from entrypoints.http_messages.entity_tags import entity_tag, parse_if_match
from entrypoints.limits import IF_MATCH_LENGTH_MAX, IF_MATCH_TAGS_MAX, VERSION_MAX

ONE = UUID("01a20c32-bf61-7484-938d-dc4ce4a621a2")


class TestIfMatch:
    @pytest.mark.promise("L2")
    @given(st.lists(st.tuples(st.uuids(), st.integers(1, VERSION_MAX)), min_size=1, max_size=20))
    def test_gives_back_the_tags_that_it_was_made_of(self, pairs: list[tuple[UUID, int]]) -> None:
        header = ", ".join(entity_tag(*pair) for pair in pairs)
        assert parse_if_match(header) == tuple(VersionTag(*pair) for pair in pairs)

    def test_is_any_version_for_a_star(self) -> None:
        assert parse_if_match(" * ") is None

    @pytest.mark.promise("L3")
    @pytest.mark.parametrize(
        "tag",
        [
            '"x"',
            '""',
            f'W/"{ONE}-1"',
            f'"{ONE}-0"',
            f'"{ONE}-01"',
            f'"{ONE}"',
            f'"{str(ONE).upper()}-1"',
            '"é"',
            f'"{ONE}-{VERSION_MAX + 1}"',
            f'"{ONE}-{"9" * 400}"',
            '"a,b"',
            '"W/\'"',
        ],
    )
    def test_leaves_out_tags_that_cannot_match(self, tag: str) -> None:
        assert parse_if_match(tag) == ()
        assert parse_if_match(f'"x" , {tag},"{ONE}-1"') == (VersionTag(ONE, 1),)

    @pytest.mark.promise("L3")
    @pytest.mark.parametrize(
        "header",
        [
            "",
            " ",
            "x",
            '"',
            '"x',
            'x"',
            '"a" "b"',
            '"a""b"',
            '"a",',
            ',"a"',
            '"a" b',
            '*, "a"',
            "**",
            'w/"a"',
            'W / "a"',
            '"a b"',
            '"a\tb"',
            '"\x00"',
            "'a'",
            f'"{"x" * IF_MATCH_LENGTH_MAX}"',
        ],
    )
    def test_refuses_what_is_no_list_of_tags(self, header: str) -> None:
        with pytest.raises(InvalidInput) as refusal:
            parse_if_match(header)
        assert refusal.value.data["field"] == "If-Match"

    def test_has_a_bound_on_its_tags(self) -> None:
        assert parse_if_match(", ".join(['"x"'] * IF_MATCH_TAGS_MAX)) == ()
        with pytest.raises(InvalidInput):
            parse_if_match(", ".join(['"x"'] * (IF_MATCH_TAGS_MAX + 1)))

    @given(st.text(max_size=60))
    def test_never_fails_in_another_way(self, header: str) -> None:
        with contextlib.suppress(InvalidInput):
            parse_if_match(header)
