"""What a payment gateway tells us by itself, and what becomes of it where no saga is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from application.ports.payment_gateway import GatewayReply
from domain.errors import DomainError


class CallbackNotSigned(DomainError):
    """The callback isn't signed with the secret that is shared with the gateway, or was signed too long ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCallback:
    """A gateway's word on one key. `id` is the gateway's own name of it, the same however often it is told."""

    id: str
    reply: GatewayReply


class CallbackReader(Protocol):
    """Reads the callbacks of one gateway."""

    def read(self, headers: Mapping[str, str], body: bytes) -> PaymentCallback:
        """`headers` by their names in lower case. Raises CallbackNotSigned, and only then InvalidInput."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StrayReply:
    """A reply whose key names no saga that is known, so that no tenant can be shown it (S9)."""

    id: UUID
    gateway: str
    key: str
    reply: str
    received_at: datetime


class StrayReplies(Protocol):
    """Kept for ever, for the operators of the service. Raises StoreUnavailable."""

    def keep(self, reply: StrayReply) -> None:
        """Once, however often it is kept: by its id."""
        ...

    def list(self, *, after: UUID | None, limit: int) -> Sequence[StrayReply]:
        """By id, with the rights of those who see all tenants."""
        ...
