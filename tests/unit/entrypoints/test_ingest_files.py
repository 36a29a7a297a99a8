"""Files of readings: whatever form they have, and wherever they are cut, the service is sent what stands in them."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.reading_formats.decoder import BodyDecoder
from application.ports.reading_decoder import Form
from domain.telemetry.reading import microseconds
from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.ingest.batches import Batch
from entrypoints.cli.ingest.column_map import MapOptions
from entrypoints.cli.ingest.loading import batches_of
from entrypoints.cli.ingest.pieces import Place, stretches
from entrypoints.cli.ingest.sources import LoadOptions, form_of, opened

ROWS: Final = [
    {
        "at": f"2024-01-01T00:{minute:02}:00Z",
        "probe": f"p-{minute % 3}",
        "temp": minute / 4,
        "hum": minute,
        "site": "x",
    }
    for minute in range(50)
]
MAPS: Final = MapOptions.of(["ts=at,value=temp,value=hum", "device=probe"], None, None, ["site"])
Sent = tuple[str, str, tuple[tuple[str, str], ...], int, float, int]


def read(path: Path, options: LoadOptions, start: Place | None = None) -> list[Batch]:
    """What is sent of the file, from a place on."""
    form = form_of(path, options.form)
    with opened(path, form, options) as source:
        return list(batches_of(source, form, options.columns, options.time_reader)(start or source.begin))


def sent(batches: Sequence[Batch]) -> list[Sent]:
    """As the service reads it: device, metric, labels, time, value, and the file's line."""
    found = []
    for batch in batches:
        if batch.body:
            (keys, key_of, times, values, rows), rejects = _decoded(batch)
            assert rejects == ()
            found += [
                (*keys[key], time, value, int(batch.lines[row]))
                for key, time, value, row in zip(key_of, times, values, rows, strict=True)
            ]
    return found


def _decoded(batch: Batch) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    form = Form.ARROW if "arrow" in batch.content_type else Form.LINE
    columns, rejects = BodyDecoder().decode(batch.body, form, now_us=0)
    return (columns.keys, columns.key_of, columns.times, columns.values, columns.rows), rejects


def expected(first_line: int) -> list[Sent]:
    """ROWS, each column's readings after the other's, as one batch has them."""
    return [
        (
            str(row["probe"]),
            metric,
            (("site", "x"),),
            microseconds(datetime.fromisoformat(str(row["at"]))),
            float(str(row[column])),
            first_line + number,
        )
        for column, metric in (("temp", "temp"), ("hum", "hum"))
        for number, row in enumerate(ROWS)
    ]


def _as_csv(path: Path) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, ROWS[0].keys())
    writer.writeheader()
    writer.writerows(ROWS)
    path.write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode())


def _as_ndjson(path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))


def _as_gzip(path: Path) -> None:
    plain = path.with_suffix("")
    _as_csv(plain)
    path.write_bytes(gzip.compress(plain.read_bytes()))


def _as_arrow(new: Callable[..., Any]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        table = pa.Table.from_pylist(ROWS)
        table = table.set_column(1, "probe", table["probe"].dictionary_encode())
        with new(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=7)

    return write


FILES: Final = (
    ("rows.csv", _as_csv, 2),
    ("rows.csv.gz", _as_gzip, 2),
    ("rows.ndjson", _as_ndjson, 1),
    ("rows.arrow", _as_arrow(pa.ipc.new_file), 1),
    ("rows.arrows", _as_arrow(pa.ipc.new_stream), 1),
    (
        "rows.parquet",
        lambda path: pa.parquet.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=9),
        1,
    ),
)


