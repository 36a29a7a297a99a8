"""The use case that takes readings in, over one in-memory database."""

from __future__ import annotations

from datetime import timedelta

from adapters.memory.database import InMemoryDatabase
from adapters.memory.partitions import InMemoryPartitions
from adapters.memory.series_catalogue import InMemorySeriesCatalogue
from adapters.reading_formats.operations import NumpyColumnOperations
from adapters.system_clock import new_id
from application.ports.clock import Clock
from application.ports.unit_of_work import OpenUnitOfWork
from application.telemetry.ingest_readings import IngestReadingsHandler
from application.telemetry.resolve_series import ResolveSeries
from domain.telemetry.retention import RawRetention


def ingest_handler(
    database: InMemoryDatabase,
    open_unit_of_work: OpenUnitOfWork,
    now: Clock,
    *,
    keep_for: timedelta | None = None,
) -> IngestReadingsHandler:
    """It waits for nothing between its tries."""
    catalogue = InMemorySeriesCatalogue(database=database)
    return IngestReadingsHandler(
        operations=NumpyColumnOperations(),
        series=ResolveSeries(catalogue, open_unit_of_work, now, new_id, lambda _: None),
        partitions=InMemoryPartitions(database=database),
        open_unit_of_work=open_unit_of_work,
        now=now,
        back_off=lambda _: None,
        retention=RawRetention(keep_for),
    )
