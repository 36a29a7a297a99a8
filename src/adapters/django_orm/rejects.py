"""The reject store on PostgreSQL: what was sent and not stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import uuid_utils.compat

from adapters.django_orm.tenant_session import TenantSession
from application.ports.reject_views import RejectView
from application.ports.unit_of_work import CommandContext
from domain.errors import NotFound
from domain.telemetry.batch import Reject
from domain.telemetry.rejects import RejectReplayed

_KEEP: Final = """
INSERT INTO rejected_reading (tenant_id, id, row, reason, detail, sent, request_id)
SELECT %s, r.id, r.row, r.reason, r.detail, r.sent, %s
FROM unnest(%s::uuid[], %s::int[], %s::text[], %s::text[], %s::text[]) AS r (id, row, reason, detail, sent)
"""
_MARK: Final = """
UPDATE rejected_reading SET replayed_at = clock_timestamp()
WHERE tenant_id = %s AND id = %s AND replayed_at IS NULL RETURNING id
"""
_REPLAYED_AT: Final = "SELECT replayed_at FROM rejected_reading WHERE tenant_id = %s AND id = %s"


@dataclass(frozen=True, slots=True)
class DjangoRejectWriter:
    """RejectWriter in the unit of work's session."""

    session: TenantSession
    context: CommandContext

    def keep(self, rejects: Sequence[Reject]) -> None:
        """See the port."""
        if not rejects:
            return
        rows, reasons, details, sent = zip(*rejects, strict=True)
        ids = [str(uuid_utils.compat.uuid7()) for _ in rejects]
        columns = (ids, list(rows), [str(reason) for reason in reasons], list(details), list(sent))
        of = (str(self.context.tenant_id), self.context.correlation_id)
        self.session.query(_KEEP, (*of, *columns))

    def mark_replayed(self, reject_id: UUID) -> None:
        """See the port. Another transaction that marks it is waited for."""
        of = (str(self.context.tenant_id), str(reject_id))
        if self.session.query(_MARK, of):
            return
        rows = self.session.query(_REPLAYED_AT, of)
        if not rows:
            raise NotFound(kind=RejectView.kind, id=str(reject_id))
        raise RejectReplayed(id=str(reject_id), replayed_at=rows[0][0].isoformat())
