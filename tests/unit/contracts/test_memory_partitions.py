"""The contracts of partitions, bound to memory."""

from __future__ import annotations

import pytest

from adapters.memory.partitions import InMemoryPartitionKeeper
from application.ports.readings import PartitionKeeper
from unit.contracts.partitions_contract import PartitionKeeperContract, now


class TestKeeper(PartitionKeeperContract):
    @pytest.fixture
    def keeper(self) -> PartitionKeeper:
        return InMemoryPartitionKeeper(now=now)

    @pytest.fixture
    def keeper_elsewhere(self, keeper: PartitionKeeper) -> PartitionKeeper:
        return keeper
