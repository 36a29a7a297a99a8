"""Telling somebody outside what happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.money import Money


class NotifierUnavailable(Exception):
    """The way out is closed at present; another try may succeed."""


class NoticeRefused(Exception):
    """The notice can't be delivered, however often it is tried; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeLine:
    """So many of one SKU at one price."""

    sku: str
    quantity: int
    unit_price: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNotice:
    """An order was placed. `id` is the same on every try, so that a receiver can know a repetition (O3)."""

    id: UUID
    order_id: UUID
    reference: str | None
    recipient: str
    placed_at: datetime
    lines: tuple[NoticeLine, ...]
    total: Money


class Notifier(Protocol):
    """One way out."""

    def notify(self, notice: OrderNotice) -> None:
        """One try, within a bound of some seconds; never called inside a transaction (O5).

        Raises NotifierUnavailable, NoticeRefused. After NotifierUnavailable the notice may have arrived all the same.
        """
        ...
