"""The contract of UnitOfWork: one transaction, all or nothing, and nothing half seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.ports.unit_of_work import Cause, OpenUnitOfWork, UnitOfWork
from builders import after_noon, an_order, stock_of
from domain.errors import AggregateSpent, NotFound, StaleObjectError
from domain.orders.order import Order, ReferenceTaken
from unit.contracts.binding import Store, StoreBinding, flushed, rolled_back, save_in, state_of
from unit.contracts.threads import HeldTransaction, Threads


class UnitOfWorkContract(StoreBinding):
    """Atomicity, isolation, and what a rollback does to the objects in memory."""

    @pytest.mark.promise("E1")
    def test_commits_everything_that_was_saved_together(self, store: Store) -> None:
        product = store.a_stored_product()
        stock, order = stock_of(product, on_hand=3), an_order().with_line(product).placed()
        store.save(stock, order)
        assert state_of(store.order(order.id)) == state_of(order)
        assert state_of(store.stock(product.sku)) == state_of(stock)
        assert [len(store.stream(each)) for each in (order.id, stock.id)] == [1, 2]

    @pytest.mark.promise("E1")
    def test_left_by_an_exception_writes_nothing(self, store: Store) -> None:
        product = store.a_stored_product()
        order = an_order().with_line(product).placed()
        with rolled_back(store.transaction()) as uow:
            uow.orders.save(order)
            uow.flush()
        with pytest.raises(NotFound):
            store.order(order.id)
        assert store.stream(order.id) == []
        assert [entry.stream_id for entry in store.log()] == [product.id]

    @pytest.mark.promise("E1", "L1")
    def test_with_one_stale_aggregate_writes_none_of_them(self, store: Store) -> None:
        product = store.a_stored_product()
        order = an_order().with_line(product).placed()
        store.save(order)
        stale = store.order(order.id)
        order.amend(note="first", at=after_noon(1))
        store.save(order)
        stale.amend(note="second", at=after_noon(2))
        newcomer = an_order().with_line(product).placed()
        product.rename("Green tea", at=after_noon(2))
        with pytest.raises(StaleObjectError) as refusal:
            store.save(newcomer, product, stale)
        assert refusal.value.data["current_version"] == 2
        assert store.order(order.id).note == "first"
        assert store.product(product.sku).name == "Tea"
        assert store.stream(newcomer.id) == []
        assert [len(store.stream(each)) for each in (order.id, product.id)] == [2, 1]

    @pytest.mark.promise("E1")
    def test_with_one_taken_reference_writes_none_of_them(self, store: Store) -> None:
        product = store.a_stored_product()
        wanted = an_order().with_line(product).with_(reference="PO-1")
        store.save(wanted.placed())
        product.rename("Green tea", at=after_noon(2))
        with pytest.raises(ReferenceTaken):
            store.save(product, wanted.placed())
        assert store.product(product.sku).name == "Tea"
        assert len(store.log()) == 2

    def test_shows_others_nothing_before_it_commits(
        self, store: Store, hold_open: Callable[..., HeldTransaction]
    ) -> None:
        order = an_order().with_line(store.a_stored_product()).placed()

        def write(uow: UnitOfWork) -> None:
            uow.orders.save(order)
            uow.flush()

        held = hold_open(store.transaction(), write)
        with pytest.raises(NotFound):
            store.order(order.id)
        assert store.stream(order.id) == []
        held.commit()
        assert store.order(order.id).version == 1
        assert len(store.stream(order.id)) == 1

    def test_flushed_and_committed_writes_each_event_once(self, store: Store) -> None:
        order = an_order().with_line(store.a_stored_product()).placed()
        with store.transaction() as uow:
            uow.orders.save(order)
            uow.flush()
            uow.flush()
            order.amend(note="after the flush", at=after_noon(1))
            uow.orders.save(order)
        assert store.order(order.id).note == "after the flush"
        assert [entry.version for entry in store.stream(order.id)] == [1, 2]

    @pytest.mark.promise("E1")
    def test_writes_several_of_a_kind_together_each_event_with_its_own_cause(self, store: Store) -> None:
        orders = [an_order().placed() for _ in range(3)]
        causes = [Cause(f"request-{number}", f"event-{number}") for number in range(3)]
        with store.transaction() as uow:
            for order, cause in zip(orders, causes, strict=True):
                uow.on_account_of(cause)
                uow.orders.save(order)
        with store.transaction() as uow:
            uow.orders.expect([order.id for order in orders])
            for order, cause in zip(orders, reversed(causes), strict=True):
                uow.on_account_of(cause)
                loaded = uow.orders.get(order.id)
                loaded.confirm(at=after_noon(1))
                uow.orders.save(loaded)
                assert uow.orders.get(order.id) is loaded
        for order, first, second in zip(orders, causes, reversed(causes), strict=True):
            assert store.order(order.id).status.value == "confirmed"
            stream = store.stream(order.id)
            assert [Cause(entry.correlation_id, entry.causation_id) for entry in stream] == [first, second]

    @pytest.mark.promise("L1", "E1")
    def test_with_one_stale_of_several_alike_writes_none_and_names_it(self, store: Store) -> None:
        orders = [an_order().placed() for _ in range(3)]
        store.save(*orders)
        stale = store.order(orders[1].id)
        fresh = store.order(orders[1].id)
        fresh.confirm(at=after_noon(1))
        store.save(fresh)
        alike = [store.order(orders[0].id), stale, store.order(orders[2].id)]
        for order in alike:
            order.cancel(reason="changed my mind", at=after_noon(2))
        with pytest.raises(StaleObjectError) as refusal:
            store.save(*alike)
        assert (refusal.value.data["id"], refusal.value.data["current_version"]) == (str(stale.id), 2)
        assert [store.order(order.id).status.value for order in orders] == ["pending", "confirmed", "pending"]

    def test_goes_on_with_an_aggregate_after_the_commit(self, store: Store) -> None:
        order = an_order().with_line(store.a_stored_product()).placed()
        store.save(order)
        assert (order.stored_version, order.pending_events) == (1, ())
        order.amend(note="later", at=after_noon(1))
        store.save(order)
        assert state_of(store.order(order.id)) == state_of(order)

    @pytest.mark.promise("L6")
    def test_spends_what_was_saved_when_it_rolls_back(self, store: Store) -> None:
        order = an_order().with_line(store.a_stored_product()).placed()
        with rolled_back(store.transaction()) as uow:
            uow.orders.save(order)
        with pytest.raises(AggregateSpent):
            store.save(order)
        with pytest.raises(AggregateSpent):
            order.amend(note="again", at=after_noon(1))

    @pytest.mark.promise("L6")
    def test_spends_what_was_loaded_when_it_rolls_back(self, store: Store) -> None:
        product = store.a_stored_product()
        order = an_order().with_line(product).placed()
        store.save(order, stock_of(product))
        with rolled_back(store.transaction()) as uow:
            loaded = (
                uow.orders.get(order.id),
                uow.products.get(product.sku),
                uow.stock_items.get_for_update(product.sku),
            )
        for aggregate in loaded:
            with pytest.raises(AggregateSpent):
                store.save(aggregate)

    @pytest.mark.promise("L6")
    def test_spends_the_loser_of_a_race_for_a_version(self, store: Store) -> None:
        order = an_order().with_line(store.a_stored_product()).placed()
        store.save(order)
        stale = store.order(order.id)
        order.amend(note="first", at=after_noon(1))
        store.save(order)
        stale.amend(note="second", at=after_noon(2))
        for refusal in (StaleObjectError, AggregateSpent):
            with pytest.raises(refusal):
                store.save(stale)

    @pytest.mark.promise("L4")
    def test_that_saves_what_did_not_change_writes_nothing(self, store: Store) -> None:
        order = an_order().with_line(store.a_stored_product()).placed()
        store.save(order)
        before = store.log()
        with store.transaction() as uow:
            loaded = uow.orders.get(order.id)
            loaded.amend(note=loaded.note, at=after_noon(5))
            uow.orders.save(loaded)
        assert store.log() == before
        assert state_of(store.order(order.id)) == state_of(order)

    def test_discards_writes_and_goes_on(self, store: Store) -> None:
        product = store.a_stored_product()
        dropped, kept = (an_order().with_line(product).placed() for _ in range(2))
        with store.transaction() as uow:
            uow.orders.save(dropped)
            uow.flush()
            uow.discard_writes()
            uow.orders.save(kept)
        with pytest.raises(NotFound):
            store.order(dropped.id)
        assert store.stream(dropped.id) == []
        assert store.order(kept.id).version == 1
        with pytest.raises(AggregateSpent):
            store.save(dropped)

    def test_discards_what_was_saved_but_not_flushed(self, store: Store) -> None:
        dropped = an_order().with_line(store.a_stored_product()).placed()
        with store.transaction() as uow:
            uow.orders.save(dropped)
            uow.discard_writes()
        assert store.stream(dropped.id) == []

    @pytest.mark.promise("A1")
    def test_of_another_tenant_meets_none_of_it(self, store: Store, other_store: Store) -> None:
        product = store.a_stored_product()
        order = an_order().with_line(product).with_(reference="PO-1").placed()
        store.save(order, stock_of(product, on_hand=1))
        with other_store.transaction() as uow:
            assert uow.products.ids_by_sku([product.sku]) == {}
            assert list(uow.events.stream(order.id)) == []
            assert list(uow.events.read(0)) == []
        for look_up in (
            lambda: other_store.order(order.id),
            lambda: other_store.product(product.sku),
            lambda: other_store.stock(product.sku),
        ):
            with pytest.raises(NotFound):
                look_up()

    @pytest.mark.promise("A1")
    def test_of_another_tenant_writes_none_of_it(
        self, open_unit_of_work: OpenUnitOfWork, store: Store, other_store: Store
    ) -> None:
        order = an_order().with_line(store.a_stored_product()).placed()
        store.save(order)
        order.amend(note="by a stranger", at=after_noon(1))
        with pytest.raises(StaleObjectError):
            other_store.save(order)
        assert store.order(order.id).note == ""
        assert len(store.stream(order.id)) == 1

    def test_of_the_same_tenant_and_another_actor_shares_everything(
        self, open_unit_of_work: OpenUnitOfWork, store: Store
    ) -> None:
        order = an_order().with_line(store.a_stored_product()).placed()
        store.save(order)
        with open_unit_of_work(replace(store.context, actor="bob")) as uow:
            assert uow.orders.get(order.id).version == 1

    @pytest.mark.promise("L4", "E5")
    @settings(
        max_examples=12,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(acts=st.lists(st.sampled_from(["note", "address", "same", "confirm", "cancel"]), max_size=6))
    def test_keeps_state_equal_to_the_fold_of_the_stream(self, store: Store, acts: list[str]) -> None:
        order = an_order().with_line(store.a_stored_product()).placed()
        store.save(order)
        for number, act in enumerate(acts, start=1):
            _save_act(store, order.id, act, number)
        stored, stream = store.order(order.id), store.stream(order.id)
        folded = Order.from_events(order.id, [entry.event for entry in stream])
        assert state_of(folded) == state_of(stored)
        assert [entry.version for entry in stream] == list(range(1, stored.version + 1))

    def test_holds_no_row_while_it_waits_for_one_that_comes_before(
        self, store: Store, threads: Threads, hold_open: Callable[..., HeldTransaction]
    ) -> None:
        low, high = sorted((store.a_stored_product() for _ in range(2)), key=lambda product: product.id)
        copies = [store.product(product.sku) for product in (high, low)]
        for number, product in enumerate((low, high, *copies)):
            product.rename(f"name {number}", at=after_noon(1))
        held = hold_open(store.transaction(), lambda uow: flushed(uow, low))
        waiting = threads.start(lambda: store.save(*copies))
        assert waiting.waits()
        assert threads.start(lambda: store.save(high)).outcome().error is None
        held.commit()
        assert isinstance(waiting.outcome().error, StaleObjectError)
        assert [store.product(product.sku).version for product in (low, high)] == [2, 2]

    @pytest.mark.promise("L1", "L5")
    def test_takes_turns_on_rows_in_the_same_order_whatever_the_caller_does(
        self, store: Store, threads: Threads
    ) -> None:
        products = [store.a_stored_product() for _ in range(4)]

        def rename_all(index: int) -> None:
            with store.transaction() as uow:
                loaded = [uow.products.get(product.sku) for product in products]
                for product in loaded:
                    product.rename(f"name {index}", at=after_noon(index + 1))
                save_in(uow, *(loaded if index % 2 else reversed(loaded)))

        outcomes = threads.race(6, rename_all)
        winners = [index for index, outcome in enumerate(outcomes) if outcome.error is None]
        assert winners
        assert all(isinstance(o.error, StaleObjectError) for o in outcomes if o.error is not None)
        names = {store.product(product.sku).name for product in products}
        assert len(names) == 1, "the writes of two transactions are mixed"
        assert {len(store.stream(product.id)) for product in products} == {1 + len(winners)}


def _save_act(store: Store, order_id: UUID, act: str, number: int) -> None:
    with store.transaction() as uow:
        order, at = uow.orders.get(order_id), after_noon(number)
        if order.status not in {"pending", "confirmed"} or (
            order.status == "confirmed" and act in {"confirm", "cancel"}
        ):
            return
        match act:
            case "note":
                order.amend(note=f"note {number}", at=at)
            case "address":
                order.amend(address=f"address {number}", at=at)
            case "same":
                order.amend(note=order.note, at=at)
            case "confirm":
                order.confirm(at=at)
            case "cancel":
                order.cancel(reason=f"reason {number}", at=at)
        uow.orders.save(order)