class TestAFile:
    @pytest.mark.parametrize(("name", "write", "first_line"), FILES, ids=[name for name, *_ in FILES])
    def test_of_any_form_is_sent_whole_and_from_any_cut_on(
        self, name: str, write: Callable[[Path], None], first_line: int, tmp_path: Path
    ) -> None:
        path = tmp_path / name
        write(path)
        assert sent(read(path, LoadOptions(columns=MAPS))) == expected(first_line)
        options = LoadOptions(columns=MAPS, batch_rows=11)
        whole = read(path, options)
        assert [batch.rows for batch in whole] == [11, 11, 11, 11, 6]
        assert sorted(sent(whole)) == sorted(expected(first_line))
        for number, batch in enumerate(whole, start=1):
            rest = read(path, options, batch.after)
            # To the byte: a key that was sent before has to come with the same body.
            assert [one.body for one in rest] == [one.body for one in whole[number:]]
            assert [one.lines.tolist() for one in rest] == [one.lines.tolist() for one in whole[number:]]

    def test_of_line_protocol_is_cut_between_lines_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.lp"
        lines = [
            b"# a remark\n",
            b"\n",
            *(b"pump,site=x t=%d,u=1 %d\n" % (n, n) for n in range(20)),
            b"pump t=5 99",
        ]
        path.write_bytes(b"".join(lines))
        batches = read(path, LoadOptions(columns=MapOptions(), batch_rows=6))
        assert b"".join(batch.body for batch in batches) == path.read_bytes()
        assert [batch.rows for batch in batches] == [6, 6, 6, 5]
        found = sent(batches)
        assert [(row[4], row[5]) for row in found if row[1] == "t"] == [
            *((n, n + 3) for n in range(20)),
            (5, 23),
        ]

    def test_names_what_its_name_does_not_tell(self, tmp_path: Path) -> None:
        for name in ("readings", "readings.txt", "a.parquet.gz"):
            with pytest.raises(CommandFailed):
                form_of(tmp_path / name, None)


class TestRecords:
    @settings(max_examples=60)
    @given(
        cells=st.lists(
            st.lists(st.text('ab,"\n\r é', max_size=4), min_size=2, max_size=2).filter(
                lambda row: row != ["", ""]
            ),
            max_size=12,
        ),
        newline=st.sampled_from(["\n", "\r\n"]),
        blanks=st.integers(0, 2),
        rows=st.integers(1, 5),
        has_end=st.booleans(),
    )
    def test_are_told_apart_as_rfc_4180_says(
        self, cells: list[list[str]], newline: str, blanks: int, rows: int, has_end: bool
    ) -> None:
        records = []
        for row in cells:
            record = io.StringIO()
            csv.writer(record, quoting=csv.QUOTE_ALL, lineterminator="").writerow(row)
            records.append(record.getvalue())
        text = (newline * (blanks + 1)).join(records) + newline * has_end
        found = list(stretches(io.BytesIO(text.encode()), Place(0, 1), rows, quoted=True))
        starts: list[bytes] = []
        lines: list[int] = []
        for stretch in found:
            starts += [record.rstrip(b"\r\n") for record, _ in stretch.records()]
            lines += stretch.lines.tolist()
        assert starts == [one.encode() for one in records]
        places = [0]
        for one in records[:-1]:
            places.append(places[-1] + len(one) + len(newline) * (blanks + 1))
        assert lines == [text[:place].count("\n") + 1 for place in places[: len(records)]]
        assert b"".join(stretch.body for stretch in found) == text.encode()

    def test_without_end_are_refused_within_bounds(self, tmp_path: Path) -> None:
        path = tmp_path / "open.csv"
        path.write_bytes(b'at,probe,temp\n2024-01-01T00:00Z,"p,1\n' + b"x" * (9 << 20))
        options = LoadOptions(columns=MapOptions.of(["ts=at,value=temp,device=probe"], None, None, []))
        with pytest.raises(CommandFailed, match="line 2: a quote is never closed"):
            read(path, options)


BAD_CSV: Final = b"""at,probe,temp,hum
2024-01-01T00:00Z,p,1.5,1
2024-01-01T00:01Z,p,warm,2

2024-01-01T00:02Z,p,3
2024-01-01T00:03Z,"p
q",,4
noon,p,5,
2024-01-01T00:05Z,,6,6
2024-01-01T00:06Z,p\xff,7,7
2024-01-01T00:07Z,p,9007199254740993,true
2024-01-01T00:08Z,p, 8.5 ,NaN
"""


