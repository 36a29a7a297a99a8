"""Partitions that go while others read and write: the contract on PostgreSQL, and who waits for whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime

import psycopg2
import pytest
from django.db import connections
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters.django_orm.partitions import KNOWN_MONTHS, DjangoPartitionKeeper, DjangoReadingPartitions
from adapters.embedded.postgres_roles import DatabaseUrls
from adapters.system_clock import new_id
from application.ports.partitions import DropOutcome, ReadingPartitions
from application.ports.readings import PartitionKeeper
from application.ports.unit_of_work import TransactionConflict
from integration.partitions.writing import (
    FEBRUARY,
    JANUARY,
    LEAF,
    asked,
    copy_rows,
    ensure,
    insert_through_parent,
    mark,
    wait_for_a_lock_on,
)
from unit.contracts.partitions_contract import AddReading, ReadingPartitionsContract
from unit.contracts.threads import Threads

LEAF_AFTER = "sensor_reading_2020_02"

pytestmark = pytest.mark.promise("G6")


class TestPartitions(ReadingPartitionsContract):
    @pytest.fixture
    def keeper(self, owner: Connection) -> PartitionKeeper:
        KNOWN_MONTHS.forget()
        return DjangoPartitionKeeper()

    @pytest.fixture
    def partitions(self, owner: Connection) -> ReadingPartitions:
        return DjangoReadingPartitions()

    @pytest.fixture
    def add_reading(self, app_role: Connection) -> AddReading:
        def add(at: datetime, *, marked: bool) -> None:
            copy_rows(app_role, f"sensor_reading_{at:%Y_%m}", [(1, at)], tenant := new_id())
            if marked:
                mark(app_role, 1, at, tenant)

        return add

    @pytest.fixture
    def count(self, owner: Connection) -> Callable[[], int]:
        return lambda: asked(owner, "SELECT count(*) FROM sensor_reading")[0][0]


@pytest.fixture
def other(partitions_urls: DatabaseUrls, owner: Connection) -> Iterator[Connection]:
    """The owner, in a transaction; there are partitions for January and February."""
    ensure(JANUARY, FEBRUARY)
    with closing(psycopg2.connect(partitions_urls.owner_url)) as connection:
        yield connection


@pytest.fixture
def patient(owner: Connection) -> Iterator[None]:
    """A drop waits for as long as a test takes."""
    change = "ALTER FUNCTION drop_reading_partition SET lock_timeout = %s"
    with owner.cursor() as cursor:
        cursor.execute(change, ("30s",))
        yield
        cursor.execute(change, ("500ms",))


def drop() -> DropOutcome:
    return DjangoReadingPartitions().drop(LEAF, ends_by=FEBRUARY)


class TestDropping:
    def test_gives_way_to_who_reads_the_partition_for_long(self, other: Connection) -> None:
        asked(other, f"SELECT count(*) FROM {LEAF}")
        with pytest.raises(TransactionConflict):
            drop()
        other.rollback()
        assert drop() is DropOutcome.DROPPED

    def test_stops_no_writer_while_it_waits_for_who_reads_the_partition(
        self, other: Connection, app_role: Connection, patient: None, owner: Connection
    ) -> None:
        asked(other, f"SELECT count(*) FROM {LEAF}")
        dropping = Threads(connections.close_all).start(drop)
        wait_for_a_lock_on(owner, LEAF)
        asked(app_role, "SELECT set_config('lock_timeout', '1ms', false)")
        tenant = new_id()
        copy_rows(app_role, LEAF_AFTER, [(1, FEBRUARY)], tenant)
        insert_through_parent(app_role, 2, FEBRUARY, tenant)
        wait_for_a_lock_on(owner, LEAF)
        other.rollback()
        assert dropping.outcome().result is DropOutcome.DROPPED
        assert asked(owner, "SELECT count(*) FROM sensor_reading") == [(2,)]

    def test_gives_up_for_a_long_reader_of_other_months_and_lets_go_who_waited_behind(
        self, other: Connection, app_role: Connection, owner: Connection
    ) -> None:
        """The reader never ends, so who waits behind the drop goes on when its lock timeout is over."""
        asked(other, "SELECT count(*) FROM sensor_reading WHERE ts >= '2020-02-01Z'")
        threads = Threads(connections.close_all)
        dropping = threads.start(drop)
        wait_for_a_lock_on(owner, "sensor_reading")
        writing = threads.start(lambda: insert_through_parent(app_role, 1, FEBRUARY, new_id()))
        assert isinstance(dropping.outcome().error, TransactionConflict)
        assert writing.outcome().error is None
        assert asked(owner, "SELECT count(*) FROM sensor_reading") == [(1,)]
        other.rollback()
        assert drop() is DropOutcome.DROPPED

    def test_sees_the_mark_of_a_writer_that_has_not_committed(
        self, other: Connection, owner: Connection
    ) -> None:
        tenant = new_id()
        copy_rows(other, LEAF, [(1, JANUARY)], tenant)
        mark(other, 1, JANUARY, tenant)
        with pytest.raises(TransactionConflict):
            drop()
        other.commit()
        assert drop() is DropOutcome.MARKED
        assert asked(owner, "SELECT count(*) FROM sensor_reading") == [(1,)]

    def test_is_done_by_one_at_a_time(self, other: Connection) -> None:
        asked(other, "SELECT pg_advisory_xact_lock(hashtext('drop reading partitions'))")
        assert drop() is DropOutcome.BUSY

    def test_of_one_partition_leaves_the_latest_values(self, other: Connection, owner: Connection) -> None:
        asked(
            owner,
            "INSERT INTO latest_reading (tenant_id, series_id, ts, value) VALUES (%s, 1, %s, 1.5) RETURNING 1",
            str(new_id()),
            JANUARY,
        )
        assert drop() is DropOutcome.DROPPED
        assert asked(owner, "SELECT ts FROM latest_reading") == [(JANUARY,)]
