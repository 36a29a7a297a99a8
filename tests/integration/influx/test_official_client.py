"""The official Python client, as it is installed, through every fault that a network and a server have."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from influxdb_client import InfluxDBClient, Point, WriteOptions, WritePrecision  # type: ignore[attr-defined]
from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from integration.influx.conftest import Row, StoredRows
from integration.influx.fault_proxy import Fault, FaultProxy
from integration.web_server.web_process import WebProcess

BUCKET, ORG = "default", "any"
START: Final = datetime(2026, 1, 31, 23, 59, 50, tzinfo=UTC)
TIMEOUT_MS: Final = 20_000
IMPATIENT_MS: Final = 4_000
UNITS_NS: Final = {
    WritePrecision.NS: 1, WritePrecision.US: 1_000, WritePrecision.MS: 1_000_000, WritePrecision.S: 1_000_000_000,
}  # fmt: skip
ODD_NAMES: Final = ("pump-7", "pump 7", "a,b=c", 'say "x"', "größe", "slash\\in", "tab")


def clients(url: str, token: str, *, timeout: int = TIMEOUT_MS, **options: Any) -> InfluxDBClient:
    """A client as its documentation makes one."""
    return InfluxDBClient(url=url, token=token, org=ORG, timeout=timeout, **options)


def microseconds(time: datetime) -> int:
    """Since 1970."""
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def readings(count: int, precision: str, *, seed: int) -> Iterator[tuple[Point, list[Row]]]:
    """Points of every kind of value and of odd names over two months, and what has to be stored of each."""
    rng = random.Random(seed)
    step = max(timedelta(milliseconds=1), timedelta(microseconds=UNITS_NS[precision] / 1_000))
    for number in range(count):
        device, place, time = rng.choice(ODD_NAMES), rng.choice(ODD_NAMES), START + number * step
        level, pieces, is_on = rng.uniform(-1e6, 1e6), rng.randrange(-(2**53), 2**53), rng.random() < 0.5
        # An integer: the client itself rounds the times of `datetime` objects with doubles.
        time_us = microseconds(time)
        point = Point("room").tag("device", device).tag("place", place)
        point.time(time_us * 1_000 // UNITS_NS[precision], precision)
        point.field("level", level).field("pieces", pieces).field("is on", is_on)
        labels = (("measurement", "room"), ("place", place))
        values = (("level", level), ("pieces", float(pieces)), ("is on", float(is_on)))
        yield point, [Row(device, metric, labels, time_us, value) for metric, value in values]


def unzipped(pairs: Iterator[tuple[Point, list[Row]]]) -> tuple[list[Point], list[Row]]:
    """All points, and all rows, sorted."""
    points, rows = zip(*pairs, strict=True)
    return list(points), sorted(itertools.chain.from_iterable(rows))


@pytest.mark.promise("W5", "W1")
class TestSynchronously:
    @pytest.mark.parametrize("is_zipped", [False, True], ids=["plain", "gzip"])
    @pytest.mark.parametrize("precision", UNITS_NS)
    def test_each_reading_is_stored_as_it_was_written(
        self, web: WebProcess, token: str, stored_rows: StoredRows, precision: str, is_zipped: bool
    ) -> None:
        points, rows = unzipped(readings(300, precision, seed=1))
        with clients(web.url, token, enable_gzip=is_zipped) as client:
            api = client.write_api(write_options=SYNCHRONOUS)
            for _ in range(2):
                api.write(BUCKET, ORG, points, write_precision=precision)
                assert stored_rows() == rows

    @pytest.mark.parametrize("options", [{}, {"auth_basic": True}], ids=["token", "basic"])
    def test_each_way_to_sign_in_works(
        self, web: WebProcess, token: str, stored_rows: StoredRows, options: dict[str, bool]
    ) -> None:
        with clients(web.url, token, **options) as client:
            assert client.ping()
            assert client.version().startswith("2.")
            assert client.build() == "OSS"
            assert client.ready().status == "ready"
            assert client.buckets_api().find_bucket_by_name(BUCKET).name == BUCKET
            assert len(client.organizations_api().find_organizations()) == 1
            client.write_api(write_options=SYNCHRONOUS).write(
                BUCKET, ORG, "room temperature=1i 1767225600000000000"
            )
        assert stored_rows() == [Row("room", "temperature", (), 1_767_225_600_000_000, 1.0)]

    def test_refusals_are_told_in_words(self, web: WebProcess, token: str, stored_rows: StoredRows) -> None:
        def refused(bucket: str, lines: str, token: str = token) -> ApiException:
            with clients(web.url, token) as client, pytest.raises(ApiException) as caught:
                client.write_api(write_options=SYNCHRONOUS).write(bucket, ORG, lines)
            return caught.value

        assert refused(BUCKET, "room a=1", token="wrong").status == 401
        unknown = refused("telegraf", "room a=1")
        assert (unknown.status, "'telegraf'" in unknown.message) == (404, True)
        empty = refused(BUCKET, "")
        assert (empty.status, empty.message) == (400, "writing requires points")
        partial = refused(BUCKET, "room a=1 1767225600000000000\nnonsense\nroom b=2 1767225600000000000")
        assert (partial.status, partial.message.partition(":")[0]) == (400, "line 2")
        assert [(row.metric, row.value) for row in stored_rows()] == [("a", 1.0), ("b", 2.0)]


@pytest.mark.promise("W5", "W1", "W2")
@pytest.mark.slow
@pytest.mark.timeout(240)
class TestInBatches:
    @pytest.mark.parametrize("is_zipped", [False, True], ids=["plain", "gzip"])
    def test_every_fault_leaves_each_reading_stored_once(
        self, web: WebProcess, proxy: FaultProxy, token: str, stored_rows: StoredRows, is_zipped: bool
    ) -> None:
        points, rows = unzipped(readings(1_500, WritePrecision.MS, seed=2))
        faults = [
            Fault.BUSY, Fault.RESET, Fault.NONE, Fault.LIMITED, Fault.NO_ANSWER, Fault.NONE, Fault.RESET,
            Fault.KILLED_AFTER, Fault.NONE, Fault.RESTARTED,
        ]  # fmt: skip
        proxy.plan(faults)
        lost: list[str] = []
        retries: list[Exception] = []
        options = WriteOptions(
            batch_size=250, flush_interval=200, retry_interval=200, max_retries=60, max_retry_delay=1_000,
            max_retry_time=60_000, max_close_wait=150_000,
        )  # fmt: skip
        with (
            clients(proxy.url, token, timeout=IMPATIENT_MS, enable_gzip=is_zipped) as client,
            client.write_api(
                write_options=options,
                error_callback=lambda conf, data, error: lost.append(str(error)),
                retry_callback=lambda conf, data, error: retries.append(error),
            ) as api,
        ):
            for point in points:
                api.write(BUCKET, ORG, point)
        assert lost == []
        assert proxy.left == 0
        # A server that is up again in time costs no retry.
        assert len(retries) >= len([one for one in faults if one not in {Fault.NONE, Fault.RESTARTED}])
        assert {error.response.status for error in retries if isinstance(error, InfluxDBError)} == {429, 503}
        assert set(proxy.answered) <= {204, 503}
        assert stored_rows() == rows

    def test_what_was_acknowledged_outlives_the_server(
        self, stopped_web: WebProcess, token: str, stored_rows: StoredRows
    ) -> None:
        """Four clients write; the server and all its workers are killed at the moment of the hundredth 204."""
        web = stopped_web.start()
        acknowledged: list[Row] = []
        batches = iter(list(_batches(400)))
        is_time, lock = threading.Event(), threading.Lock()

        def write() -> None:
            with clients(web.url, token) as client:
                api = client.write_api(write_options=SYNCHRONOUS)
                while True:
                    with lock:
                        points, rows = next(batches, ((), ()))
                    if not points:
                        return
                    try:
                        api.write(BUCKET, ORG, points, write_precision=WritePrecision.MS)
                    except (ApiException, HTTPError, OSError):  # The server is gone.
                        return
                    with lock:
                        acknowledged.extend(rows)
                        if len(acknowledged) >= 100 * len(rows):
                            is_time.set()

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert is_time.wait(60)
        web.kill()
        for thread in threads:
            thread.join(60)
        stored = stored_rows()
        assert len(acknowledged) >= 1_000
        assert set(acknowledged) <= set(stored)
        assert len(stored) == len(set(stored))


def _batches(count: int) -> Iterator[tuple[list[Point], list[Row]]]:
    every = readings(count * 10, WritePrecision.MS, seed=3)
    for _ in range(count):
        yield unzipped(itertools.islice(every, 10))
