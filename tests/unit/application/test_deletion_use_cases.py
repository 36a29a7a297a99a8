"""Deleting and restoring a product: the set that goes is the set that comes back."""

from __future__ import annotations

import pytest

from adapters.system_clock import new_id
from application.inventory.delete_product import DeleteProduct
from application.inventory.restore_product import RestoreProduct
from builders import after_noon
from domain.inventory.stock_item import StockHeld, StockItem
from domain.retention import Deletion
from unit.application.house import House


def stock(house: House) -> StockItem:
    """The stock of TEA-1, deleted or not."""
    with house.transaction() as uow:
        return uow.stock_items.get_with_deleted(uow.products.get("TEA-1", with_deleted=True).id)


def delete(house: House, version: int | None = None) -> None:
    """Delete TEA-1."""
    command = DeleteProduct(sku="TEA-1", expected_version=version, actor="alice", reason="tidy")
    house.delete_product.handle(command, house.context)


def restore(house: House) -> None:
    """Restore TEA-1."""
    house.restore_product.handle(RestoreProduct(sku="TEA-1", expected_version=None), house.context)


class TestDeletingAProduct:
    @pytest.mark.promise("D3", "E1")
    def test_marks_its_stock_with_the_same_deletion(self, house: House) -> None:
        house.a_product()
        delete(house, version=1)
        with house.transaction() as uow:
            product = uow.products.get("TEA-1", with_deleted=True)
            last = list(uow.events.read(0))[-2:]
        assert product.deletion is not None
        assert product.deletion == stock(house).deletion
        assert (product.deletion.actor, product.deletion.reason) == ("alice", "tidy")
        assert {entry.event.wire_name for entry in last} == {"product.deleted", "stock.deleted"}
        restore(house)
        assert stock(house).deletion is None

    @pytest.mark.promise("D3")
    def test_leaves_what_was_deleted_earlier_deleted_when_it_is_undone(self, house: House) -> None:
        house.a_product()
        earlier, item = Deletion(new_id(), "bob", "", after_noon(0)), stock(house)
        item.delete(earlier)
        with house.transaction() as uow:
            uow.stock_items.save(item)
        delete(house)
        assert stock(house).deletion == earlier
        restore(house)
        assert house.views().product("TEA-1").version == 3
        assert stock(house).deletion == earlier

    @pytest.mark.promise("D6", "E1")
    def test_is_refused_whole_while_pieces_are_set_aside(self, house: House) -> None:
        product, order = house.a_product(), house.an_order()
        with house.transaction() as uow:
            item = uow.stock_items.get_for_update("TEA-1")
            item.receive(3, at=after_noon(1))
            item.reserve(order.id, 2, at=after_noon(1))
            uow.stock_items.save(item)
        with pytest.raises(StockHeld):
            delete(house)
        assert house.views().product("TEA-1") == product
        assert house.views().stock("TEA-1").reserved == 2
