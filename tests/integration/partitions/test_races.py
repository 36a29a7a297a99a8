"""Partitions that are made and dropped while readings come in, all at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from functools import partial
from typing import Final, TypeVar

import psycopg2
import pytest
from django.db import connections
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters.django_orm.partitions import DjangoPartitionKeeper, DjangoReadingPartitions, KnownMonths
from adapters.embedded.postgres_roles import DatabaseUrls
from adapters.system_clock import new_id
from application.ports.partitions import DropOutcome
from application.ports.unit_of_work import TransactionConflict
from domain.telemetry.partitions import month_after
from domain.telemetry.reading import microseconds
from integration.partitions.writing import (
    FEBRUARY,
    asked,
    copy_rows,
    insert_through_parent,
)
from unit.contracts.threads import WAIT_S_MAX, Threads

ROUNDS: Final = 12
OLD: Final = tuple(month_after(FEBRUARY, -n) for n in range(1, ROUNDS + 1))
"""Their readings have run out: they come and go."""
KEPT: Final = tuple(month_after(FEBRUARY, n) for n in range(ROUNDS))
"""A new one for each round."""
WRITERS: Final = 3
MAKERS: Final = 2
TRIES_MAX: Final = 20


Result = TypeVar("Result")


def again(action: Callable[[], Result]) -> Result:
    """Try as the callers of a port do that meet a conflict."""
    for _ in range(TRIES_MAX - 1):
        try:
            return action()
        except TransactionConflict:
            continue
    return action()


@pytest.mark.promise("G6")
@pytest.mark.timeout(120)
def test_nothing_is_lost_and_nobody_fails_but_by_name(
    partitions_urls: DatabaseUrls, owner: Connection
) -> None:
    """Makers make old and new months, a dropper drops the old ones, writers write to the new ones in both ways."""
    tenant_id = new_id()
    dropped: list[str] = []
    line, are_made = threading.Barrier(MAKERS), threading.Event()

    def make() -> int:
        keeper = DjangoPartitionKeeper(known=KnownMonths(known_for_s=0))
        for old, new in zip(OLD, KEPT, strict=True):
            wanted = [microseconds(month) for month in (old, new)]
            assert again(partial(keeper.ensure, wanted)) == {}
        if line.wait(WAIT_S_MAX) == 0:
            are_made.set()
        return 0

    def drop() -> int:
        partitions = DjangoReadingPartitions()
        deadline, is_last = time.monotonic() + WAIT_S_MAX, False
        while not is_last:
            assert time.monotonic() < deadline, "the makers did not end"
            is_last = are_made.is_set()
            for each in partitions.list():
                if each.ends_at <= FEBRUARY:
                    outcome = again(partial(partitions.drop, each.name, ends_by=FEBRUARY))
                    assert outcome is DropOutcome.DROPPED
                    dropped.append(each.name)
        return 0

    def write(writer: int) -> int:
        keeper = DjangoPartitionKeeper(known=KnownMonths())
        acknowledged = 0
        with closing(psycopg2.connect(partitions_urls.app_url)) as connection:
            for month in KEPT:
                assert again(partial(keeper.ensure, [microseconds(month)])) == {}
                times = [month + timedelta(hours=hour) for hour in range(24)]
                copy_rows(
                    connection, f"sensor_reading_{month:%Y_%m}", [(writer, at) for at in times], tenant_id
                )
                connection.commit()
                acknowledged += len(times)
                insert_through_parent(connection, writer, month + timedelta(days=2), tenant_id)
                insert_through_parent(connection, writer, month + timedelta(days=3), tenant_id)
                connection.commit()
                acknowledged += 2
        return acknowledged

    jobs: list[Callable[[], int]] = [*[make] * MAKERS, drop, *(partial(write, n) for n in range(WRITERS))]
    outcomes = Threads(connections.close_all).race(len(jobs), lambda place: jobs[place]())
    assert [outcome.error for outcome in outcomes] == [None] * len(jobs)
    acknowledged = sum(outcome.result or 0 for outcome in outcomes)
    assert asked(owner, "SELECT count(*) FROM sensor_reading") == [(acknowledged,)]
    assert acknowledged == WRITERS * ROUNDS * 26
    assert len(dropped) >= ROUNDS
