"""Any bytes in any form: readings, refusals by row, or one refusal of the whole, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.reading_formats.decoder import BodyDecoder
from application.ports.reading_decoder import BatchTooLarge, Form, MalformedBatch, Precision
from domain.telemetry.batch import DETAIL_LENGTH_MAX, SENT_LENGTH_MAX
from domain.telemetry.reading import SeriesKey
from unit.adapters.reading_bodies import ENCODERS, Sent

VALID = [
    Sent(SeriesKey("pump-7", "temperature"), 1_767_225_600_123_456, 21.5),
    Sent(SeriesKey("pump é", "temperature", (("site", "north wing"),)), 1_767_225_600_123_457, -0.25),
    Sent(SeriesKey("pump-7", "flow", (("site", "a"), ("unit", "l/s"))), 1_767_225_601_000_000, 3e8),
]
BODIES = [(form, encode(VALID)) for form, encode in ENCODERS.values()] + [
    (
        Form.JSON,
        b'{"device":"a","metric":"m","ts":[1,"2026-01-01T00:00:00Z"],"value":[1,NaN],"labels":{"a":"b"}}',
    ),
    (Form.JSON, b'{"device":"a","metric":"m","ts":1,"value":true}'),
    (Form.LINE, b'm,device=a\\ b,t=1 f=1i,g=2u,h="x\\" y",k=t 1\n# note\n\nm f=1\r\nm "=",a="b\nc",d=1 1\n'),
    (
        Form.CSV,
        b'\xef\xbb\xbfdevice,metric,ts,value,"a ""label"""\na,b,1,true,\n"a\nb",c,2026-01-01T00:00:00+01:00,nan,\n',
    ),
]
PIECES = [
    b"",
    b"\0",
    b'"',
    b"\\",
    b"\n",
    b" ",
    b",",
    b"=",
    b"NaN",
    b"null",
    b"1e999",
    b"9" * 30,
    b"\xff",
    b"\xed\xa0\x80",
]
PIECES += [
    b"\\ud800",
    b"{",
    b"[",
    b"}",
    b"]",
    b"-",
    b"true",
    b"i",
    b"2026-02-30T00:00:00Z",
    b"9999-12-31T23:59:59-23:59",
]


@st.composite
def mutated(draw: st.DrawFn) -> tuple[Form, bytes]:
    """A valid body of which some places were overwritten, cut out or put in."""
    form, body = draw(st.sampled_from(BODIES))
    changed = bytearray(body)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(changed)))
        end = at + draw(st.sampled_from((0, 0, 1, 1, 4, 8, 40)))
        changed[at:end] = draw(st.sampled_from(PIECES) | st.binary(max_size=8))
    return form, bytes(changed)


def is_decoded_or_refused(form: Form, body: bytes, precision: Precision) -> None:
    """Fail on any other error, and on results that could not be stored."""
    try:
        decoded = BodyDecoder().decode(body, form, now_us=1, precision=precision, device="d", metric="m")
    except (MalformedBatch, BatchTooLarge) as refused:
        can_be_shown(str(refused))
        return
    columns, rejects = decoded
    assert len(columns.key_of) == len(columns.times) == len(columns.values) == len(columns.rows)
    assert [column.format for column in (columns.key_of, columns.rows, columns.values)] == ["i", "i", "d"]
    assert columns.times.format in "lq"
    assert list(columns.rows) == sorted(columns.rows)
    for place in set(columns.key_of):
        columns.keys[place].require_valid()
    for reject in rejects:
        assert len(reject.sent) <= SENT_LENGTH_MAX
        assert 0 < len(reject.detail) <= DETAIL_LENGTH_MAX
        can_be_shown(reject.sent + reject.detail)
        # What was kept is refused again, or comes in: a line with it may have had good fields too.
        assert BodyDecoder().decode_sent(reject.sent).total


def can_be_shown(text: str) -> None:
    """Fail on text that neither PostgreSQL nor an answer could hold."""
    assert "\0" not in text
    assert text.encode()


PRECISIONS = st.sampled_from(Precision)


class TestAnyBytes:
    @pytest.mark.promise("W7")
    @settings(max_examples=120)
    @given(mutated(), PRECISIONS)
    def test_that_were_nearly_right(self, body: tuple[Form, bytes], precision: Precision) -> None:
        is_decoded_or_refused(*body, precision)

    @settings(max_examples=60)
    @given(st.sampled_from(Form), st.binary() | st.text().map(str.encode), PRECISIONS)
    def test_by_chance(self, form: Form, body: bytes, precision: Precision) -> None:
        is_decoded_or_refused(form, body, precision)

    @pytest.mark.parametrize(("form", "body"), BODIES)
    def test_cut_off_anywhere(self, form: Form, body: bytes) -> None:
        for length in range(0, len(body), 1 + len(body) // 40):
            is_decoded_or_refused(form, body[:length], Precision.NS)
