"""Intakes and their bodies in memory."""

from __future__ import annotations

from uuid import UUID

from adapters.memory.transaction import Transaction
from adapters.memory.write_list import RowWrite, WriteList
from adapters.row_mapping.intakes import intake_from_row, intake_to_row
from application.ports.intakes import Waiting
from domain.errors import NotFound
from domain.telemetry.intake import Intake, IntakeStatus


class InMemoryIntakeRepository:
    """IntakeRepository."""

    def __init__(self, transaction: Transaction, writes: WriteList) -> None:
        self._transaction, self._writes = transaction, writes

    def get(self, intake_id: UUID) -> Intake:
        """See the port."""
        saved: Intake | None = self._writes.saved(Intake.kind, intake_id)
        if saved is not None:
            return saved
        row = self._transaction.row(Intake.kind, intake_id)
        if row is None:
            raise NotFound(kind=Intake.kind, id=str(intake_id))
        intake = intake_from_row(row)
        self._writes.loaded(intake)
        return intake

    def save(self, intake: Intake) -> None:
        """See the port."""
        self._writes.save(RowWrite(intake, lambda: intake_to_row(intake), list))

    def keep_body(self, intake_id: UUID, body: bytes) -> None:
        """See the port."""
        self._transaction.changes.intake_bodies[self._key(intake_id)] = body

    def body(self, intake_id: UUID) -> bytes | None:
        """See the port."""
        key, own = self._key(intake_id), self._transaction.changes.intake_bodies
        return own[key] if key in own else self._transaction.database.intake_bodies.get(key)

    def drop_body(self, intake_id: UUID) -> None:
        """See the port."""
        self._transaction.changes.intake_bodies[self._key(intake_id)] = None

    def waiting(self) -> Waiting:
        """See the port."""
        rows = self._transaction.rows_where(
            Intake.kind, lambda row: row["status"] == IntakeStatus.WAITING.value
        )
        return Waiting(len(rows), sum(row["size_bytes"] for row in rows))

    def _key(self, intake_id: UUID) -> tuple[UUID, UUID]:
        return self._transaction.context.tenant_id, intake_id