class TestBadRows:
    @pytest.mark.promise("W7")
    def test_of_csv_are_named_by_line_and_the_others_are_sent(self, tmp_path: Path) -> None:
        path = tmp_path / "bad.csv"
        path.write_bytes(BAD_CSV)
        maps = MapOptions.of(["ts=at,value=temp,value=hum,device=probe"], None, None, [])
        (batch,) = read(path, LoadOptions(columns=maps))
        assert [(fault.line, fault.reason) for fault in batch.faults] == [
            (3, "not-a-number"),
            (5, "malformed"),
            (8, "invalid-time"),
            (9, "malformed"),
            (9, "malformed"),
            (10, "malformed"),
            (11, "too-large"),
        ]
        assert "'warm' is not a number" in batch.faults[0].detail
        assert "has 3 columns, the header has 4" in batch.faults[1].detail
        # The NaN goes out, for the service to name it and keep it.
        good = [
            (device, metric, value, line)
            for device, metric, _, _, value, line in sent([batch])
            if value == value
        ]
        assert good == [
            ("p", "temp", 1.5, 2), ("p", "temp", 8.5, 12),
            ("p", "hum", 1, 2), ("p", "hum", 2, 3), ("p\nq", "hum", 4, 6), ("p", "hum", 1, 11),
        ]  # fmt: skip
        assert (batch.rows, batch.empty) == (9, 2)

    def test_of_ndjson_are_named_by_line_and_labels_go_along(self, tmp_path: Path) -> None:
        path = tmp_path / "bad.ndjson"
        good = {"device": "p", "metric": "t", "ts": "2024-01-01T00:00:00Z", "value": 1.5}
        lines = [
            {**good, "labels": {"site": "a"}}, "not JSON", [1], {**good, "value": "2,5"}, {**good, "value": 2**60},
            {**good, "labels": {"site": 1}}, {**good, "ts": 1700000000}, {**good, "device": None},
            {**good, "value": True},
        ]  # fmt: skip
        path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines))
        (batch,) = read(path, LoadOptions(columns=MapOptions()))
        assert [(fault.line, fault.reason) for fault in batch.faults] == [
            (2, "malformed"), (3, "malformed"), (4, "not-a-number"), (5, "too-large"), (6, "malformed"),
            (7, "invalid-time"), (8, "malformed"),
        ]  # fmt: skip
        assert [(row[2], row[4], row[5]) for row in sent([batch])] == [
            ((("site", "a"),), 1.5, 1),
            ((), 1.0, 9),
        ]

    def test_of_a_whole_batch_mean_wrong_options(self, tmp_path: Path) -> None:
        path = tmp_path / "local.csv"
        path.write_text("ts,device,metric,value\n2024-01-01 10:00,p,t,1\n")
        with pytest.raises(CommandFailed, match="line 2: the time has no zone; say where its clock hung"):
            read(path, LoadOptions(columns=MapOptions()))

    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        content=st.binary(max_size=300),
        name=st.sampled_from(["x.csv", "x.ndjson", "x.arrow", "x.parquet", "x.lp"]),
    )
    def test_of_any_bytes_fail_with_a_sentence(self, content: bytes, name: str, tmp_path: Path) -> None:
        path = tmp_path / name
        path.write_bytes(b"ts,value,device,metric\n" * name.endswith("csv") + content)
        with contextlib.suppress(CommandFailed):
            read(path, LoadOptions(columns=MapOptions(device="d", metric="m"), zone="UTC"))


class TestTheMap:
    @pytest.mark.parametrize(
        ("maps", "device", "metric", "labels", "words"),
        [
            (["temp"], None, None, [], "each part is FIELD=COLUMN"),
            (["ts=a,ts=b"], None, None, [], "names ts twice"),
            (["device=a"], "d", None, [], "exclude each other"),
            (["value=a,value=b"], "d", "m", [], "metrics of their own names"),
            ([], "d", "m", ["value"], "a label can't be called value"),
            ([], None, None, [], "which device measured this"),
            ([], "d", None, [], "what was measured"),
            (
                ["value=c"],
                "d",
                None,
                [],
                "there is no column 'c' for value. The columns are: ts, a, value, a",
            ),
            (["value=a"], "d", None, [], "two columns are called 'a'"),
        ],
    )
    def test_says_what_is_wrong_with_it(
        self, maps: list[str], device: str | None, metric: str | None, labels: list[str], words: str
    ) -> None:
        with pytest.raises(CommandFailed) as failed:
            MapOptions.of(maps, device, metric, labels).resolved(["ts", "a", "value", "a"])
        assert words in str(failed.value)
        assert failed.value.exit_code == 64
