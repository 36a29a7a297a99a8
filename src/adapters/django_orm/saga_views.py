"""Sagas on PostgreSQL as operators read them; each answer is one statement, so it is one snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from adapters.django_orm.event_rows import COLUMNS, recorded_event
from adapters.django_orm.saga_repositories import SAGA_COLUMNS
from adapters.django_orm.tenant_session import query_once
from adapters.row_mapping.sagas import saga_from_row
from application.ports.read_models import PAGE_MAX
from application.ports.saga_views import JOURNAL_MAX, SagaFilter, SagaJournalView, SagaView
from domain.errors import NotFound
from domain.saga.progress import ENDED
from domain.saga.saga import Saga

_STATE: Final = ", ".join(f"s.{column}" for column in SAGA_COLUMNS)
_WITH_EVENTS: Final = (
    f"SELECT {_STATE}, e.* FROM saga s LEFT JOIN LATERAL ("  # noqa: S608 - constants
    f"SELECT {COLUMNS} FROM event WHERE tenant_id = s.tenant_id AND stream_id = s.id AND stream_kind = %s"
    " ORDER BY version LIMIT %s) e ON true WHERE s.tenant_id = %s AND s.{of} = %s ORDER BY e.version"
)
_BY_ID: Final = _WITH_EVENTS.format(of="id")
_BY_SUBJECT: Final = _WITH_EVENTS.format(of="subject_id")


class DjangoSagaViews:
    """SagaViews, as the application's role."""

    def of_id(self, tenant_id: UUID, saga_id: UUID) -> SagaJournalView:
        """See the port."""
        return _journal(tenant_id, _BY_ID, saga_id)

    def of_subject(self, tenant_id: UUID, subject_id: UUID) -> SagaJournalView:
        """See the port."""
        return _journal(tenant_id, _BY_SUBJECT, subject_id)

    def list(
        self, tenant_id: UUID, wanted: SagaFilter, *, after: UUID | None, limit: int
    ) -> tuple[SagaView, ...]:
        """See the port."""
        conditions, params = ["s.tenant_id = %s"], [tenant_id, *_wanted_values(wanted)]
        if wanted.status is not None:
            conditions.append("s.status = %s")
            if wanted.status not in ENDED:
                # Those that go on by themselves are few among all that ever were, and an index has them.
                conditions.append("(s.wake_at IS NOT NULL OR s.needs_repair)")
        if wanted.definition is not None:
            conditions.append("s.definition = %s")
        if wanted.needs_repair is not None:
            conditions.append("s.needs_repair" if wanted.needs_repair else "NOT s.needs_repair")
        if after is not None:
            conditions.append("s.id > %s")
            params.append(after)
        rows = query_once(
            tenant_id,
            f"SELECT {_STATE} FROM saga s WHERE {' AND '.join(conditions)} ORDER BY s.id LIMIT %s",  # noqa: S608
            (*params, max(0, min(limit, PAGE_MAX + 1))),
        )
        return tuple(SagaView.of(_saga(row)) for row in rows)


def _journal(tenant_id: UUID, sql: str, of: UUID) -> SagaJournalView:
    rows = query_once(tenant_id, sql, (Saga.kind, JOURNAL_MAX, tenant_id, of))
    if not rows:
        raise NotFound(kind=Saga.kind, id=str(of))
    size = len(SAGA_COLUMNS)
    return SagaJournalView.read(_saga(rows[0]), (recorded_event(row[size:]) for row in rows))


def _saga(row: Sequence[Any]) -> Saga:
    return saga_from_row(dict(zip(SAGA_COLUMNS, row[: len(SAGA_COLUMNS)], strict=True)))


def _wanted_values(wanted: SagaFilter) -> list[Any]:
    """In the order of the conditions that need one."""
    return [value for value in (wanted.status, wanted.definition) if value is not None]
