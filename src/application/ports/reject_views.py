"""The reject store as it is read: what was sent and not stored, and why (W3, W8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol
from uuid import UUID

from application.ports.read_models import PAGE_DEFAULT, Page, PageKey
from domain.telemetry.reading import RejectReason


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectView:
    """A reading that was not stored. `row` is its place in what was sent, from 0; `sent` is what a replay decodes."""

    kind: ClassVar = "reject"

    id: UUID
    row: int
    reason: RejectReason
    detail: str
    sent: str
    request_id: str
    created_at: datetime
    replayed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectFilter:
    """Which rejects are wanted; None admits all."""

    reason: RejectReason | None = None
    request_id: str | None = None


class RejectViews(Protocol):
    """Reads what is committed of one tenant's rejects. Raises StoreUnavailable."""

    def get(self, tenant_id: UUID, reject_id: UUID) -> RejectView:
        """Raises NotFound."""
        ...

    def list(
        self,
        tenant_id: UUID,
        wanted: RejectFilter,
        *,
        after: PageKey | None = None,
        limit: int = PAGE_DEFAULT,
    ) -> Page[RejectView]:
        """Up to `limit` (at most PAGE_MAX) beyond `after`, newest first, by id, which is in the order of time."""
        ...
