"""How far messages are: of one tenant as the application's role, of all tenants as the role that sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import django.db
from django.db import connections

from adapters.django_orm.error_translation import RETRY_AFTER_S
from adapters.django_orm.role_check import require_system_role
from adapters.django_orm.tenant_session import SYSTEM_ALIAS, Row, query_of_nobody, query_once
from application.ports.outbox import ConsumerLag
from application.ports.unit_of_work import StoreUnavailable

# statement_timestamp is stable, so the index of settled rows bounds the search.
_LAG: Final = """
SELECT consumer, count(*) FILTER (WHERE settled_at IS NULL AND parked_at IS NULL),
    extract(epoch FROM clock_timestamp() - min(created_at) FILTER (WHERE settled_at IS NULL AND parked_at IS NULL))
        ::float,
    count(*) FILTER (WHERE parked_at IS NOT NULL), extract(epoch FROM clock_timestamp() - min(parked_at))::float,
    count(*) FILTER (WHERE settled_at IS NOT NULL)
FROM message
WHERE (settled_at IS NULL OR settled_at > statement_timestamp() - interval '1 minute') AND {of}
GROUP BY consumer ORDER BY consumer
"""
_LAG_OF_TENANT: Final = _LAG.format(of="tenant_id = %s")
_LAG_OF_ALL: Final = _LAG.format(of="true")
_LIMIT_STATEMENT: Final = "SELECT set_config('statement_timeout', %s, true); "


def lag_of_tenant(tenant_id: UUID) -> tuple[ConsumerLag, ...]:
    """By consumer. Raises StoreUnavailable."""
    return _by_consumer(query_once(tenant_id, _LAG_OF_TENANT, (tenant_id,)))


def lag_of_all_tenants() -> tuple[ConsumerLag, ...]:
    """By consumer, as the system role. Raises StoreUnavailable."""
    return _by_consumer(query_of_nobody(_LAG_OF_ALL, alias=SYSTEM_ALIAS))


def watched_lag(*, time_limit_s: float) -> tuple[ConsumerLag, ...]:
    """What `lag_of_all_tenants` says, for a process that isn't a role of its own: it holds no connection afterwards.

    Raises WrongDatabaseRole where the answer would be empty because the role sees nothing; StoreUnavailable and
    TransactionConflict if there is no answer within the limit.
    """
    limit_ms = str(round(time_limit_s * 1_000))
    try:
        require_system_role()
        return _by_consumer(query_of_nobody(_LIMIT_STATEMENT + _LAG_OF_ALL, (limit_ms,), SYSTEM_ALIAS))
    except django.db.Error as error:
        # A schema that isn't there yet, or rights that are missing: no figure, like a server that is away.
        raise StoreUnavailable(retry_after_s=RETRY_AFTER_S) from error
    finally:
        connections[SYSTEM_ALIAS].close()


def _by_consumer(rows: Sequence[Row]) -> tuple[ConsumerLag, ...]:
    return tuple(
        ConsumerLag(
            consumer=consumer,
            pending=pending,
            oldest_age_s=age,
            parked=parked,
            oldest_parked_age_s=parked_age,
            settled_last_minute=settled,
        )
        for consumer, pending, age, parked, parked_age, settled in rows
    )
