"""Readings of January and February 2020, written the ways that the application writes them."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters.django_orm.partitions import DjangoPartitionKeeper, KnownMonths
from domain.telemetry.reading import microseconds
from unit.contracts.threads import WAIT_S_MAX

JANUARY = datetime(2020, 1, 1, tzinfo=UTC)
FEBRUARY = datetime(2020, 2, 1, tzinfo=UTC)
LEAF = "sensor_reading_2020_01"
POLL_S = 0.01


def ensure(*months: datetime) -> dict[int, str]:
    """What could not be made, as a process that knows of no partition."""
    return dict(DjangoPartitionKeeper(known=KnownMonths()).ensure(list(map(microseconds, months))))


def asked(connection: Connection, sql: str, *params: object) -> list[tuple[Any, ...]]:
    """The rows of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        return cursor.fetchall()


def copy_rows(
    connection: Connection, leaf: str, rows: Iterable[tuple[int, datetime]], tenant_id: UUID
) -> None:
    """Straight into a partition, by series and time."""
    lines = "".join(f"{tenant_id}\t{series}\t{at.isoformat()}\t1.5\n" for series, at in rows)
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {leaf} (tenant_id, series_id, ts, value) FROM STDIN", io.StringIO(lines))


def insert_through_parent(connection: Connection, series: int, at: datetime, tenant_id: UUID) -> None:
    """The way of rows that may be there already; the session keeps the tenant."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant', %s, false)", (str(tenant_id),))
        cursor.execute(
            "INSERT INTO sensor_reading (tenant_id, series_id, ts, value) VALUES (%s, %s, %s, 1.5)"
            " ON CONFLICT DO NOTHING",
            (str(tenant_id), series, at),
        )


def mark(connection: Connection, series: int, at: datetime, tenant_id: UUID) -> None:
    """A rollup is due in that hour."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant', %s, false)", (str(tenant_id),))
        cursor.execute(
            "INSERT INTO dirty_mark (tenant_id, series_id, hour) VALUES (%s, %s, date_trunc('hour', %s, 'UTC'))",
            (str(tenant_id), series, at),
        )


def wait_for_a_lock_on(owner: Connection, table: str) -> None:
    """Wait until somebody waits for the table, WAIT_S_MAX seconds at most."""
    deadline = time.monotonic() + WAIT_S_MAX
    waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = %s::regclass AND NOT granted)"
    while asked(owner, waits, table) != [(True,)]:
        assert time.monotonic() < deadline, f"nobody waits for {table}"
        time.sleep(POLL_S)
