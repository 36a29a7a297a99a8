"""Partitions on PostgreSQL: the contract, who may do what with them, and who waits for whom."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import psycopg2
import pytest
from django.db import connections
from psycopg2 import errors
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters.django_orm.partitions import DjangoPartitionKeeper, KnownMonths
from adapters.embedded.postgres_roles import DatabaseUrls
from adapters.system_clock import new_id
from application.ports.readings import PartitionKeeper
from application.ports.unit_of_work import TransactionConflict
from domain.telemetry.partitions import NotMade
from domain.telemetry.reading import microseconds
from integration.partitions.writing import (
    FEBRUARY,
    JANUARY,
    LEAF,
    asked,
    copy_rows,
    ensure,
    insert_through_parent,
)
from unit.contracts.partitions_contract import PartitionKeeperContract


class TestKeeper(PartitionKeeperContract):
    @pytest.fixture
    def keeper(self, owner: Connection) -> PartitionKeeper:
        return DjangoPartitionKeeper(known=KnownMonths())

    @pytest.fixture
    def keeper_elsewhere(self, owner: Connection) -> PartitionKeeper:
        return DjangoPartitionKeeper("system", KnownMonths())

    @pytest.fixture
    def release_thread(self) -> Callable[[], None]:
        return connections.close_all


@pytest.mark.promise("G6")
class TestAPartition:
    def test_holds_its_month_of_utc_whatever_the_sessions_zone(
        self, owner: Connection, app_role: Connection
    ) -> None:
        made = asked(app_role, "SELECT * FROM ensure_reading_partitions(ARRAY[%s])", JANUARY)
        assert made == [(JANUARY, "made")]
        for connection in (owner, app_role):
            assert asked(connection, "SELECT * FROM reading_partitions()") == [(LEAF, JANUARY, FEBRUARY)]

    def test_lets_the_application_insert_and_nothing_else(
        self, owner: Connection, app_role: Connection, partitions_urls: DatabaseUrls
    ) -> None:
        ensure(JANUARY)
        copy_rows(app_role, LEAF, [(1, JANUARY)], new_id())
        for sql in (
            "SELECT value FROM {0}",
            "SELECT count(*) FROM {0}",
            "UPDATE {0} SET value = 0",
            "DELETE FROM {0}",
            "TRUNCATE {0}",
            "DROP TABLE {0}",
            "COPY {0} TO STDOUT",
            "CREATE TRIGGER t BEFORE INSERT ON {0} EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "ALTER TABLE sensor_reading DETACH PARTITION {0}",
            "INSERT INTO {0} (tenant_id, series_id, ts, value) SELECT tenant_id, series_id, ts, value FROM {0}",
            "SELECT * FROM drop_reading_partition('{0}', now())",
            "SELECT * FROM reading_partition_overview()",
        ):
            with app_role.cursor() as cursor, pytest.raises(errors.InsufficientPrivilege):
                cursor.execute(sql.format(LEAF))
        for url in (partitions_urls.system_url, partitions_urls.purge_url):
            with closing(psycopg2.connect(url)) as other, pytest.raises(errors.InsufficientPrivilege):
                asked(other, f"INSERT INTO {LEAF} DEFAULT VALUES RETURNING 1")
        assert asked(app_role, "SELECT count(*) FROM sensor_reading") == [(0,)]
        assert asked(owner, "SELECT count(*) FROM sensor_reading") == [(1,)]

    def test_takes_the_name_of_no_other_table(self, owner: Connection) -> None:
        with owner.cursor() as cursor:
            cursor.execute(f"CREATE TABLE {LEAF} ()")
        try:
            assert ensure(JANUARY, FEBRUARY) == {microseconds(JANUARY): NotMade.NAME_TAKEN.value}
        finally:
            with owner.cursor() as cursor:
                cursor.execute(f"DROP TABLE {LEAF}")
        assert ensure(JANUARY) == {}

    def test_may_be_of_another_length(self, owner: Connection) -> None:
        with owner.cursor() as cursor:
            for day in range(2):
                cursor.execute(
                    f"CREATE TABLE reading_of_day_{day} PARTITION OF sensor_reading FOR VALUES FROM (%s) TO (%s)",
                    (JANUARY + timedelta(days=day), JANUARY + timedelta(days=day + 1)),
                )
        assert ensure(JANUARY) == {microseconds(JANUARY): NotMade.COVERED_IN_PART.value}
        with owner.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE rest_of_month PARTITION OF sensor_reading FOR VALUES FROM (%s) TO (%s)",
                (JANUARY + timedelta(days=2), FEBRUARY),
            )
        assert ensure(JANUARY) == {}


@pytest.mark.promise("G6")
class TestMaking:
    def test_neither_waits_for_writers_nor_stops_them(
        self, owner: Connection, app_role: Connection, partitions_urls: DatabaseUrls
    ) -> None:
        """One writer is inside the parent and one inside a partition; the third begins while it is being made."""
        ensure(JANUARY)
        tenant = new_id()
        with (
            closing(psycopg2.connect(partitions_urls.app_url)) as through_parent,
            closing(psycopg2.connect(partitions_urls.app_url)) as into_leaf,
            closing(psycopg2.connect(partitions_urls.app_url)) as maker,
        ):
            insert_through_parent(through_parent, 1, JANUARY, tenant)
            copy_rows(into_leaf, LEAF, [(2, JANUARY)], tenant)
            made = asked(maker, "SELECT outcome FROM ensure_reading_partitions(ARRAY[%s])", FEBRUARY)
            assert made == [("made",)]
            # Not committed yet: what making holds is held now.
            with app_role.cursor() as cursor:
                cursor.execute("SET lock_timeout = '1ms'")
            copy_rows(app_role, LEAF, [(3, JANUARY)], tenant)
            insert_through_parent(app_role, 4, JANUARY, tenant)
            assert asked(app_role, "SELECT count(*) FROM sensor_reading") == [(2,)]
            for each in (maker, through_parent, into_leaf):
                each.commit()
        assert asked(owner, "SELECT count(*) FROM sensor_reading") == [(4,)]

    def test_is_tried_again_when_the_lock_is_not_had_in_time(
        self, owner: Connection, partitions_urls: DatabaseUrls
    ) -> None:
        with closing(psycopg2.connect(partitions_urls.owner_url)) as other, other.cursor() as cursor:
            cursor.execute("LOCK TABLE ONLY sensor_reading IN SHARE UPDATE EXCLUSIVE MODE")
            with pytest.raises(TransactionConflict):
                ensure(JANUARY)
        assert ensure(JANUARY) == {}
