"""Sagas in memory as operators read them."""

from __future__ import annotations

from uuid import UUID

from adapters.memory.database import InMemoryDatabase, Row
from adapters.memory.transaction import recorded_event
from adapters.row_mapping.sagas import saga_from_row
from application.ports.read_models import PAGE_MAX
from application.ports.saga_views import JOURNAL_MAX, SagaFilter, SagaJournalView, SagaView
from domain.errors import NotFound
from domain.saga.saga import Saga


class InMemorySagaViews:
    """SagaViews."""

    def __init__(self, database: InMemoryDatabase) -> None:
        self._database = database

    def of_id(self, tenant_id: UUID, saga_id: UUID) -> SagaJournalView:
        """See the port."""
        return self._journal(tenant_id, saga_id, self._database.row((Saga.kind, tenant_id, saga_id)))

    def of_subject(self, tenant_id: UUID, subject_id: UUID) -> SagaJournalView:
        """See the port."""
        row = self._database.row_by_value((Saga.kind, tenant_id, str(subject_id)))
        return self._journal(tenant_id, subject_id, row)

    def list(
        self, tenant_id: UUID, wanted: SagaFilter, *, after: UUID | None, limit: int
    ) -> tuple[SagaView, ...]:
        """See the port."""
        rows = self._database.rows_where(Saga.kind, tenant_id, lambda row: _is_wanted(row, wanted, after))
        shown = sorted(rows, key=lambda row: row["id"])[: max(0, min(limit, PAGE_MAX + 1))]
        return tuple(SagaView.of(saga_from_row(row)) for row in shown)

    def _journal(self, tenant_id: UUID, of: UUID, row: Row | None) -> SagaJournalView:
        if row is None:
            raise NotFound(kind=Saga.kind, id=str(of))
        # What was committed since the row was read is left for the next time.
        events = self._database.stream(tenant_id, row["id"])[: min(row["version"], JOURNAL_MAX)]
        return SagaJournalView.read(saga_from_row(row), map(recorded_event, events))


def _is_wanted(row: Row, wanted: SagaFilter, after: UUID | None) -> bool:
    return (
        wanted.status in (None, row["status"])
        and wanted.definition in (None, row["definition"])
        and wanted.needs_repair in (None, row["needs_repair"])
        and (after is None or row["id"] > after)
    )
