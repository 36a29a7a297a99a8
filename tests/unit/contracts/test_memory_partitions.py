"""The contracts of partitions, bound to memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from adapters.memory.database import InMemoryDatabase
from adapters.memory.partitions import InMemoryPartitions
from adapters.memory.reading_table import HOUR_US
from adapters.system_clock import new_id
from application.ports.partitions import ReadingPartitions
from application.ports.readings import PartitionKeeper
from domain.telemetry.reading import microseconds
from unit.contracts.partitions_contract import (
    AddReading,
    PartitionKeeperContract,
    ReadingPartitionsContract,
    now,
)


@pytest.fixture
def database() -> InMemoryDatabase:
    """An empty one."""
    return InMemoryDatabase(now=now)


class TestKeeper(PartitionKeeperContract):
    @pytest.fixture
    def keeper(self, database: InMemoryDatabase) -> PartitionKeeper:
        return InMemoryPartitions(database=database)

    @pytest.fixture
    def keeper_elsewhere(self, keeper: PartitionKeeper) -> PartitionKeeper:
        return keeper


class TestPartitions(ReadingPartitionsContract):
    @pytest.fixture
    def keeper(self, database: InMemoryDatabase) -> InMemoryPartitions:
        return InMemoryPartitions(database=database)

    @pytest.fixture
    def partitions(self, keeper: InMemoryPartitions) -> ReadingPartitions:
        return keeper

    @pytest.fixture
    def add_reading(self, database: InMemoryDatabase) -> AddReading:
        def add(at: datetime, *, marked: bool) -> None:
            tenant_id, time = new_id(), microseconds(at)
            database.readings.values[tenant_id, 1, time] = 1.0
            if marked:
                database.readings.marks.append((tenant_id, 1, time - time % HOUR_US))

        return add

    @pytest.fixture
    def count(self, database: InMemoryDatabase) -> Callable[[], int]:
        return lambda: len(database.readings.values)
