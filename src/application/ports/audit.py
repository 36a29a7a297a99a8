"""Whether what is stored is what happened: rows against events, money against the gateway, stock against its law."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from application.ports.readiness import NotFit

DIFFERENCES_KEPT_MAX: Final = 10_000
"""All are counted; so many are told."""
IN_FLIGHT_KEPT_MAX: Final = 1_000

NO_GATEWAY: Final = "no gateway is configured"


class AuditImpossible(NotFit):
    """Nothing can be said of the data; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is stored and does not follow from what happened."""

    check: str
    """The promise that is broken: E9, M1 or M2."""
    tenant: str
    """Its name; its id if it has none."""
    kind: str
    id: str
    field: str
    expected: str
    expected_by: str
    found: str
    found_in: str

    @property
    def sentence(self) -> str:
        """What is wrong, for an operator."""
        return (
            f"{self.check} {self.tenant}: {self.kind} {self.id}, {self.field}: "
            f"{self.expected} by {self.expected_by}, {self.found} in {self.found_in}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What was looked at, and what was found."""

    taken_at: datetime
    """The moment of the snapshot, by the database's clock."""
    seconds: float
    checked: Mapping[str, int]
    """How many of each kind of thing."""
    differences: Sequence[Difference]
    """The first DIFFERENCES_KEPT_MAX."""
    difference_count: int
    in_flight_count: int
    """Orders whose saga has not ended."""
    ahead: Sequence[str]
    """The first of those orders in flight of which the gateway knows more than is recorded yet; no differences."""
    ahead_count: int
    undecided: Sequence[str]
    """Orders that differed each time they were looked at and changed each time; run the audit again for them."""
    ledger_not_asked: str | None
    """Why the gateway's own ledger was left out; None: it was asked."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong, as far as it was looked at."""
        return self.difference_count == 0

    @property
    def is_complete(self) -> bool:
        """Whether everything that is configured was looked at, and decided."""
        return self.ledger_not_asked in (None, NO_GATEWAY) and not self.undecided

    @property
    def events_per_s(self) -> float:
        """How fast it went."""
        return self.checked.get("events", 0) / self.seconds if self.seconds else 0.0


class AuditProgress(Protocol):
    """Is told now and then how far the audit is."""

    def __call__(self, events: int, events_total: int) -> None: ...


class Auditor(Protocol):
    """Recomputes everything from events and compares it with what is stored; changes nothing."""

    def audit(self, tenant_id: UUID | None = None, *, progress: AuditProgress | None = None) -> AuditReport:
        """Of one tenant, or of all, in one snapshot and bounded memory. Raises AuditImpossible.

        A gateway that can't be asked is told in the report, beside what was found without it.
        """
        ...
