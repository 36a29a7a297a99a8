"""What holds for every aggregate: one version number, and no second life after a rollback."""

from __future__ import annotations

import pytest

from adapters.system_clock import new_id
from builders import NOON, a_product, after_noon
from domain.aggregate import VersionTag
from domain.errors import AggregateSpent, StaleObjectError
from domain.inventory.product import Product


def a_stored_product() -> Product:
    """A product as a repository gives it, at version 3."""
    return Product.restore(
        new_id(), version=3, updated_at=NOON, sku="TEA-1", name="Tea", created_at=NOON, deletion=None
    )


class TestTheVersion:
    @pytest.mark.promise("L4")
    def test_counts_the_events(self) -> None:
        product = a_stored_product()
        for number in (1, 2):
            product.rename(f"name {number}", at=after_noon(number))
            assert (product.version, product.stored_version) == (3 + number, 3)
            assert len(product.pending_events) == number

    @pytest.mark.promise("L4")
    def test_is_stored_when_the_events_are(self) -> None:
        product = a_product()
        assert product.stored_version == 0
        product.mark_stored()
        assert (product.version, product.stored_version, product.pending_events) == (1, 1, ())

    def test_is_that_of_the_stream_after_a_fold(self) -> None:
        product = a_product()
        product.rename("Green tea", at=after_noon(1))
        folded = Product.from_events(product.id, product.pending_events)
        assert (folded.version, folded.stored_version, folded.updated_at) == (2, 2, after_noon(1))


class TestAnExpectedVersion:
    @pytest.mark.parametrize("expected", [None, 3])
    def test_lets_the_change_pass(self, expected: int | None) -> None:
        a_stored_product().require_version(expected)

    @pytest.mark.promise("L1")
    @pytest.mark.parametrize("expected", [0, 2, 4])
    def test_that_is_stale_is_refused_with_the_current_one(self, expected: int) -> None:
        product = a_stored_product()
        with pytest.raises(StaleObjectError) as refusal:
            product.require_version(expected)
        assert refusal.value.data == {"kind": "product", "id": str(product.id), "current_version": 3}

    @pytest.mark.promise("L2")
    def test_may_be_any_of_some_tags(self) -> None:
        product = a_stored_product()
        product.require_version((VersionTag(product.id, 1), VersionTag(product.id, 3)))

    @pytest.mark.promise("L2")
    def test_never_fits_by_the_tag_of_another_aggregate(self) -> None:
        product = a_stored_product()
        for tags in ((), (VersionTag(product.id, 2),), (VersionTag(new_id(), 3),)):
            with pytest.raises(StaleObjectError):
                product.require_version(tags)


class TestASpentAggregate:
    @pytest.mark.promise("L6")
    def test_refuses_everything_that_would_change_it(self) -> None:
        product = a_stored_product()
        product.mark_spent()
        with pytest.raises(AggregateSpent):
            product.rename("Green tea", at=after_noon(1))
        with pytest.raises(AggregateSpent):
            product.require_unspent()
        assert (product.name, product.version) == ("Tea", 3)

    def test_is_an_exception_among_many(self) -> None:
        a_stored_product().require_unspent()


class TestRestoring:
    @pytest.mark.parametrize(
        "state",
        [
            {"sku": "TEA-1", "name": "Tea"},
            {"sku": "TEA-1", "name": "Tea", "created_at": NOON, "colour": "green"},
        ],
    )
    def test_wants_every_field_and_no_other(self, state: dict[str, object]) -> None:
        with pytest.raises(TypeError, match=r"created_at|colour"):
            Product.restore(new_id(), version=1, updated_at=NOON, **state)
