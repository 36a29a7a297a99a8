"""Telling the world outside about an order: e-mail, webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from domain.errors import DomainError
from domain.money import Money

RETRY_DELAYS_S: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""The pauses before the second and each further try; without one that works the notice is dead after 75 h 35 min.

The example schedule of the Standard Webhooks specification 1.0.0, "Deliverability and reliability". It advises random
jitter on top, which is the caller's part.
"""

RETRY_AFTER_MAX_S: Final = RETRY_DELAYS_S[-1]
"""A receiver that asks for a longer pause gets this one."""


class NotifierUnavailable(DomainError):
    """The {channel} did not take the notice: {problem}; send the same one again later."""

    def __init__(
        self, *, channel: str, problem: str, retry_after_s: int | None = None, **data: object
    ) -> None:
        """`retry_after_s`: how long the receiver asked to be left alone, at most RETRY_AFTER_MAX_S."""
        super().__init__(channel=channel, problem=problem, retry_after_s=retry_after_s, **data)
        self.retry_after_s = retry_after_s


class NoticeRefused(DomainError):
    """The {channel} refuses the notice for good: {problem}; mend that before it is sent again."""

    def __init__(self, *, channel: str, problem: str, **data: object) -> None:
        super().__init__(channel=channel, problem=problem, **data)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeLine:
    """So many pieces of one product at one price."""

    sku: str
    quantity: int
    unit_price: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNotice:
    """What a notice says of an order, as it was right after the event."""

    order_id: UUID
    version: int
    """Of the order after the event; notices of one order are told in its order."""
    reference: str | None
    """The caller's own number of the order."""
    status: str
    total: Money
    lines: tuple[NoticeLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to be told, once."""

    id: UUID
    """The message's id: the key by which receivers know a repetition (O3)."""
    kind: str
    """The wire name of the event, e.g. "order.placed"."""
    tenant_id: UUID
    occurred_at: datetime
    """When the event happened, aware; not when it is told."""
    recipient: str | None
    """An e-mail address; personal, so only the e-mail bears it."""
    order: OrderNotice


class Notifier(Protocol):
    """One way to tell it."""

    @property
    def channel(self) -> str:
        """Its name in errors, logs and consumers' names: "e-mail", "webhook"."""
        ...

    def notify(self, notice: Notice) -> None:
        """Make one attempt, in bounded time; returning means that the receiver took it.

        Each attempt carries `notice.id` as its key, since one that failed here may have arrived there (O3). A channel
        that needs a recipient sends nothing where there is none. Never to be called inside a transaction (O5).
        Raises NotifierUnavailable when another attempt may work, NoticeRefused when none will. May be called by
        several threads at once.
        """
        ...
