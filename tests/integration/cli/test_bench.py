"""`bench`: each benchmark, for a moment, beside a running stack."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest

from adapters.embedded.daemon import running_stack
from adapters.embedded.state_directory import StateDirectory
from integration.cli.conftest import Finished, Stack

pytestmark = pytest.mark.timeout(200)

LEFT_BEHIND = """
SELECT count(*) FROM pg_class WHERE relname LIKE 'bench%'
UNION ALL SELECT count(*) FROM tenant WHERE name LIKE 'bench%'
UNION ALL SELECT count(*) FROM message
UNION ALL SELECT count(*) FROM event
UNION ALL SELECT count(*) FROM reading_partitions() WHERE starts_at < '2010-01-01'
UNION ALL SELECT count(*) FROM dirty_mark
"""


def bench(stack: Stack, name: str) -> Finished:
    """Two rounds that are too short to mean anything."""
    return stack.holdwater("bench", name, "--rounds", "2", "--seconds", "0.3", "--json")


INGEST_ARMS = {
    "ours, JSON rows, repeats",
    "ours, JSON rows",
    "ours, JSON columns",
    "ours, line protocol",
    "ours, Arrow",
    "bare DRF, JSON rows, repeats",
    "raw COPY, by time",
    "raw COPY, by key",
}


def left_behind(stack: Stack) -> list[int]:
    """Tables, tenants, messages, events, months and marks of benchmarks; nobody else has written into the stack."""
    urls = running_stack(StateDirectory(stack.state_dir)).urls
    with closing(psycopg2.connect(urls.owner_url)) as owner, owner.cursor() as cursor:
        cursor.execute(LEFT_BEHIND)
        return [count for (count,) in cursor.fetchall()]


class TestABenchmark:
    @pytest.mark.parametrize(
        ("name", "arms"),
        [
            ("append", {"ours", "bare INSERT", "table lock"}),
            ("ingest", INGEST_ARMS),
            ("orders", {"ours", "bare DRF"}),
        ],
    )
    def test_measures_every_arm_finds_all_stored_and_leaves_nothing(
        self, stack: Stack, name: str, arms: set[str]
    ) -> None:
        ended = bench(stack, name)
        assert ended.status == 0, ended.stderr
        found = ended.json
        assert found["failures"] == []
        assert found["rates"].keys() == arms
        assert all(len(rates) == 2 and min(rates) > 0 for rates in found["rates"].values())
        assert f"round 2/2 {next(iter(found['rates']))}: " in ended.stderr
        assert left_behind(stack) == [0, 0, 0, 0, 0, 0]

    def test_of_an_unknown_name_is_refused_with_the_known_ones(self, stack: Stack) -> None:
        ended = bench(stack, "shared")
        assert ended.status == 1
        assert "there is no benchmark 'shared'; there are append, decode, ingest, orders, saga" in " ".join(
            ended.stderr.split()
        )

    def test_of_memory_tells_the_peak_of_every_process_after_each_million(self, stack: Stack) -> None:
        ended = stack.holdwater("bench", "ingest", "--memory", "--rounds", "1", "--json")
        assert ended.status == 0, ended.stderr
        found = ended.json
        assert found["failures"] == []
        assert found["peaks_mib"].keys() == {"web worker 1", "web worker 2", "worker"}
        assert all(len(peaks) == 2 and peaks[0] > 20 for peaks in found["peaks_mib"].values())
        assert left_behind(stack) == [0, 0, 0, 0, 0, 0]

    def test_of_something_else_has_no_memory_to_measure(self, stack: Stack) -> None:
        ended = stack.holdwater("bench", "append", "--memory")
        assert ended.status == 1
        assert "--memory belongs to `holdwater bench ingest`" in " ".join(ended.stderr.split())
