"""Products: a SKU for good, and a name."""

from __future__ import annotations

import pytest

from adapters.system_clock import new_id
from builders import NOON, a_product, after_noon
from domain.errors import InvalidInput
from domain.inventory.events import StockReceived
from domain.inventory.product import NAME_LENGTH_MAX, SKU_LENGTH_MAX, Product


class TestANewProduct:
    @pytest.mark.parametrize("sku", ["A", "7", "TEA-1", "tea.green_2", "x" * SKU_LENGTH_MAX])
    def test_has_a_sku_that_can_stand_in_an_address(self, sku: str) -> None:
        product = a_product(sku=sku)
        assert (product.sku, product.version, product.created_at) == (sku, 1, NOON)

    @pytest.mark.parametrize(
        "sku", ["", "-A", ".A", "A B", "A/B", "É", "A\n", "A\x00", "x" * (SKU_LENGTH_MAX + 1)]
    )
    def test_has_no_other_sku(self, sku: str) -> None:
        with pytest.raises(InvalidInput) as refusal:
            Product.create(id=new_id(), sku=sku, name="Tea", at=NOON)
        assert refusal.value.data["field"] == "sku"

    @pytest.mark.parametrize("name", ["", "x" * (NAME_LENGTH_MAX + 1), "a\x00"])
    def test_has_a_name(self, name: str) -> None:
        with pytest.raises(InvalidInput) as refusal:
            a_product(name=name)
        assert refusal.value.data["field"] == "name"

    def test_knows_no_event_of_another_kind(self) -> None:
        with pytest.raises(NotImplementedError):
            Product.from_events(new_id(), [StockReceived(occurred_at=NOON, quantity=1)])


class TestRenamingAProduct:
    def test_moves_its_version(self) -> None:
        product = a_product(name="Tea")
        product.rename("Green tea", at=after_noon(1))
        assert (product.name, product.version, product.updated_at) == ("Green tea", 2, after_noon(1))

    @pytest.mark.promise("L4")
    def test_to_the_same_name_moves_nothing(self) -> None:
        product = a_product(name="Tea")
        product.rename("Tea", at=after_noon(1))
        assert (product.version, product.updated_at) == (1, NOON)

    def test_needs_a_name(self) -> None:
        product = a_product()
        with pytest.raises(InvalidInput):
            product.rename("", at=after_noon(1))
        assert product.version == 1
