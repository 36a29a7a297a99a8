"""Request keys on PostgreSQL: claimed in one message, settled in the message that commits."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from adapters.django_orm.row_writes import Statement
from adapters.django_orm.tenant_session import TenantSession
from adapters.row_mapping.json_codec import outcome_from_data, outcome_to_data
from application.ports.unit_of_work import CommandContext
from domain.idempotency import KEY_KEPT_FOR, RETRY_AFTER_S, Done, Refused, RequestInProgress, RequestKey

Result = TypeVar("Result")

_CLAIM: Final = "SELECT verdict, stored_fingerprint, stored_outcome, NULL FROM claim_request(%s, %s, %s)"
_CLAIM_AND_READ: Final = (
    "SELECT verdict, stored_fingerprint, stored_outcome, CASE verdict WHEN 'new' THEN live_product_ids(%s, %s) END"
    " FROM claim_request(%s, %s, %s)"
)
_PRODUCT_IDS: Final = msgspec.json.Decoder(dict[str, UUID])


def claim(
    session: TenantSession,
    context: CommandContext,
    request: RequestKey,
    result_type: type[Result],
    *,
    skus: Collection[str],
) -> tuple[Done[Result] | Refused | None, dict[str, UUID]]:
    """Claim the key for the session's transaction (None), or give what is stored under it.

    With a claim come the ids of the live products among `skus`. Raises RequestInProgress, KeyReused.
    """
    named = (context.tenant_id, context.actor, request.key)
    if skus:
        rows = session.query(_CLAIM_AND_READ, (context.tenant_id, list(skus), *named))
    else:
        rows = session.query(_CLAIM, named)
    ((verdict, fingerprint, outcome, product_ids),) = rows
    if verdict == "new":
        return None, _PRODUCT_IDS.decode(product_ids or "{}")
    if verdict == "busy":
        raise RequestInProgress(retry_after_s=RETRY_AFTER_S)
    request.require_same_request(bytes(fingerprint))
    return outcome_from_data(msgspec.json.decode(outcome), result_type), {}


def settlement(
    context: CommandContext, request: RequestKey, outcome: Done[Any] | Refused, *, saga_id: UUID | None
) -> Statement:
    """Keep the outcome under the claimed key, which outlives the saga of that id (H11)."""
    return Statement(
        "SELECT settle_request(%s, %s, %s, %s, %s, %s, %s)",
        (
            context.tenant_id,
            context.actor,
            request.key,
            request.fingerprint,
            KEY_KEPT_FOR,
            msgspec.json.encode(outcome_to_data(outcome)).decode(),
            saga_id,
        ),
    )
