"""The whole audit: one snapshot, the ledger read right after it was taken, every check, and a second look at money."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from typing import Final
from uuid import UUID

from adapters.audit.findings import Findings
from adapters.audit.ledger_spool import LedgerSpool, spooled
from adapters.audit.money_check import MoneyCheck
from adapters.audit.snapshot import Snapshot, snapshot_of
from adapters.audit.state_check import StateCheck
from application.ports.audit import NO_GATEWAY, AuditImpossible, AuditProgress, AuditReport
from application.ports.payment_gateway import GatewayRefused, GatewayUnavailable, PaymentLedger

_COUNT: Final = "SELECT count(*) FROM event"


class PostgresAuditor:
    """Auditor, on connections of its own."""

    def __init__(self, database_url: str, ledger: PaymentLedger | None) -> None:
        """`database_url`: as the role that sees all tenants. `ledger` None: there is no gateway."""
        self._database_url, self._ledger = database_url, ledger

    def audit(self, tenant_id: UUID | None = None, *, progress: AuditProgress | None = None) -> AuditReport:
        """See the port."""
        began = time.monotonic()
        tenant = None if tenant_id is None else str(tenant_id)
        not_asked = NO_GATEWAY if self._ledger is None else None
        with ExitStack() as open_things:
            snapshot = open_things.enter_context(snapshot_of(self._database_url))
            taken_at = snapshot.taken_at()
            findings = Findings(_tenants(snapshot, tenant))
            spool: LedgerSpool | None = None
            if self._ledger is not None:
                try:
                    spool = open_things.enter_context(spooled(self._ledger, stay_awake=snapshot.stay_awake))
                except (GatewayUnavailable, GatewayRefused) as error:
                    not_asked = str(error)
            total = _events(snapshot, tenant)
            state = StateCheck(snapshot, tenant, findings)
            state.run(lambda events: progress(events, total) if progress else None)
            money = MoneyCheck(findings, tenant)
            money.check(snapshot, spool)
        try:
            if self._ledger is not None and spool is not None:
                money.look_again(lambda: snapshot_of(self._database_url), self._ledger)
        except (GatewayUnavailable, GatewayRefused) as error:
            not_asked = str(error)
        checked = Counter(state.checked)
        checked.update(money.checked)
        return AuditReport(
            taken_at=taken_at,
            seconds=time.monotonic() - began,
            checked=dict(checked),
            differences=tuple(findings.kept),
            difference_count=findings.count,
            in_flight_count=money.in_flight_count,
            ahead=tuple(money.ahead),
            ahead_count=money.ahead_count,
            undecided=tuple(money.undecided),
            ledger_not_asked=not_asked,
        )


def _tenants(snapshot: Snapshot, tenant: str | None) -> dict[str, str]:
    names: dict[str, str] = dict(snapshot.all("SELECT id::text, name FROM tenant"))
    if tenant is not None and tenant not in names:
        raise AuditImpossible(f"there is no tenant {tenant}")
    return names


def _events(snapshot: Snapshot, tenant: str | None) -> int:
    ((count,),) = (
        snapshot.all(_COUNT) if tenant is None else snapshot.all(f"{_COUNT} WHERE tenant_id = %s", (tenant,))
    )
    total: int = count
    return total
