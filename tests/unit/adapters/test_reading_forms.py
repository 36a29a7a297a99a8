"""One result behind every form, and each fault by its row and name."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.reading_formats.decoder import BodyDecoder
from adapters.reading_formats.operations import NumpyColumnOperations
from application.ports.reading_decoder import BatchTooLarge, Form, MalformedBatch, Precision
from application.ports.readings import Decoded
from domain.telemetry.reading import INTEGER_MAX, READINGS_MAX, ReadingRules, SeriesKey, microseconds, moment
from unit.adapters.reading_bodies import ENCODERS, Encode, Sent, arrow_stream

NOW_US = 1_767_225_600_123_456
RULES = ReadingRules.at(moment(NOW_US))
ROW = '{"device":"a","metric":"m","ts":1000,"value":1}'
HEADER = b"device,metric,ts,value\n"


def decode(body: bytes | str, form: Form, **options: Any) -> Decoded:
    """Decoded at NOW_US."""
    return BodyDecoder().decode(
        body.encode() if isinstance(body, str) else body, form, now_us=NOW_US, **options
    )


def readings_of(decoded: Decoded) -> list[Sent]:
    """Row by row."""
    columns = decoded.columns
    return [
        Sent(columns.keys[place], time, value)
        for place, time, value in zip(columns.key_of, columns.times, columns.values, strict=True)
    ]


def faults_of(decoded: Decoded) -> list[tuple[int, str]]:
    """Rows and reasons, also of what screening finds."""
    screened = NumpyColumnOperations().screen(decoded.columns, RULES)
    return sorted((reject.row, reject.reason.value) for reject in decoded.rejects + screened.rejects)


# Line protocol has no way to write a backslash before a separator, nor a line's end.
TEXTS = st.text(st.sampled_from("abé ,=\"'{}:日"), min_size=1, max_size=6)
LABELS = st.dictionaries(st.sampled_from(("site", "unit of it", "é,=")), TEXTS, max_size=3)
KEYS = st.builds(
    lambda device, metric, labels: SeriesKey.of(device, metric, labels.items()), TEXTS, TEXTS, LABELS
)
READINGS = st.builds(
    Sent,
    KEYS,
    st.integers(0, microseconds(moment(NOW_US))),
    st.floats(allow_nan=False, allow_infinity=False) | st.just(-0.0),
)


class TestOneResultBehindEveryForm:
    @pytest.mark.promise("W4")
    @pytest.mark.parametrize(("form", "encode"), ENCODERS.values(), ids=ENCODERS)
    @settings(max_examples=12)
    @given(sent=st.lists(READINGS, min_size=1, max_size=6))
    def test_the_readings_in_their_order(self, form: Form, encode: Encode, sent: list[Sent]) -> None:
        decoded = decode(encode(sent), form)
        assert readings_of(decoded) == sent
        assert decoded.rejects == ()
        assert list(decoded.columns.rows) == list(range(len(sent)))

    @pytest.mark.promise("W6")
    @pytest.mark.parametrize(
        ("form", "before", "each", "after"),
        [
            (Form.JSON, f"[{ROW}", f",{ROW}", "]"),
            (Form.JSON, '{"device":"a","metric":"m","value":[],"ts":[1', ",1", "]}"),
            (Form.NDJSON, ROW, f"\n{ROW}", ""),
            (Form.CSV, "device,metric,ts,value\na,m,1,1\n", "a,m,1,1\n", ""),
            (Form.LINE, "m a=1 1", "\nm a=1 1", ""),
            (Form.LINE, "m a=1", ",a=1", " 1"),
        ],
    )
    def test_no_more_of_them_than_a_batch_may_have(
        self, form: Form, before: str, each: str, after: str
    ) -> None:
        body = before + each * READINGS_MAX + after
        with pytest.raises(BatchTooLarge if "[]" not in body else MalformedBatch):
            decode(body, form)


class TestAFaultyRow:
    @pytest.mark.promise("W7")
    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"value": "21.5"}, "not-a-number"),
            ({"value": None}, "not-a-number"),
            ({"value": float("nan")}, "not-a-number"),
            ({"value": float("-inf")}, "infinite"),
            ({"value": INTEGER_MAX + 1}, "too-large"),
            ({"value": -1.1e100}, "too-large"),
            ({"value": [1]}, "malformed"),
            ({"ts": "yesterday"}, "invalid-time"),
            ({"ts": "2026-02-29T00:00:00Z"}, "invalid-time"),
            ({"ts": "2026-01-01T00:00:00"}, "invalid-time"),
            ({"ts": 1e12}, "invalid-time"),
            ({"ts": True}, "invalid-time"),
            ({"ts": 10**30}, "invalid-time"),
            ({"ts": "9999-12-31T23:59:59Z"}, "in-the-future"),
            ({"ts": -1}, "too-early"),
            ({"device": ""}, "invalid-name"),
            ({"device": "x\0"}, "invalid-name"),
            ({"metric": "m" * 201}, "invalid-name"),
            ({"labels": {"site": "\ud800"}}, "invalid-name"),
            ({"labels": {"site": 1}}, "malformed"),
            ({"device": 7}, "malformed"),
            ({"unit": "K"}, "malformed"),
        ],
    )
    def test_is_named_in_every_form_of_json_and_its_neighbours_come_in(
        self, fields: dict[str, Any], reason: str
    ) -> None:
        row = json.loads(ROW)
        bodies = [
            (Form.JSON, f"[{ROW}, {json.dumps(row | fields)}, {ROW}]"),
            (Form.NDJSON, f"{ROW}\n{json.dumps(row | fields)}\n{ROW}"),
        ]
        if "unit" not in fields:
            rows = [{"labels": {}, **each} for each in (row, row | fields, row)]
            bodies.append((Form.JSON, json.dumps({name: [each[name] for each in rows] for name in rows[0]})))
        for form, body in bodies:
            decoded = decode(body, form)
            assert faults_of(decoded) == [(1, reason)]
            assert {0, 2} <= set(decoded.columns.rows)
            assert all(decode_sent_again(reject.sent) == reason for reject in decoded.rejects)

    @pytest.mark.promise("W7")
    def test_is_named_in_csv(self) -> None:
        lines = "a,m,1000,1|a,m,1000,x|a,m,1000,|a,m,x,1|a,m,1000|a,m,1000,nan"
        lines += "|a,m,1000,9007199254740993|,m,1,1|a,m,1000,true"
        assert faults_of(decode(HEADER + lines.replace("|", "\n").encode(), Form.CSV)) == [
            (1, "not-a-number"),
            (2, "not-a-number"),
            (3, "invalid-time"),
            (4, "malformed"),
            (5, "not-a-number"),
            (6, "too-large"),
            (7, "invalid-name"),
        ]

    @pytest.mark.promise("W7")
    def test_is_named_in_arrow(self) -> None:
        table = pa.table(
            {
                "device": pa.array(["a", None, "a", "a", "a"]).dictionary_encode(),
                "metric": ["m"] * 5,
                "ts": pa.array([1_000, 1_000, None, 2**62, 1_000], pa.int64()),
                "value": pa.array([1, 1, 1, 1, 2**63], pa.uint64()),
            }
        )
        decoded = decode(arrow_stream(table), Form.ARROW)
        assert faults_of(decoded) == [
            (1, "malformed"),
            (2, "invalid-time"),
            (3, "invalid-time"),
            (4, "too-large"),
        ]
        floats = table.set_column(3, "value", pa.array([1.0, 1.0, 1.0, 1.0, None])).set_column(
            2, "ts", [[1_000] * 5]
        )
        assert faults_of(decode(arrow_stream(floats), Form.ARROW)) == [(1, "malformed"), (4, "not-a-number")]

    @pytest.mark.promise("W7")
    def test_is_named_by_line(self) -> None:
        body = (
            'm a=1,b="text",c=t,d=2i 1\n# note\n\nm a=NaN 1\nm a=9007199254740993i 1\nm a=1 x\nm 1\n,t=1 a=1\r\n'
            'm,t= a=1 1\nm a="x\ny",b=2 1\nm a=1 99999999999999999999\nm a=1 9999999999999999999\n'
        )
        decoded = decode(body, Form.LINE)
        assert faults_of(decoded) == [
            (0, "not-a-number"),
            (3, "not-a-number"),
            (4, "too-large"),
            (5, "invalid-time"),
            (6, "malformed"),
            (7, "malformed"),
            (8, "malformed"),
            (9, "not-a-number"),
            (11, "in-the-future"),
            (12, "in-the-future"),
        ]
        assert [(each.key.metric, each.value) for each in readings_of(decoded)][:4] == [
            ("a", 1),
            ("c", 1),
            ("d", 2),
            ("b", 2),
        ]
        assert "'b'" in decoded.rejects[0].detail


def decode_sent_again(sent: str) -> str:
    """What comes of a reject that is replayed as it is."""
    [(row, reason)] = faults_of(BodyDecoder().decode_sent(sent))
    assert row == 0
    return reason


class TestABodyThatIsNoRows:
    @pytest.mark.promise("W7")
    @pytest.mark.parametrize(
        ("form", "body", "says"),
        [
            (Form.JSON, b"", "empty"),
            (Form.JSON, b"7", "neither"),
            (Form.JSON, b'[{"device":"a"', "not JSON"),
            (Form.JSON, f"[{ROW}] {ROW}".encode(), "follows"),
            (Form.JSON, ROW[:-1].encode() + b"\xff}", "UTF-8"),
            (Form.JSON, b"[" * 200_000, "nested"),
            (Form.JSON, b'{"device":"a","metric":"m","ts":[1,2],"value":[1]}', "uneven"),
            (Form.JSON, b'{"device":"a","metric":"m","ts":[1],"value":1}', "value is not a list"),
            (Form.JSON, b'{"device":"a","metric":"m","ts":[1]}', "value is missing"),
            (Form.CSV, b"a,m,1,1.0\n", "the first line"),
            (Form.CSV, b"ts,value\n1,1\n", "device is missing"),
            (Form.CSV, HEADER + b"\xc3", "UTF-8"),
            (Form.ARROW, arrow_stream(pa.table({"ts": [1], "value": [1]}))[:-60], "whole Arrow"),
            (Form.ARROW, arrow_stream(pa.table({"ts": ["x"], "value": [1]})), "'ts' is string"),
            (
                Form.ARROW,
                arrow_stream(pa.table({"ts": [1], "value": [1], "device": [1]})),
                "'device' is int64",
            ),
        ],
    )
    def test_is_refused_with_what_to_do(self, form: Form, body: bytes, says: str) -> None:
        options = {} if form is Form.CSV else {"device": "a", "metric": "m"}
        with pytest.raises(MalformedBatch, match=says):
            decode(body, form, **options)

    @pytest.mark.promise("W6")
    def test_compressed_arrow_is_refused_since_it_may_be_a_bomb(self) -> None:
        table = pa.table({"ts": [1] * 100, "value": [1] * 100})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(
            sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
        ) as writer:
            writer.write_table(table)
        with pytest.raises(MalformedBatch, match="compressed"):
            decode(sink.getvalue().to_pybytes(), Form.ARROW, device="a", metric="m")


class TestTimes:
    @pytest.mark.promise("W7")
    @pytest.mark.parametrize(
        ("ts", "time_us"),
        [
            ("2026-01-01T00:00:00Z", 1_767_225_600_000_000),
            ("2026-01-01t01:30:00.5+01:30", 1_767_225_600_500_000),
            ("2025-12-31 23:00:00.1234569-01:00", 1_767_225_600_123_456),
            ("2026-01-01T00:00:00.123456789Z", 1_767_225_600_123_456),
            ("2024-02-29T23:59:59.999999-00:00", 1_709_251_199_999_999),
            (1_767_225_600_123, 1_767_225_600_123_000),
        ],
    )
    def test_are_microseconds_rounded_down_alone_and_among_others(self, ts: str | int, time_us: int) -> None:
        row = json.loads(ROW) | {"ts": ts}
        others = [
            json.loads(ROW) | {"ts": other}
            for other in ("2026-01-01T00:00:00Z", "1970-01-01T00:00:00.1+23:00")
        ]
        for rows in ([row], [row, row], [row, *others] if isinstance(ts, str) else [row, row, row]):
            assert readings_of(decode(json.dumps(rows), Form.JSON))[0].time_us == time_us

    @given(
        st.datetimes().map(lambda at: at.isoformat()), st.sampled_from(("Z", "+00:00", "-23:59", "+05:45"))
    )
    def test_are_the_same_by_the_column_and_one_by_one(self, at: str, zone: str) -> None:
        rows = [json.loads(ROW) | {"ts": each} for each in (at + zone, at + zone.replace("Z", "z"))]
        together, alone = readings_of(decode(json.dumps(rows), Form.JSON))
        assert together.time_us == alone.time_us

    @pytest.mark.promise("W7")
    @pytest.mark.parametrize(
        ("precision", "factor", "divisor"),
        [("ns", 1, 1_000), ("us", 1, 1), ("ms", 1_000, 1), ("s", 1_000_000, 1)],
    )
    def test_of_lines_have_the_precision_of_the_request(
        self, precision: str, factor: int, divisor: int
    ) -> None:
        times = (1_767_225_600, 1_767_225_601, -1, 7, 8_999_999_999)
        body = "".join(f"m a={n} {time}\n" for n, time in enumerate(times)) + "m a=9\n"
        decoded = decode(body, Form.LINE, precision=Precision(precision))
        expected = [time * factor // divisor for time in times]
        assert [each.time_us for each in readings_of(decoded)] == [*expected, NOW_US]


class TestNamesInLines:
    @pytest.mark.parametrize(
        ("head", "key"),
        [
            ("pump-7", SeriesKey("pump-7", "a")),
            ("cpu,host=h1,b=2", SeriesKey("cpu", "a", (("b", "2"), ("host", "h1")))),
            ("cpu,device=d", SeriesKey("d", "a", (("measurement", "cpu"),))),
            ("d,device=d", SeriesKey("d", "a")),
            (
                "cpu,device=d,measurement=x",
                SeriesKey("d", "a", (("_measurement", "cpu"), ("measurement", "x"))),
            ),
            (r"a\,\ b,x\ y\==1\,2", SeriesKey("a, b", "a", (("x y=", "1,2"),))),
            (r"a\b\\,x=\n", SeriesKey("a\\b\\,x=\\n", "a")),
            ('"q",x="y"', SeriesKey('"q"', "a", (("x", '"y"'),))),
        ],
    )
    def test_the_tag_device_else_the_measurement_is_the_device(self, head: str, key: SeriesKey) -> None:
        for body in (f"{head} a=1 1", f'{head} a=1,b="x" 1', f"{head}  a=1  1 \r"):
            assert readings_of(decode(body, Form.LINE)) == [Sent(key, 0, 1.0)]
