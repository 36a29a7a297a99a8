"""Partitions of readings on PostgreSQL: made and dropped by functions of the tables' owner, one call a transaction."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

import django.db
from django.db import DEFAULT_DB_ALIAS

from adapters.django_orm.tenant_session import SYSTEM_ALIAS, query_of_nobody
from application.ports.clock import Clock
from application.ports.partitions import DropOutcome, PartitionView
from application.ports.readiness import CheckResult
from domain.errors import DomainError
from domain.telemetry.partitions import NotMade, months_ahead
from domain.telemetry.reading import microseconds, moment

KNOWN_FOR_S: Final = 30
"""How long a month that has a partition isn't asked for again; shorter than any partition is spared before it goes."""
KNOWN_MAX: Final = 2_048
"""Months that are remembered; from 1970 on there are fewer until 2140."""

_ENSURE: Final = "SELECT month, outcome FROM ensure_reading_partitions(%s::timestamptz[])"
_OVERVIEW: Final = (
    "SELECT name, starts_at, ends_at, row_count, bytes, marks FROM reading_partition_overview()"
)
_DROP: Final = "SELECT drop_reading_partition(%s, %s)"
_THERE: Final = frozenset({"there", "made"})
_WHY_NOT: Final = {
    "out of range": NotMade.OUT_OF_RANGE,
    "too many": NotMade.TOO_MANY,
    "covered in part": NotMade.COVERED_IN_PART,
    "name taken": NotMade.NAME_TAKEN,
}


class KnownMonths:
    """Months that had a partition a moment ago; shared by the threads of a process."""

    def __init__(self, *, known_for_s: float = KNOWN_FOR_S) -> None:
        self._known_for_s = known_for_s
        self._lock = threading.Lock()
        self._until: dict[int, float] = {}

    def unknown(self, months: Collection[int]) -> list[int]:
        """Those to ask for."""
        now = time.monotonic()
        with self._lock:
            return [month for month in months if self._until.get(month, 0.0) <= now]

    def remember(self, months: Collection[int]) -> None:
        """They have one now."""
        until = time.monotonic() + self._known_for_s
        with self._lock:
            if len(self._until) + len(months) > KNOWN_MAX:
                self._until.clear()
            self._until.update(dict.fromkeys(list(months)[:KNOWN_MAX], until))

    def forget(self) -> None:
        """Ask for all of them again; for who finds that a partition is gone."""
        with self._lock:
            self._until.clear()


KNOWN_MONTHS: Final = KnownMonths()


class DjangoPartitionKeeper:
    """PartitionKeeper, as the role of that connection; a lock that isn't had in time is a TransactionConflict."""

    def __init__(self, alias: str = DEFAULT_DB_ALIAS, known: KnownMonths = KNOWN_MONTHS) -> None:
        self._alias = alias
        self._known = known

    def ensure(self, months: Sequence[int]) -> Mapping[int, str]:
        """See the port."""
        wanted = self._known.unknown(months)
        if not wanted:
            return {}
        rows = query_of_nobody(_ENSURE, ([moment(month) for month in wanted],), self._alias)
        outcomes = {microseconds(month): outcome for month, outcome in rows}
        self._known.remember([month for month, outcome in outcomes.items() if outcome in _THERE])
        return {
            month: _WHY_NOT[outcome].value for month, outcome in outcomes.items() if outcome not in _THERE
        }


def system_partition_keeper() -> DjangoPartitionKeeper:
    """In the role of the scheduler and of the command line; it remembers nothing, for it comes once an hour."""
    return DjangoPartitionKeeper(SYSTEM_ALIAS, KnownMonths(known_for_s=0))


class PartitionReadiness:
    """ReadinessCheck: the present month and the next have their partitions; batches make them if need be."""

    name = "partitions"

    def __init__(self, *, now: Clock) -> None:
        self._now = now

    def __call__(self) -> CheckResult:
        """See the port."""
        try:
            rows = query_of_nobody("SELECT starts_at, ends_at FROM reading_partitions()")
        except (DomainError, django.db.Error, RuntimeError) as error:
            return CheckResult(self.name, required=False, problem=str(error).partition("\n")[0])
        missing = [
            f"{month:%Y-%m}"
            for month in months_ahead(self._now())[:2]
            if not any(starts <= month < ends for starts, ends in rows)
        ]
        if not missing:
            return CheckResult(self.name, required=False, problem=None)
        problem = (
            f"{' and '.join(missing)} {'has' if len(missing) == 1 else 'have'} no partition yet; "
            "run holdwater partitions ensure, and see that a scheduler runs"
        )
        return CheckResult(self.name, required=False, problem=problem)


class DjangoReadingPartitions:
    """ReadingPartitions, as the system's role, which may call what the owner's functions do and nothing else."""

    def list(self) -> Sequence[PartitionView]:
        """See the port."""
        return [
            PartitionView(name=name, starts_at=starts, ends_at=ends, rows=rows, bytes=size, marks=marks)
            for name, starts, ends, rows, size, marks in query_of_nobody(_OVERVIEW, alias=SYSTEM_ALIAS)
        ]

    def drop(self, name: str, *, ends_by: datetime) -> DropOutcome:
        """See the port."""
        ((outcome,),) = query_of_nobody(_DROP, (name, ends_by), SYSTEM_ALIAS)
        if outcome == DropOutcome.DROPPED:
            KNOWN_MONTHS.forget()
        return DropOutcome(outcome)
