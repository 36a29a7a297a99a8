"""What the suites over messages share: consumers, fixtures, and verbs on one tenant's messages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import MappingProxyType
from uuid import UUID

import pytest

from application.ports.outbox import (
    CLAIM_LEASE_S,
    Backlog,
    DeadLetters,
    Message,
    MessageClaims,
    Subscriptions,
    Wake,
)
from builders import NOON, a_product
from domain.inventory.events import ProductCreated, ProductRenamed
from domain.inventory.product import Product
from unit.contracts.binding import Store, StoreBinding

MAILER, COUNTER = "mailer", "counter"
REACTIONS: Subscriptions = MappingProxyType({ProductCreated: (MAILER, COUNTER), ProductRenamed: (MAILER,)})
LEASE = timedelta(seconds=CLAIM_LEASE_S)

PassTime = Callable[[UUID, timedelta], None]


class OutboxBinding(StoreBinding):
    """The fixtures of the suites over messages; units of work react by REACTIONS."""

    @pytest.fixture
    def claims(self) -> MessageClaims:
        raise NotImplementedError("the binding must override claims")

    @pytest.fixture
    def backlog(self) -> Backlog:
        raise NotImplementedError("the binding must override backlog")

    @pytest.fixture
    def dead_letters(self) -> DeadLetters:
        raise NotImplementedError("the binding must override dead_letters")

    @pytest.fixture
    def rings(self) -> list[None]:
        """One entry for each ring of the units of work that the binding opens."""
        return []

    @pytest.fixture
    def pass_time(self) -> PassTime:
        """`pass_time(tenant_id, delta)` lets that much time pass for the tenant's messages."""
        raise NotImplementedError("the binding must override pass_time")


def wake(store: Store, product: Product, consumer: str = MAILER) -> Wake:
    """The wake for the product's key."""
    return Wake(store.context.tenant_id, consumer, product.id)


def claim(claims: MessageClaims, wake: Wake) -> Message:
    """The claimed message; there must be one."""
    message = claims.claim(wake)
    assert message is not None
    return message


def settle(store: Store, message: Message) -> None:
    """Settle it in a transaction of its own."""
    with store.transaction() as uow:
        uow.inbox.settle(message)


def park(claims: MessageClaims, wake: Wake) -> Message:
    """Claim the key's first message and make it a dead letter."""
    message = claim(claims, wake)
    claims.park(message, error="broken")
    return message


def a_renamed_product(store: Store, names: tuple[str, ...] = ("b",)) -> Product:
    """A stored product that was renamed once for each name."""
    product = a_product()
    store.save(product)
    for name in names:
        stored = store.product(product.sku)
        stored.rename(name, at=NOON)
        store.save(stored)
    return product
