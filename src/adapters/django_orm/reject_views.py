"""The reject store on PostgreSQL as it is read; ids are in the order of time, so the key itself gives the pages."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final
from uuid import UUID

from adapters.django_orm.tenant_session import Row, query_once
from application.ports.read_models import PAGE_DEFAULT, PAGE_MAX, Page, PageKey
from application.ports.reject_views import RejectFilter, RejectView
from domain.errors import NotFound
from domain.telemetry.reading import RejectReason

_COLUMNS: Final = tuple(field.name for field in fields(RejectView))
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM rejected_reading WHERE tenant_id = %s"  # noqa: S608 - constants


class DjangoRejectViews:
    """RejectViews, as the application's role."""

    def get(self, tenant_id: UUID, reject_id: UUID) -> RejectView:
        """See the port."""
        rows = query_once(tenant_id, f"{_SELECT} AND id = %s", (tenant_id, reject_id))
        if not rows:
            raise NotFound(kind=RejectView.kind, id=str(reject_id))
        return _view(rows[0])

    def list(
        self,
        tenant_id: UUID,
        wanted: RejectFilter,
        *,
        after: PageKey | None = None,
        limit: int = PAGE_DEFAULT,
    ) -> Page[RejectView]:
        """See the port."""
        size = max(0, min(limit, PAGE_MAX))
        sql, params = _SELECT, [tenant_id]
        asked: dict[str, Any] = {
            "reason = %s": wanted.reason and wanted.reason.value,
            "request_id = %s": wanted.request_id,
            "id < %s": after and after.id,
        }
        for condition, value in asked.items():
            if value is not None:
                sql += f" AND {condition}"
                params.append(value)
        rows = query_once(tenant_id, f"{sql} ORDER BY id DESC LIMIT %s", (*params, size + 1))
        items = tuple(map(_view, rows[:size]))
        has_more = len(rows) > size > 0
        return Page(items, PageKey(items[-1].created_at, items[-1].id) if has_more else None)


def _view(row: Row) -> RejectView:
    values = dict(zip(_COLUMNS, row, strict=True))
    return RejectView(**{**values, "reason": RejectReason(values["reason"])})
