"""Intakes and their bodies in and out of PostgreSQL.

A body goes in and out piece by piece: a bytea travels as text of twice its length, so that whole ones would need
several times the memory of what was sent.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from adapters.django_orm.pending_writes import PendingWrites
from adapters.django_orm.table_writes import intake_writes
from adapters.django_orm.tenant_session import Row, TenantSession
from adapters.row_mapping.intakes import COUNTS, intake_from_row
from application.ports.intakes import Waiting
from domain.errors import NotFound
from domain.telemetry.intake import Intake, IntakeStatus

PIECE_BYTES: Final = 1024 * 1024

_COLUMNS: Final = (
    "id", "version", "status", "form", "precision", "device", "metric", "mode", "size_bytes", *COUNTS, "refusal_code",
    "refusal_detail", "faults", "created_at", "updated_at",
)  # fmt: skip
INTAKE_BY_ID: Final = f"SELECT {', '.join(_COLUMNS)} FROM intake WHERE tenant_id = %s AND id = %s"  # noqa: S608
"""Rows are for `intake_of`."""
_WAITING: Final = (
    "SELECT count(*), coalesce(sum(size_bytes), 0)::bigint FROM intake"  # noqa: S608 - a constant
    f" WHERE tenant_id = %s AND status = '{IntakeStatus.WAITING.value}'"
)


class DjangoIntakeRepository:
    """IntakeRepository."""

    def __init__(self, session: TenantSession, tenant_id: UUID, writes: PendingWrites) -> None:
        self._session, self._tenant_id, self._writes = session, tenant_id, writes

    def get(self, intake_id: UUID) -> Intake:
        """See the port."""
        saved: Intake | None = self._writes.saved(Intake.kind, intake_id)
        if saved is not None:
            return saved
        rows = self._session.query(INTAKE_BY_ID, (self._tenant_id, intake_id))
        if not rows:
            raise NotFound(kind=Intake.kind, id=str(intake_id))
        return self._writes.loaded(intake_of(rows[0]))

    def save(self, intake: Intake) -> None:
        """See the port."""
        self._writes.save(intake, lambda saved, version, events: intake_writes(saved, version))

    def keep_body(self, intake_id: UUID, body: bytes) -> None:
        """See the port. An empty body is one empty piece."""
        view = memoryview(body)
        for place, start in enumerate(range(0, max(len(body), 1), PIECE_BYTES)):
            self._session.query(
                "INSERT INTO intake_body (tenant_id, intake_id, place, piece) VALUES (%s, %s, %s, %s)",
                (self._tenant_id, intake_id, place, view[start : start + PIECE_BYTES]),
            )

    def body(self, intake_id: UUID) -> bytes | None:
        """See the port. Nobody may end the intake while its pieces are read."""
        self._session.query(
            "SELECT 1 FROM intake WHERE tenant_id = %s AND id = %s FOR SHARE", (self._tenant_id, intake_id)
        )
        pieces: list[bytes] = []
        while rows := self._session.query(
            "SELECT piece FROM intake_body WHERE tenant_id = %s AND intake_id = %s AND place = %s",
            (self._tenant_id, intake_id, len(pieces)),
        ):
            pieces.append(bytes(rows[0][0]))
        return b"".join(pieces) if pieces else None

    def drop_body(self, intake_id: UUID) -> None:
        """See the port."""
        self._session.query(
            "DELETE FROM intake_body WHERE tenant_id = %s AND intake_id = %s", (self._tenant_id, intake_id)
        )

    def waiting(self) -> Waiting:
        """See the port."""
        ((count, size_bytes),) = self._session.query(_WAITING, (self._tenant_id,))
        return Waiting(count, size_bytes)


def intake_of(row: Row) -> Intake:
    """The intake of a row of `INTAKE_BY_ID`."""
    return intake_from_row(dict(zip(_COLUMNS, row, strict=True)))
