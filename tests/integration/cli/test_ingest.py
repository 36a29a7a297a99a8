"""`ingest`: real files into a real service, to the row, also when the command is killed on the way."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg2
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
import urllib3

from adapters.embedded.daemon import running_stack
from adapters.embedded.state_directory import StateDirectory
from entrypoints.cli.demo.temperatures import STANDARD_TIME, TEMPERATURES, read_file
from integration.cli.conftest import HIDDEN, REQUEST_TIMEOUT_S, Finished, Stack, holdwater

pytestmark = pytest.mark.timeout(200)

OPTIONS: Final = ("--map", "ts=date,value=temp", "--time-format", "%Y/%m/%d %H:%M")
BIG_ROWS: Final = 180_000
BIG_BATCH_ROWS: Final = 2_000
KILLED_WITHIN_S: Final = 60
PAGE: Final = 10_000


def stored(stack: Stack, path: str) -> list[dict[str, Any]]:
    """Every item of a list."""
    found, page = [], f"{path}&limit={PAGE if 'readings' in path else 500}"
    while page:
        headers = {"Authorization": f"Bearer {stack.token}"}
        reply = urllib3.request(
            "GET", stack.url + page, headers=headers, retries=False, timeout=REQUEST_TIMEOUT_S
        )
        assert reply.status == 200, reply.data
        found += reply.json()["items"]
        page = reply.json()["next"]
    return found


def counts_of(ended: Finished) -> dict[str, int]:
    """Those that are not 0."""
    names = "rows readings empty ambiguous nonexistent refused accepted duplicate conflict rejected".split()
    return {name: ended.json[name] for name in names if ended.json[name]}


def intakes(stack: Stack) -> int:
    """How many batches were taken in to be loaded later."""
    urls = running_stack(StateDirectory(stack.state_dir)).urls
    with closing(psycopg2.connect(urls.owner_url)) as owner, owner.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM intake")
        (row,) = cursor.fetchall()
        return int(row[0])


class TestRealTemperatures:
    @pytest.mark.promise("W2", "W4")
    def test_go_in_once_however_often_they_are_sent(self, stack: Stack) -> None:
        args = (
            "ingest",
            TEMPERATURES,
            "--device",
            "seattle",
            "--metric",
            "air",
            *OPTIONS,
            "--timezone",
            "Etc/GMT+8",
        )
        first = stack.holdwater(*args, "--json")
        assert first.status == 0, first.stderr
        assert counts_of(first) == {"rows": 8_759, "readings": 8_759, "accepted": 8_759}
        again = stack.holdwater(*args, "--json")
        assert again.status == 0, again.stderr
        assert counts_of(again) == {"rows": 8_759, "readings": 8_759, "duplicate": 8_759}
        expected = read_file()
        readings = stored(stack, "/v1/readings?device=seattle&metric=air")
        assert [(datetime.fromisoformat(one["ts"]), one["value"]) for one in readings] == expected
        times = [at for at, _ in expected]
        gaps = [at for at, after in itertools.pairwise(times) if after - at != timedelta(hours=1)]
        assert gaps == [datetime(2010, 3, 14, 2, tzinfo=STANDARD_TIME)]

    def test_by_a_clock_that_changes_name_the_hour_that_never_was(self, stack: Stack) -> None:
        args = (
            "ingest",
            TEMPERATURES,
            "--device",
            "seattle-clock",
            *OPTIONS,
            "--timezone",
            "America/Los_Angeles",
        )
        found = stack.holdwater(*args, "--json")
        assert found.status == os.EX_DATAERR
        assert counts_of(found) == {
            "rows": 8_759, "readings": 8_759, "accepted": 8_758, "refused": 1, "nonexistent": 1, "ambiguous": 1,
        }  # fmt: skip
        told = "line 1,732: nonexistent-time: '2010/03/14 02:00' never was in America/Los_Angeles"
        assert told in found.stdout
        readings = {one["ts"] for one in stored(stack, "/v1/readings?device=seattle-clock&metric=temp")}
        # Of the two hours from one to two in November the first.
        assert "2010-11-07T08:00:00Z" in readings
        assert "2010-11-07T09:00:00Z" not in readings


class TestACommandThatIsKilled:
    @pytest.mark.promise("W1", "W2")
    def test_is_gone_on_with_to_the_row(self, stack: Stack, tmp_path: Path) -> None:
        file = tmp_path / "big.csv"
        start = datetime(2024, 1, 1, tzinfo=UTC)
        with file.open("w") as opened:
            opened.write("ts,device,value\n")
            opened.writelines(
                f"{(start + timedelta(seconds=row // 10)).isoformat()},big-{row % 10},{row}\n"
                for row in range(BIG_ROWS)
            )
        args = ("ingest", file, "--metric", "count", "--batch-rows", str(BIG_BATCH_ROWS), "--json")
        _kill_in_the_middle(stack, *map(str, args))
        resumed = stack.holdwater(*args)
        assert resumed.status == 0, resumed.stderr
        assert resumed.json["files"][0]["resumed_at"] > BIG_BATCH_ROWS
        # Also what was stored when the answer was lost is told as what it was.
        assert counts_of(resumed) == {"rows": BIG_ROWS, "readings": BIG_ROWS, "accepted": BIG_ROWS}
        values = [one["value"] for one in stored(stack, "/v1/readings?device=big-7&metric=count")]
        assert values == list(range(7, BIG_ROWS, 10))
        table = file.with_suffix(".parquet")
        pa.parquet.write_table(pa.csv.read_csv(file), table)
        # All of it in one batch is more than the service loads at once: a worker does.
        again = stack.holdwater("ingest", table, "--metric", "count", "--batch-rows", str(BIG_ROWS), "--json")
        assert again.status == 0, again.stderr
        assert intakes(stack) == 1
        assert counts_of(again) == {"rows": BIG_ROWS, "readings": BIG_ROWS, "duplicate": BIG_ROWS}


class TestWhatTheServiceRejects:
    @pytest.mark.promise("W3", "W7")
    def test_is_named_by_the_files_line_and_kept(self, stack: Stack, tmp_path: Path) -> None:
        file = tmp_path / "points.lp"
        lines = [
            "# a remark",
            *(f"kettle,room=a t={n} {n}" for n in range(1, 8)),
            "kettle t=hot 9",
            "kettle t=9 10",
        ]
        file.write_text("\n".join(lines))
        args = ("ingest", file, "--precision", "s", "--batch-rows", "3", "--json")
        found = stack.holdwater(*args)
        assert found.status == os.EX_DATAERR
        assert counts_of(found) == {"rows": 10, "readings": 9, "accepted": 8, "rejected": 1}
        (fault,) = found.json["files"][0]["faults"]
        assert fault["line"] == 9
        assert "/v1/rejects" in found.stdout
        kept = stored(stack, f"/v1/rejects?reason={fault['reason']}")
        assert any("kettle t=hot 9" in json.dumps(one) for one in kept)


def test_without_a_service_it_says_what_to_do(tmp_path: Path) -> None:
    found = holdwater("ingest", TEMPERATURES, "--device", "d", *OPTIONS, "--state-dir", tmp_path / "var")
    assert found.status == os.EX_UNAVAILABLE
    assert "start one with `holdwater up`" in found.stderr
    assert not (tmp_path / "var").exists()


def _kill_in_the_middle(stack: Stack, *args: str) -> None:
    """Start the command, and kill it when its journal tells of some batches."""
    journals = stack.state_dir / "ingest"
    running = subprocess.Popen(
        [sys.executable, "-m", "entrypoints.cli.main", *args, "--state-dir", str(stack.state_dir)],
        env={name: value for name, value in os.environ.items() if name not in HIDDEN},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + KILLED_WITHIN_S
        while not any(json.loads(file.read_text())["batches"] > 2 for file in journals.glob("*.json")):
            assert running.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait(REQUEST_TIMEOUT_S)
    (journal,) = journals.glob("*.json")
    assert json.loads(journal.read_text())["place"][0] < Path(args[1]).stat().st_size
