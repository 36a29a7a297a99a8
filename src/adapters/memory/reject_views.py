"""The reject store in memory as it is read."""

from __future__ import annotations

from uuid import UUID

from adapters.memory.database import InMemoryDatabase
from adapters.memory.reading_table import KeptReject
from application.ports.read_models import PAGE_DEFAULT, PAGE_MAX, Page, PageKey
from application.ports.reject_views import RejectFilter, RejectView
from domain.errors import NotFound


class InMemoryRejectViews:
    """RejectViews."""

    def __init__(self, database: InMemoryDatabase) -> None:
        self._database = database

    def get(self, tenant_id: UUID, reject_id: UUID) -> RejectView:
        """See the port."""
        with self._database.latch:
            kept = self._database.readings.rejects.get(reject_id)
        if kept is None or kept.tenant_id != tenant_id:
            raise NotFound(kind=RejectView.kind, id=str(reject_id))
        return _view(kept)

    def list(
        self,
        tenant_id: UUID,
        wanted: RejectFilter,
        *,
        after: PageKey | None = None,
        limit: int = PAGE_DEFAULT,
    ) -> Page[RejectView]:
        """See the port."""
        with self._database.latch:
            rejects = tuple(self._database.readings.rejects.values())
        found = [
            kept
            for kept in rejects
            if kept.tenant_id == tenant_id
            and wanted.reason in (None, kept.reject.reason)
            and wanted.request_id in (None, kept.request_id)
            and (after is None or kept.id < after.id)
        ]
        found.sort(key=lambda kept: kept.id, reverse=True)
        size = max(0, min(limit, PAGE_MAX))
        items = tuple(map(_view, found[:size]))
        has_more = len(found) > size > 0
        return Page(items, PageKey(items[-1].created_at, items[-1].id) if has_more else None)


def _view(kept: KeptReject) -> RejectView:
    row, reason, detail, sent = kept.reject
    return RejectView(
        id=kept.id,
        row=row,
        reason=reason,
        detail=detail,
        sent=sent,
        request_id=kept.request_id,
        created_at=kept.created_at,
        replayed_at=kept.replayed_at,
    )
