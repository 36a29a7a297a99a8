"""The use cases of products and stock."""

from __future__ import annotations

import pytest

from application.inventory.adjust_stock import AdjustStock
from application.inventory.create_product import CreateProduct
from application.inventory.receive_stock import ReceiveStock
from application.inventory.rename_product import RenameProduct
from domain.errors import InvalidInput, NotFound, StaleObjectError
from domain.inventory.product import SkuTaken
from domain.inventory.stock_item import InsufficientStock
from unit.application.house import House


class TestCreatingAProduct:
    @pytest.mark.promise("E1")
    def test_opens_its_stock_with_it(self, house: House) -> None:
        product = house.a_product()
        assert house.views().product("TEA-1") == product
        stock = house.views().stock("TEA-1")
        assert (stock.on_hand, stock.reserved, stock.sold, stock.version) == (0, 0, 0, 1)

    def test_refuses_a_sku_that_is_taken(self, house: House) -> None:
        product = house.a_product()
        with pytest.raises(SkuTaken):
            house.a_product()
        assert house.views().products().items == (product,)
        with house.transaction() as uow:
            assert len(uow.events.read(0)) == 2

    def test_names_what_it_refuses(self, house: House) -> None:
        with pytest.raises(InvalidInput) as refusal:
            house.create_product.handle(CreateProduct(sku="not a sku", name="Tea"), house.context)
        assert refusal.value.data["field"] == "sku"


class TestRenamingAProduct:
    def rename(self, house: House, version: int | None, name: str | None, sku: str = "TEA-1"):
        command = RenameProduct(sku=sku, expected_version=version, name=name)
        return house.rename_product.handle(command, house.context).result

    def test_answers_what_readers_will_see(self, house: House) -> None:
        house.a_product()
        renamed = self.rename(house, 1, "Green tea")
        assert (renamed.version, renamed.name) == (2, "Green tea")
        assert house.views().product("TEA-1") == renamed

    @pytest.mark.promise("L4")
    @pytest.mark.parametrize("name", [None, "Tea"])
    def test_to_what_it_is_moves_nothing(self, house: House, name: str | None) -> None:
        product = house.a_product()
        assert self.rename(house, None, name) == product

    @pytest.mark.promise("L1")
    def test_refuses_a_stale_version(self, house: House) -> None:
        house.a_product()
        with pytest.raises(StaleObjectError):
            self.rename(house, 2, "Green tea")

    def test_of_an_unknown_sku_is_not_found(self, house: House) -> None:
        with pytest.raises(NotFound):
            self.rename(house, None, "Green tea", sku="NONE")


class TestMovingStock:
    def test_answers_what_readers_will_see(self, house: House) -> None:
        house.a_product()
        received = house.receive_stock.handle(ReceiveStock(sku="TEA-1", quantity=10), house.context).result
        assert (received.version, received.on_hand) == (2, 10)
        adjusted = house.adjust_stock.handle(
            AdjustStock(sku="TEA-1", delta=-3, reason="counted"), house.context
        ).result
        assert (adjusted.version, adjusted.on_hand) == (3, 7)
        assert house.views().stock("TEA-1") == adjusted

    @pytest.mark.promise("L4")
    def test_leaves_the_product_where_it_is(self, house: House) -> None:
        product = house.a_product()
        house.receive_stock.handle(ReceiveStock(sku="TEA-1", quantity=10), house.context)
        assert house.views().product("TEA-1") == product

    def test_refuses_what_is_not_there(self, house: House) -> None:
        house.a_product()
        with pytest.raises(InsufficientStock):
            house.adjust_stock.handle(AdjustStock(sku="TEA-1", delta=-1, reason="counted"), house.context)
        assert house.views().stock("TEA-1").version == 1

    def test_of_an_unknown_sku_is_not_found(self, house: House) -> None:
        for move in (
            lambda: house.receive_stock.handle(ReceiveStock(sku="NONE", quantity=1), house.context),
            lambda: house.adjust_stock.handle(AdjustStock(sku="NONE", delta=1, reason="r"), house.context),
        ):
            with pytest.raises(NotFound):
                move()
