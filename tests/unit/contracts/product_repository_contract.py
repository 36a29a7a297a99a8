"""The contract of ProductRepository."""

from __future__ import annotations

import threading

import pytest

from builders import a_key, a_product, a_sku, after_noon
from domain.errors import NotFound, StaleObjectError
from domain.idempotency import Done
from domain.inventory.product import SkuTaken
from domain.retention import Deletion
from unit.contracts.binding import Store, StoreBinding, state_of
from unit.contracts.threads import WAIT_S_MAX, Threads

WRITERS = 20


class ProductRepositoryContract(StoreBinding):
    """Round trips, the optimistic lock, and the unique SKU."""

    def test_gives_every_field_back(self, store: Store) -> None:
        product = a_product(name="Thé – 茶")
        store.save(product)
        assert state_of(store.product(product.sku)) == state_of(product)
        product.rename("x" * 200, at=after_noon(1))
        store.save(product)
        assert state_of(store.product(product.sku)) == state_of(product)

    def test_has_no_product_of_an_unknown_sku(self, store: Store) -> None:
        with pytest.raises(NotFound) as refusal:
            store.product("NONE")
        assert refusal.value.data == {"kind": "product", "id": "NONE"}

    def test_tells_upper_from_lower_case(self, store: Store) -> None:
        sku = a_sku()
        upper, lower = a_product(sku=sku), a_product(sku=sku.lower())
        store.save(upper, lower)
        assert store.product(sku).id == upper.id
        assert store.product(sku.lower()).id == lower.id

    def test_finds_the_ids_of_many_skus_at_once(self, store: Store) -> None:
        tea, pot = store.a_stored_product(), store.a_stored_product()
        store.a_stored_product()
        with store.transaction() as uow:
            assert uow.products.ids_by_sku([tea.sku, "NONE", pot.sku]) == {tea.sku: tea.id, pot.sku: pot.id}
            assert uow.products.ids_by_sku(()) == {}

    def test_finds_expected_ids_and_others_alike(self, store: Store) -> None:
        tea, pot, cup = (store.a_stored_product() for _ in range(3))
        with store.transaction() as uow:
            uow.products.expect([tea.sku, "NONE", pot.sku])
            assert uow.once(a_key(), int) is None
            assert uow.products.ids_by_sku([tea.sku]) == {tea.sku: tea.id}
            assert uow.products.ids_by_sku([tea.sku, "NONE", cup.sku]) == {tea.sku: tea.id, cup.sku: cup.id}
            uow.settle(Done(1))

    def test_finds_what_was_written_after_it_was_expected(self, store: Store) -> None:
        tea, late = store.a_stored_product(), a_product(sku=a_sku())
        with store.transaction() as uow:
            uow.products.expect([tea.sku, late.sku])
            assert uow.once(a_key(), int) is None
            deleted = uow.products.get(tea.sku)
            deleted.delete(Deletion(store.context.tenant_id, "alice", "", after_noon(1)))
            uow.products.save(deleted)
            uow.products.save(late)
            uow.flush()
            assert uow.products.ids_by_sku([tea.sku, late.sku]) == {late.sku: late.id}
            uow.settle(Done(1))

    def test_hands_out_copies(self, store: Store) -> None:
        product = store.a_stored_product()
        with store.transaction() as uow:
            uow.products.get(product.sku).rename("never saved", at=after_noon(1))
        assert store.product(product.sku).name == "Tea"

    @pytest.mark.promise("L1")
    def test_writes_nothing_of_a_stale_product(self, store: Store) -> None:
        product = store.a_stored_product()
        stale = store.product(product.sku)
        product.rename("first", at=after_noon(1))
        store.save(product)
        stale.rename("second", at=after_noon(2))
        with pytest.raises(StaleObjectError) as refusal:
            store.save(stale)
        assert refusal.value.data == {"kind": "product", "id": str(product.id), "current_version": 2}
        assert state_of(store.product(product.sku)) == state_of(product)
        assert len(store.stream(product.id)) == 2

    def test_refuses_a_sku_that_is_taken(self, store: Store) -> None:
        product = store.a_stored_product()
        usurper = a_product(sku=product.sku, name="Not tea")
        with pytest.raises(SkuTaken) as refusal:
            store.save(usurper)
        assert refusal.value.data == {"sku": product.sku}
        assert state_of(store.product(product.sku)) == state_of(product)
        assert store.stream(usurper.id) == []

    @pytest.mark.promise("A1")
    def test_lets_every_tenant_have_the_sku(self, store: Store, other_store: Store) -> None:
        ours, theirs = a_product(sku="TEA-1", name="Ours"), a_product(sku="TEA-1", name="Theirs")
        store.save(ours)
        other_store.save(theirs)
        assert (store.product("TEA-1").name, other_store.product("TEA-1").name) == ("Ours", "Theirs")

    @pytest.mark.promise("L1", "L5")
    def test_lets_one_of_twenty_racing_writers_win(self, store: Store, threads: Threads) -> None:
        product = store.a_stored_product()
        all_have_read = threading.Barrier(WRITERS)

        def write(index: int) -> None:
            with store.transaction() as uow:
                mine = uow.products.get(product.sku)
                all_have_read.wait(WAIT_S_MAX)
                mine.rename(f"writer {index}", at=after_noon(1))
                uow.products.save(mine)

        outcomes = threads.race(WRITERS, write)
        (winner,) = [index for index, outcome in enumerate(outcomes) if outcome.error is None]
        assert [type(o.error) for o in outcomes if o.error] == [StaleObjectError] * (WRITERS - 1)
        stored = store.product(product.sku)
        assert (stored.version, stored.name) == (2, f"writer {winner}")
        assert [entry.version for entry in store.stream(product.id)] == [1, 2]

    def test_lets_one_of_twenty_racing_creators_have_the_sku(self, store: Store, threads: Threads) -> None:
        products = [a_product(sku="TEA-1", name=f"creator {index}") for index in range(WRITERS)]
        outcomes = threads.race(WRITERS, lambda index: store.save(products[index]))
        (winner,) = [index for index, outcome in enumerate(outcomes) if outcome.error is None]
        assert [type(o.error) for o in outcomes if o.error] == [SkuTaken] * (WRITERS - 1)
        assert store.product("TEA-1").name == f"creator {winner}"
        assert [entry.stream_id for entry in store.log()] == [products[winner].id]
