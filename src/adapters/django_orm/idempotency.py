"""Request keys on PostgreSQL: claimed in one message, settled in the message that commits."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from adapters.django_orm.table_writes import Statement
from adapters.django_orm.tenant_session import TenantSession
from adapters.row_mapping.json_codec import outcome_from_data, outcome_to_data
from application.ports.unit_of_work import CommandContext
from domain.idempotency import KEY_KEPT_FOR, RETRY_AFTER_S, Done, Refused, RequestInProgress, RequestKey

Result = TypeVar("Result")


def claim(
    session: TenantSession, context: CommandContext, request: RequestKey, result_type: type[Result]
) -> Done[Result] | Refused | None:
    """Claim the key for the session's transaction (None), or give what is stored under it.

    Raises RequestInProgress, KeyReused.
    """
    ((verdict, fingerprint, outcome),) = session.query(
        "SELECT verdict, stored_fingerprint, stored_outcome FROM claim_request(%s, %s, %s)",
        (context.tenant_id, context.actor, request.key),
    )
    if verdict == "new":
        return None
    if verdict == "busy":
        raise RequestInProgress(retry_after_s=RETRY_AFTER_S)
    request.require_same_request(bytes(fingerprint))
    return outcome_from_data(msgspec.json.decode(outcome), result_type)


def settlement(context: CommandContext, request: RequestKey, outcome: Done[Any] | Refused) -> Statement:
    """Keep the outcome under the claimed key."""
    return Statement(
        "SELECT settle_request(%s, %s, %s, %s, %s, %s)",
        (
            context.tenant_id,
            context.actor,
            request.key,
            request.fingerprint,
            KEY_KEPT_FOR,
            msgspec.json.encode(outcome_to_data(outcome)).decode(),
        ),
    )
