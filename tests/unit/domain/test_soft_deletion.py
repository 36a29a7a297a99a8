"""Deletion as the domain sees it: two events, one mark, and no command in between."""

from __future__ import annotations

import inspect

import pytest

from adapters.system_clock import new_id
from builders import NOON, a_device, a_product, after_noon, an_order, stock_of
from domain.errors import Gone, InvalidInput
from domain.inventory.product import Product
from domain.inventory.stock_item import StockHeld, StockItem
from domain.orders.order import DELETABLE_STATUSES, Order, OrderStatus, OrderStatusForbids, ReturnLine
from domain.retention import Deletion
from domain.soft_deletion import NotDeleted, SoftDeletable
from domain.telemetry.device import Device

DELETION = Deletion(new_id(), "alice", "tidy", after_noon(5))
ARGUMENTS = {
    "at": after_noon(6),
    "reason": "r",
    "payment_method": "tok_visa",
    "order_id": new_id(),
    "quantity": 1,
    "delta": 1,
    "name": "Green tea",
    "deletion": DELETION,
    "note": "n",
    "description": "d",
    "address": "a",
    "lines": [ReturnLine(sku="TEA-1", quantity=1)],
}
NO_COMMANDS = {"require_version", "require_unspent", "require_live", "mark_stored", "mark_spent", "gone"}
NO_COMMANDS |= {
    "repeats_last_event",
    "undelete",
    "restore",
    "from_events",
    "create",
    "open",
    "place",
    "register",
}
NO_COMMANDS |= {"purge"}


def a_deletable(cls: type[SoftDeletable]) -> SoftDeletable:
    """One that no rule keeps from being deleted."""
    product = a_product()
    made: dict[type, SoftDeletable] = {
        Product: product,
        StockItem: stock_of(product, on_hand=3),
        Order: an_order().with_line(product).cancelled(),
        Device: a_device(),
    }
    return made[cls]


def commands(cls: type[SoftDeletable]) -> list[str]:
    """Every public method that may change something."""
    members = inspect.getmembers(cls, inspect.isfunction)
    return [name for name, _ in members if not name.startswith("_") and name not in NO_COMMANDS]


every_kind = pytest.mark.parametrize("cls", [Product, StockItem, Order, Device], ids=lambda cls: cls.kind)


class TestADeletion:
    @every_kind
    @pytest.mark.promise("D3", "D5")
    def test_and_its_restoration_move_the_version_and_leave_the_rest(self, cls: type[SoftDeletable]) -> None:
        thing = a_deletable(cls)
        before = {name: getattr(thing, name) for name in cls._state}
        version = thing.version
        thing.delete(DELETION)
        assert (thing.version, thing.deletion, thing.updated_at) == (version + 1, DELETION, after_noon(5))
        thing.undelete(at=after_noon(6))
        assert (thing.version, thing.updated_at) == (version + 2, after_noon(6))
        assert {name: getattr(thing, name) for name in cls._state} == before
        assert [event.wire_name for event in thing.pending_events[-2:]] == [
            f"{cls.kind}.deleted",
            f"{cls.kind}.restored",
        ]

    @every_kind
    @pytest.mark.promise("E9", "D5")
    def test_is_part_of_the_fold(self, cls: type[SoftDeletable]) -> None:
        thing = a_deletable(cls)
        for _ in range(2):
            thing.delete(DELETION)
            folded = cls.from_events(thing.id, thing.pending_events)
            assert (folded.deletion, folded.version) == (DELETION, thing.version)
            thing.undelete(at=after_noon(6))
        assert cls.from_events(thing.id, thing.pending_events).deletion is None

    @every_kind
    @pytest.mark.promise("D6")
    def test_ends_every_command(self, cls: type[SoftDeletable]) -> None:
        thing = a_deletable(cls)
        thing.delete(DELETION)
        version, found = thing.version, commands(cls)
        assert "delete" in found
        for name in found:
            method = getattr(thing, name)
            arguments = {key: ARGUMENTS[key] for key in inspect.signature(method).parameters}
            with pytest.raises(Gone) as refusal:
                method(**arguments)
            assert refusal.value.data["current_version"] == version, name
        assert thing.version == version

    @every_kind
    @pytest.mark.promise("D6")
    def test_lets_nothing_be_recorded_even_by_a_command_that_forgets_to_ask(
        self, cls: type[SoftDeletable]
    ) -> None:
        thing = a_deletable(cls)
        earlier = thing.pending_events[-1]
        thing.delete(DELETION)
        with pytest.raises(Gone):
            thing._record(earlier)

    def test_that_never_was_cannot_be_undone(self) -> None:
        with pytest.raises(NotDeleted, match="SKU-1 is not deleted"):
            a_product(sku="SKU-1").undelete(at=NOON)

    @pytest.mark.parametrize("reason", ["x" * 201, "a\x00"])
    def test_bears_a_reason_that_can_be_stored(self, reason: str) -> None:
        with pytest.raises(InvalidInput, match=r"^reason: must"):
            Deletion(new_id(), "alice", reason, NOON)


class TestAnOrder:
    @pytest.mark.promise("D6")
    @pytest.mark.parametrize("status", OrderStatus)
    def test_can_be_deleted_when_nobody_waits_for_it(self, status: OrderStatus) -> None:
        order = an_order().placed()
        order.status = status
        assert ({OrderStatus.CANCELLED, OrderStatus.DELIVERED}) == DELETABLE_STATUSES
        if status in DELETABLE_STATUSES:
            order.delete(DELETION)
            assert order.is_deleted
        else:
            with pytest.raises(OrderStatusForbids, match="deleted only while it is cancelled or delivered"):
                order.delete(DELETION)


class TestStock:
    @pytest.mark.promise("D6")
    def test_that_is_set_aside_for_an_order_cannot_be_deleted(self) -> None:
        item, order_id = stock_of(a_product(), on_hand=3), new_id()
        item.reserve(order_id, 2, at=NOON)
        with pytest.raises(StockHeld, match="2 pieces are set aside"):
            item.delete(DELETION)
        item.release(order_id, at=NOON)
        item.delete(DELETION)
