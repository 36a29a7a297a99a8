"""The contracts of reading readings and rejects, bound to the in-memory adapters."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.memory.database import InMemoryDatabase
from adapters.memory.purge import InMemoryPurge
from adapters.memory.reading_views import InMemoryReadingViews
from adapters.memory.reject_views import InMemoryRejectViews
from adapters.memory.series_catalogue import InMemorySeriesCatalogue
from application.ports.purge import OpenPurge
from application.ports.reading_views import ReadingViews
from application.ports.readings import SeriesCatalogue
from application.ports.reject_views import RejectViews
from unit.contracts.reading_views_contract import ReadingViewsContract
from unit.contracts.reject_views_contract import RejectViewsContract
from unit.contracts.test_memory_adapters import MemoryBinding, SettableClock


class TestReadingViews(MemoryBinding, ReadingViewsContract):
    @pytest.fixture
    def views(self, database: InMemoryDatabase) -> ReadingViews:
        return InMemoryReadingViews(database)

    @pytest.fixture
    def catalogue(self, database: InMemoryDatabase) -> SeriesCatalogue:
        return InMemorySeriesCatalogue(database=database)


class TestRejectViews(MemoryBinding, RejectViewsContract):
    @pytest.fixture
    def reject_views(self, database: InMemoryDatabase) -> RejectViews:
        return InMemoryRejectViews(database)

    @pytest.fixture
    def open_purge(self, database: InMemoryDatabase) -> OpenPurge:
        return functools.partial(InMemoryPurge, database=database)

    @pytest.fixture
    def pass_time(self, clock: SettableClock) -> Callable[[UUID, timedelta], None]:
        return lambda tenant_id, delta: clock.advance(delta)
