"""Orders deleted, restored and purged by their use cases."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import Self
from uuid import UUID

import pytest

from adapters.memory.purge import InMemoryPurge
from application.delivery import purge_deleted
from application.delivery.purge_deleted import BATCHES_MAX, PurgeDeletedHandler, PurgeReport
from application.orders.cancel_order import CancelOrder
from application.orders.delete_order import DeleteOrder
from application.orders.restore_order import RestoreOrder
from application.ports.read_models import OrderView
from builders import NOON
from domain.errors import Gone, StaleObjectError
from domain.orders.order import OrderStatusForbids
from domain.retention import RetentionPolicy
from domain.soft_deletion import GoneForGood, NotDeleted
from unit.application.house import House

MONTH = RetentionPolicy(timedelta(days=30))


@pytest.fixture
def house() -> House:
    """A house that sells tea."""
    house = House()
    house.a_product()
    return house


def a_cancelled_order(house: House) -> UUID:
    """At version 2."""
    placed: OrderView = house.an_order()
    house.cancel_order.handle(
        CancelOrder(order_id=placed.id, expected_version=None, reason="r"), house.context
    )
    return placed.id


def delete(house: House, order_id: UUID, version: int | None = None) -> OrderView:
    """Delete the order."""
    command = DeleteOrder(order_id=order_id, expected_version=version, actor="alice", reason="tidy")
    return house.delete_order.handle(command, house.context).result


def restore(house: House, order_id: UUID, version: int | None = None) -> OrderView:
    """Restore the order."""
    return house.restore_order.handle(
        RestoreOrder(order_id=order_id, expected_version=version), house.context
    ).result


def purge(house: House, *, days: int, batches_max: int = BATCHES_MAX) -> PurgeReport:
    """Purge so many days later."""
    open_purge = functools.partial(InMemoryPurge, database=house.database)
    handler = PurgeDeletedHandler(open_purge, lambda: NOON + timedelta(days=days))
    return handler.handle(MONTH, batches_max=batches_max)


class TestDeletingAnOrder:
    @pytest.mark.promise("D5", "D6")
    def test_is_for_those_that_nobody_waits_for(self, house: House) -> None:
        placed = house.an_order()
        with pytest.raises(OrderStatusForbids):
            delete(house, placed.id)

    @pytest.mark.promise("D5")
    def test_and_restoring_it_may_be_repeated(self, house: House) -> None:
        order_id = a_cancelled_order(house)
        assert delete(house, order_id, 2).version == delete(house, order_id, 2).version == 3
        assert delete(house, order_id, 3).version == 3
        with pytest.raises(Gone):
            delete(house, order_id, 1)
        with pytest.raises(StaleObjectError):
            restore(house, order_id, 2)
        assert restore(house, order_id, 3).version == restore(house, order_id, 3).version == 4
        with pytest.raises(StaleObjectError):
            restore(house, order_id, 1)

    @pytest.mark.promise("D5")
    def test_is_not_undone_before_it_is_done(self, house: House) -> None:
        order_id = a_cancelled_order(house)
        with pytest.raises(NotDeleted):
            restore(house, order_id, 2)


class TestPurging:
    @pytest.mark.promise("D7")
    def test_waits_for_retention_and_is_for_good(self, house: House) -> None:
        order_id, kept = a_cancelled_order(house), a_cancelled_order(house)
        delete(house, order_id)
        assert purge(house, days=29).orders == 0
        assert restore(house, order_id).customer_ref == "c-17"
        delete(house, order_id)
        assert purge(house, days=31) == PurgeReport(orders=1, keys=0, messages=0, rejects=0, is_complete=True)
        assert purge(house, days=31).orders == 0
        for version in (None, 1, 6):
            with pytest.raises(GoneForGood):
                restore(house, order_id, version)
        assert house.views().order(kept).customer_ref == "c-17"

    @pytest.mark.promise("D7")
    def test_stops_at_its_bounds_and_says_so(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(purge_deleted, "ORDERS_PER_BATCH", 2)
        for _ in range(5):
            delete(house, a_cancelled_order(house))
        assert purge(house, days=31, batches_max=2) == PurgeReport(
            orders=4, keys=0, messages=0, rejects=0, is_complete=False
        )
        assert purge(house, days=31) == PurgeReport(orders=1, keys=0, messages=0, rejects=0, is_complete=True)

    @pytest.mark.promise("D7")
    def test_keeps_the_batches_before_one_that_fails(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(purge_deleted, "ORDERS_PER_BATCH", 1)
        for _ in range(3):
            delete(house, a_cancelled_order(house))
        # Keys, messages, rejects, two batches of orders, then this.
        left = iter([None, None, None, None, None, OSError("away")])

        class Failing(InMemoryPurge):
            def __enter__(self) -> Self:
                error = next(left)
                if error is not None:
                    raise error
                return self

        handler = PurgeDeletedHandler(
            functools.partial(Failing, database=house.database), lambda: NOON + timedelta(days=31)
        )
        with pytest.raises(OSError, match="away"):
            handler.handle(MONTH)
        assert purge(house, days=31).orders == 1
