"""Fulfilment as the service's own event log tells of it, and the customers who pay again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from application.ports.event_store import RecordedEvent
from domain.event import Event
from domain.orders.events import OrderConfirmed, OrderPaymentDeclined
from domain.orders.order import Order
from domain.saga.events import (
    SagaCompensated,
    SagaCompleted,
    SagaEffectFound,
    SagaStarted,
    SagaStepParked,
    SagaStepPutOff,
)
from entrypoints.cli.demo.api_client import ApiClient, UnexpectedReply
from entrypoints.cli.demo.payment_methods import VISA

POLL_S: Final = 0.5
STALLED_S: Final = 120.0
"""The demo gives up when no saga ends for so long; no pause before a further try is longer than a minute."""
READS_MAX: Final = 1_000
"""Of the log, in one go: far more than the demo's orders leave."""

ReadLog = Callable[[int], Sequence[RecordedEvent]]
"""The next events of the tenant's log after a position; none at its present end."""


@dataclass
class Fulfilment:
    """What the log has told so far; each time in it is the service's own."""

    order_events: Counter[type[Event]] = field(default_factory=Counter)
    retries: int = 0
    """Tries that failed, or had no clear answer, and were put off."""
    compensations: int = 0
    parked: int = 0
    declined: set[UUID] = field(default_factory=set)
    """Orders whose payment was declined, ever."""
    _order_by_saga: dict[UUID, UUID] = field(default_factory=dict)
    _started_at: dict[UUID, datetime] = field(default_factory=dict)
    """By order."""
    _confirmed_at: dict[UUID, datetime] = field(default_factory=dict)
    _ended_at: dict[UUID, datetime] = field(default_factory=dict)
    """By saga."""

    def take_in(self, recorded: RecordedEvent) -> None:
        """The next event of the log."""
        event, stream_id = recorded.event, recorded.stream_id
        if recorded.stream_kind == Order.kind:
            self.order_events[type(event)] += 1
        match event:
            case OrderPaymentDeclined():
                self.declined.add(stream_id)
            case OrderConfirmed():
                self._confirmed_at[stream_id] = event.occurred_at
            case SagaStarted():
                self._order_by_saga[stream_id] = event.subject_id
                self._started_at[event.subject_id] = event.occurred_at
            case SagaStepPutOff():
                self.retries += 1
            case SagaStepParked():
                self.parked += 1
            case SagaCompleted():
                self._ended_at[stream_id] = event.occurred_at
            case SagaCompensated():
                self.compensations += 1
                self._ended_at[stream_id] = event.occurred_at
            case SagaEffectFound():
                self._ended_at.pop(stream_id, None)

    @property
    def started(self) -> int:
        """Sagas that have begun."""
        return len(self._order_by_saga)

    @property
    def ended(self) -> int:
        """Sagas that are over."""
        return len(self._ended_at)

    @property
    def seconds(self) -> float:
        """From the start of the first saga to the end of the last; 0 without any."""
        if not self._ended_at:
            return 0.0
        return (max(self._ended_at.values()) - min(self._started_at.values())).total_seconds()

    @property
    def seconds_to_confirmation(self) -> list[float]:
        """From placing to confirmation, ascending; without declined orders, which waited for their customer."""
        return sorted(
            (confirmed_at - self._started_at[order_id]).total_seconds()
            for order_id, confirmed_at in self._confirmed_at.items()
            if order_id not in self.declined and order_id in self._started_at
        )


class FulfilmentFollower:
    """Follows the log to its end and pays again for whoever was declined, until every saga is over."""

    def __init__(self, read_log: ReadLog, client: ApiClient, run: str, *, threads: int) -> None:
        self.seen = Fulfilment()
        self._read_log, self._client, self._run, self._threads = read_log, client, run, threads
        self._position = 0
        self._paid_again: set[UUID] = set()

    def follow(self, sagas: int, *, moved: Callable[[int], None]) -> Fulfilment:
        """Until that many have ended, or some are parked, or none has ended for STALLED_S; `moved` hears how many have.

        Raises UnexpectedReply.
        """
        ended, gives_up_at = 0, time.monotonic() + STALLED_S
        while ended < sagas and not self.seen.parked and time.monotonic() < gives_up_at:
            self.catch_up()
            self._pay_again(self.seen.declined - self._paid_again)
            if self.seen.ended != ended:
                ended, gives_up_at = self.seen.ended, time.monotonic() + STALLED_S
                moved(ended)
            if ended < sagas:
                time.sleep(POLL_S)
        return self.seen

    def catch_up(self) -> None:
        """Read the log to its present end."""
        for _ in range(READS_MAX):
            events = self._read_log(self._position)
            if not events:
                return
            for recorded in events:
                self.seen.take_in(recorded)
            self._position = events[-1].position

    def _pay_again(self, order_ids: Iterable[UUID]) -> None:
        with ThreadPoolExecutor(self._threads, thread_name_prefix="client") as clients:
            for order_id in clients.map(self._pay_with_visa, order_ids):
                self._paid_again.add(order_id)

    def _pay_with_visa(self, order_id: UUID) -> UUID:
        path = f"/v1/orders/{order_id}/payments"
        reply = self._client.insist(
            "POST", path, {"payment_method": VISA}, key=f"{self._run}-pay-again-{order_id}"
        )
        if reply.status != 201:
            raise UnexpectedReply("POST", path, reply)
        return order_id
