"""The rows of payments and sagas as their events make them: what a purge leaves of them once it has redacted those."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from adapters.row_mapping.payments import payment_to_row
from adapters.row_mapping.sagas import saga_to_row
from domain.event import Event
from domain.payments.payment import Payment
from domain.saga.saga import Saga


def payment_row_of(payment_id: UUID, events: Iterable[Event]) -> dict[str, Any]:
    """The payment's row; `events` are its whole stream, oldest first."""
    return payment_to_row(Payment.from_events(payment_id, events))


def saga_row_of(saga_id: UUID, events: Iterable[Event]) -> dict[str, Any]:
    """The saga's row; `events` are its whole stream, oldest first. Raises LookupError as `saga_from_row`."""
    return saga_to_row(Saga.from_events(saga_id, events))
