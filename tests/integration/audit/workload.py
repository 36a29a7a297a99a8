"""A tenant with a bit of everything: what an audit must find in order, and what tests then damage."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Final
from uuid import UUID

from adapters.django_orm.purge import DjangoPurge
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.memory.payment_gateway import Fault, InMemoryPaymentGateway
from adapters.system_clock import new_id
from application.delivery.purge_deleted import PurgeDeletedHandler
from application.ports.payment_gateway import Operation
from builders import a_device, a_product, an_intake, an_order, stock_of
from domain.inventory.product import Product
from domain.money import Money
from domain.orders.order import Order, ReturnLine
from domain.retention import Deletion, RetentionPolicy
from domain.saga.progress import SagaStatus
from domain.telemetry.batch import BatchResult, RowFault
from integration.fulfilling import FulfilmentHouse, now

SETTLED: Final = frozenset({SagaStatus.COMPLETED, SagaStatus.COMPENSATED, SagaStatus.WAITING})
SKIP: Final = timedelta(milliseconds=600)
ON_HAND: Final = 100
PAUSE_S: Final = 0.05
TRIES_MAX: Final = 400
LONG_AGO: Final = timedelta(days=400)


class Workload:
    """`gateway` is also the ledger. Each name is an order's id."""

    def __init__(self, tenant_id: UUID) -> None:
        self.tenant_id = tenant_id
        self.gateway = InMemoryPaymentGateway(now=now, timeout_s=0.01, late_s=0.01, settle_s=0.02)
        self.house = FulfilmentHouse(tenant_id, self.gateway, on_hand=ON_HAND)
        self.paid = self.house.place("tok_visa")
        self.returned = self.house.place("tok_timeout_after_effect")
        self.house.place("tok_capture_fails_then_ok")
        self.house.place("tok_late_success")
        self.deleted = self.house.place("tok_visa")
        self.purged_with_payment = self.house.place("tok_visa")
        self.house.work(until=SETTLED, skip=SKIP)
        # From here on no pause is skipped: that writes over what the events say, which an audit finds.
        self.declined = self.house.place("tok_declined")
        self.house.advance(self.declined)
        self.compensated = self._out_of_stock()
        self.capturing = self.start_capturing()
        self._amend_ship_return()
        self.purged = self._purged()
        self.refunded = self.place_and_fulfil()
        self.house.refund(self.refunded, Money(100, "EUR"))
        self.refunding = self.place_and_fulfil()
        self.gateway.script(Operation.REFUND, Fault.UNKNOWN_AFTER_EFFECT)
        self.house.refund(self.refunding, Money(420, "EUR"))
        self._more_goods()
        self._devices()
        self._intakes()

    def order(self, order_id: UUID) -> Order:
        """As it stands."""
        with DjangoUnitOfWork(self.house.context) as uow:
            return uow.orders.get(order_id)

    def place_and_fulfil(self) -> UUID:
        """One more, from end to end."""
        order_id = self.house.place("tok_visa")
        self.house.advance(order_id)
        return order_id

    def start_capturing(self) -> UUID:
        """The gateway has taken the money, which nobody here knows yet; goods are set aside."""
        self.gateway.script(Operation.CAPTURE, Fault.UNKNOWN_AFTER_EFFECT)
        return self.place_and_fulfil()

    def finish(self, order_id: UUID) -> None:
        """Go on with it when it is due, until it is confirmed."""
        for _ in range(TRIES_MAX):
            if self.order(order_id).status.value == "confirmed":
                return
            time.sleep(PAUSE_S)
            self.house.advance(order_id)
        raise AssertionError(f"the order {order_id} is not confirmed")

    def _out_of_stock(self) -> UUID:
        """The money is set aside, the goods are not there, and the money is let go."""
        with DjangoUnitOfWork(self.house.context) as uow:
            item = uow.stock_items.get_for_update(self.house.product.sku)
            item.adjust(-item.on_hand, reason="a count", at=now())
            uow.stock_items.save(item)
        order_id = self.place_and_fulfil()
        with DjangoUnitOfWork(self.house.context) as uow:
            item = uow.stock_items.get_for_update(self.house.product.sku)
            item.receive(ON_HAND, at=now())
            uow.stock_items.save(item)
        return order_id

    def _amend_ship_return(self) -> None:
        with DjangoUnitOfWork(self.house.context) as uow:
            order = uow.orders.get(self.returned)
            order.amend(note="ring twice", address="1 High Street", at=now())
            order.ship(at=now())
            order.deliver(at=now())
            order.take_back(
                [ReturnLine(sku=self.house.product.sku, quantity=1)], reason="arrived open", at=now()
            )
            item = uow.stock_items.get_for_update(self.house.product.sku)
            item.take_back(order.id, 1, at=now())
            uow.orders.save(order)
            for order_id, at in ((self.deleted, now()), (self.purged_with_payment, now() - LONG_AGO)):
                deleted = uow.orders.get(order_id)
                deleted.ship(at=at)
                deleted.deliver(at=at)
                deleted.delete(Deletion(new_id(), "alice", "old", at))
                uow.orders.save(deleted)
            uow.stock_items.save(item)

    def _purged(self) -> UUID:
        """Placed without a saga, as where no gateway is; cancelled, deleted, brought back, deleted, purged."""
        builder = an_order().with_line(self.house.product).with_(reference=f"r-{new_id()}", note="for Ada")
        order = builder.with_(email="ada@example.org", address="2 High Street").placed()
        order.amend(note="for Ada, at noon", at=now() - LONG_AGO)
        order.cancel(reason="Ada has moved", at=now() - LONG_AGO)
        order.delete(Deletion(new_id(), "alice", "by mistake", now() - LONG_AGO))
        order.undelete(at=now() - LONG_AGO)
        order.delete(Deletion(new_id(), "alice", "Ada asked for it", now() - LONG_AGO))
        with DjangoUnitOfWork(self.house.context) as uow:
            uow.orders.save(order)
        PurgeDeletedHandler(DjangoPurge, now).handle(RetentionPolicy(timedelta(days=30)))
        return order.id

    def _devices(self) -> None:
        """One that is described, deleted, brought back and deleted; one that took its name."""
        old = a_device(name="pump-7")
        with DjangoUnitOfWork(self.house.context) as uow:
            uow.devices.save(old)
        old.describe("by the door", at=now())
        old.delete(Deletion(new_id(), "alice", "broken", now()))
        old.undelete(at=now())
        old.delete(Deletion(new_id(), "alice", "broken again", now()))
        with DjangoUnitOfWork(self.house.context) as uow:
            uow.devices.save(old)
            uow.devices.save(a_device(name="pump-7"))

    def _intakes(self) -> None:
        """One that waits, one that is loaded, one that is refused with bad rows."""
        waiting, loaded, refused = an_intake(), an_intake(device="pump-7"), an_intake()
        faults = (RowFault(row=3, reason="too-large", detail="send less"),)
        with DjangoUnitOfWork(self.house.context) as uow:
            for intake in (waiting, loaded, refused):
                uow.intakes.keep_body(intake.id, b"body")
                uow.intakes.save(intake)
        loaded.load(BatchResult(accepted=5, duplicate=2, conflict=1, rejected=1, faults=faults), at=now())
        refused.refuse("batch-refused", "1 of 2", faults=faults, at=now())
        with DjangoUnitOfWork(self.house.context) as uow:
            for intake in (loaded, refused):
                uow.intakes.drop_body(intake.id)
                uow.intakes.save(intake)

    def _more_goods(self) -> None:
        product: Product = a_product()
        item = stock_of(product, on_hand=7)
        item.adjust(-2, reason="two were broken", at=now())
        product.rename("Green tea", at=now())
        with DjangoUnitOfWork(self.house.context) as uow:
            uow.products.save(product)
            uow.stock_items.save(item)
        for deletes in (True, False, True):
            deletion = Deletion(new_id(), "alice", "", now())
            for thing in (product, item):
                if deletes:
                    thing.delete(deletion)
                else:
                    thing.undelete(at=now())
            with DjangoUnitOfWork(self.house.context) as uow:
                uow.products.save(product)
                uow.stock_items.save(item)
