"""What an adapter must provide to be held to a contract suite, and the tools that the suites share.

A binding is a class with fixtures, put in front of a suite:

    class TestOrderRepository(MemoryBinding, OrderRepositoryContract): ...

It must override `open_unit_of_work` and `open_read_models` (for the access suite `access_tokens` and
`access_administration`, for the idempotency suite `expire_key` as well). An adapter with tenants of its own
overrides `tenant_id` and `other_tenant_id` to create them; one that keeps something for each thread, such
as a connection, overrides `release_thread`, which is called at the end of every thread that a suite starts.
No suite opens two transactions in one thread, and none empties the store: each test has its own tenant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

import pytest

from adapters.system_clock import new_id
from application.ports.event_store import RecordedEvent
from application.ports.read_models import OpenReadModels
from application.ports.unit_of_work import CommandContext, OpenUnitOfWork, UnitOfWork
from builders import a_context, a_product
from domain.aggregate import Aggregate
from domain.inventory.product import Product
from domain.inventory.stock_item import StockItem
from domain.orders.order import Order
from domain.payments.payment import Payment
from domain.saga.saga import Saga
from domain.telemetry.device import Device
from domain.telemetry.intake import Intake
from unit.contracts.threads import HeldTransaction, RolledBackOnPurpose, Threads


@dataclass(frozen=True)
class Store:
    """Verbs over one tenant's units of work, each a transaction of its own."""

    open_unit_of_work: OpenUnitOfWork
    context: CommandContext

    def transaction(self) -> AbstractContextManager[UnitOfWork]:
        """A new unit of work of the tenant."""
        return self.open_unit_of_work(self.context)

    def save(self, *aggregates: Aggregate) -> None:
        """Save all of them in one transaction."""
        with self.transaction() as uow:
            save_in(uow, *aggregates)

    def order(self, order_id: UUID) -> Order:
        """The order as it is stored."""
        with self.transaction() as uow:
            return uow.orders.get(order_id)

    def product(self, sku: str) -> Product:
        """The product as it is stored."""
        with self.transaction() as uow:
            return uow.products.get(sku)

    def stock(self, sku: str) -> StockItem:
        """The stock item as it is stored."""
        with self.transaction() as uow:
            return uow.stock_items.get_for_update(sku)

    def device(self, device_id: UUID) -> Device:
        """The device as it is stored."""
        with self.transaction() as uow:
            return uow.devices.get(device_id)

    def stream(self, stream_id: UUID) -> list[RecordedEvent]:
        """The whole stream."""
        with self.transaction() as uow:
            return list(uow.events.stream(stream_id))

    def log(self) -> list[RecordedEvent]:
        """All events of the tenant that may be seen."""
        with self.transaction() as uow:
            return list(uow.events.read(0))

    def a_stored_product(self) -> Product:
        """A new product, stored without stock."""
        product = a_product()
        self.save(product)
        return product


@contextmanager
def rolled_back(unit_of_work: AbstractContextManager[UnitOfWork]) -> Iterator[UnitOfWork]:
    """A transaction that an exception ends after the block."""
    with suppress(RolledBackOnPurpose), unit_of_work as uow:
        yield uow
        raise RolledBackOnPurpose


def save_in(uow: UnitOfWork, *aggregates: Aggregate) -> None:
    """Save each in its repository."""
    for aggregate in aggregates:
        match aggregate:
            case Order():
                uow.orders.save(aggregate)
            case Product():
                uow.products.save(aggregate)
            case StockItem():
                uow.stock_items.save(aggregate)
            case Payment():
                uow.payments.save(aggregate)
            case Device():
                uow.devices.save(aggregate)
            case Intake():
                uow.intakes.save(aggregate)
            case Saga():
                uow.sagas.save(aggregate)
            case _:
                raise TypeError(f"no repository keeps {type(aggregate).__name__}")


def flushed(uow: UnitOfWork, *aggregates: Aggregate) -> None:
    """Save each, and write them without committing."""
    save_in(uow, *aggregates)
    uow.flush()


def state_of(aggregate: Aggregate) -> dict[str, object]:
    """Everything that an aggregate says of itself, but for what is pending."""
    return {name: value for name, value in vars(aggregate).items() if name not in {"_pending", "_spent"}}


class StoreBinding:
    """The fixtures of the suites over units of work and read models; see the module's text."""

    @pytest.fixture
    def open_unit_of_work(self) -> OpenUnitOfWork:
        """Opens a unit of work of the adapter under test."""
        raise NotImplementedError("the binding must override open_unit_of_work")

    @pytest.fixture
    def open_read_models(self) -> OpenReadModels:
        """Opens the read models of the adapter under test, over the same store."""
        raise NotImplementedError("the binding must override open_read_models")

    @pytest.fixture
    def tenant_id(self) -> UUID:
        """A tenant that nobody else has."""
        return new_id()

    @pytest.fixture
    def other_tenant_id(self) -> UUID:
        """A second tenant that nobody else has."""
        return new_id()

    @pytest.fixture
    def release_thread(self) -> Callable[[], None]:
        """Gives back what the adapter keeps for the thread that calls it."""
        return lambda: None

    @pytest.fixture
    def context(self, tenant_id: UUID) -> CommandContext:
        """A call without a request key."""
        return a_context(tenant_id=tenant_id)

    @pytest.fixture
    def store(self, open_unit_of_work: OpenUnitOfWork, context: CommandContext) -> Store:
        """The tenant's store."""
        return Store(open_unit_of_work, context)

    @pytest.fixture
    def other_store(self, open_unit_of_work: OpenUnitOfWork, other_tenant_id: UUID) -> Store:
        """The other tenant's store."""
        return Store(open_unit_of_work, a_context(tenant_id=other_tenant_id))

    @pytest.fixture
    def threads(self, release_thread: Callable[[], None]) -> Threads:
        """Runs things at the same time."""
        return Threads(release_thread)

    @pytest.fixture
    def hold_open(self, threads: Threads) -> Iterator[Callable[..., HeldTransaction]]:
        """`hold_open(unit_of_work, work)`: a transaction in another thread that stays open after its work."""
        held: list[HeldTransaction] = []

        def hold(
            unit_of_work: AbstractContextManager[UnitOfWork], work: Callable[[UnitOfWork], object]
        ) -> HeldTransaction:
            held.append(threads.hold_open(unit_of_work, work))
            return held[-1]

        yield hold
        for transaction in held:
            transaction.roll_back()
