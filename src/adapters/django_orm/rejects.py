"""The reject store on PostgreSQL: what was sent and not stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import uuid_utils.compat

from adapters.django_orm.tenant_session import TenantSession
from application.ports.unit_of_work import CommandContext
from domain.telemetry.batch import Reject

_KEEP: Final = """
INSERT INTO rejected_reading (tenant_id, id, row, reason, detail, sent, request_id)
SELECT %s, r.id, r.row, r.reason, r.detail, r.sent, %s
FROM unnest(%s::uuid[], %s::int[], %s::text[], %s::text[], %s::text[]) AS r (id, row, reason, detail, sent)
"""


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
