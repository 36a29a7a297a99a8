"""The contract of EventStore: whole envelopes, gapless streams, and one order that no reader can miss."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from adapters.system_clock import new_id
from application.ports.event_store import EVENTS_READ_MAX, RecordedEvent
from application.ports.unit_of_work import OpenUnitOfWork, UnitOfWork
from builders import NOON, a_product, after_noon, an_order, stock_of
from domain.errors import StaleObjectError
from domain.event import Event
from domain.inventory.events import StockReceived
from unit.contracts.binding import Store, StoreBinding, flushed
from unit.contracts.threads import HeldTransaction, RolledBackOnPurpose, Threads

APPENDERS = 4
TRANSACTIONS_EACH = 15
POLLS_MAX = 20_000
PAUSE_S_MAX = 0.004


def received(*quantities: int) -> list[Event]:
    """Receipts, as events that need no aggregate."""
    return [StockReceived(occurred_at=NOON, quantity=quantity) for quantity in quantities]


class EventStoreContract(StoreBinding):
    """Streams, the global order, and E3."""

    @pytest.mark.promise("E7")
    def test_keeps_the_whole_envelope(self, open_unit_of_work: OpenUnitOfWork, store: Store) -> None:
        context = replace(
            store.context,
            actor="importer",
            correlation_id="corr-1",
            causation_id="cause-1",
            traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
        product = a_product()
        (event,) = product.pending_events
        with open_unit_of_work(context) as uow:
            uow.products.save(product)
        (entry,) = store.stream(product.id)
        assert isinstance(entry.event_id, UUID)
        assert entry == RecordedEvent(
            position=entry.position,
            event_id=entry.event_id,
            tenant_id=context.tenant_id,
            stream_kind="product",
            stream_id=product.id,
            version=1,
            actor="importer",
            correlation_id="corr-1",
            causation_id="cause-1",
            traceparent=context.traceparent,
            event=event,
        )

    @pytest.mark.promise("E1", "L4")
    def test_holds_what_the_aggregates_recorded(self, store: Store) -> None:
        product = store.a_stored_product()
        order, stock = an_order().with_line(product).placed(), stock_of(product, on_hand=3)
        order.amend(note="n", at=after_noon(1))
        order.confirm(at=after_noon(2))
        stock.reserve(order.id, 1, at=after_noon(2))
        expected = {aggregate.id: list(aggregate.pending_events) for aggregate in (order, stock)}
        store.save(order)
        store.save(stock)
        for stream_id, events in expected.items():
            entries = store.stream(stream_id)
            assert [entry.event for entry in entries] == events
            assert [entry.version for entry in entries] == list(range(1, len(events) + 1))
            assert len({entry.event_id for entry in entries}) == len(events)

    def test_gives_rising_positions_to_commits_one_after_the_other(self, store: Store) -> None:
        products = [store.a_stored_product() for _ in range(5)]
        log = store.log()
        assert [entry.stream_id for entry in log] == [product.id for product in products]
        positions = [entry.position for entry in log]
        assert positions == sorted(set(positions))

    def test_keeps_what_is_appended_without_an_aggregate(self, store: Store) -> None:
        stream_id = new_id()
        with store.transaction() as uow:
            uow.events.append("stock", stream_id, 0, received(1, 2))
            uow.events.append("stock", stream_id, 2, received(3))
        entries = store.stream(stream_id)
        assert [entry.event for entry in entries] == received(1, 2, 3)
        assert [entry.version for entry in entries] == [1, 2, 3]

    @pytest.mark.promise("E2")
    @pytest.mark.parametrize("expected_version", [0, 1, 3])
    def test_refuses_a_wrong_expected_version(self, store: Store, expected_version: int) -> None:
        stream_id, other_id = new_id(), new_id()
        with store.transaction() as uow:
            uow.events.append("stock", stream_id, 0, received(1, 2))

        def append() -> None:
            with store.transaction() as uow:
                uow.events.append("stock", other_id, 0, received(9))
                uow.events.append("stock", stream_id, expected_version, received(3))

        with pytest.raises(StaleObjectError):
            append()
        assert len(store.stream(stream_id)) == 2
        assert store.stream(other_id) == []

    @pytest.mark.promise("E2")
    def test_lets_one_of_many_racing_appenders_win(self, store: Store, threads: Threads) -> None:
        stream_id = new_id()

        def append(index: int) -> None:
            with store.transaction() as uow:
                uow.events.append("stock", stream_id, 0, received(index + 1))

        outcomes = threads.race(8, append)
        (winner,) = [index for index, outcome in enumerate(outcomes) if outcome.error is None]
        assert {type(o.error) for o in outcomes if o.error} == {StaleObjectError}
        assert [entry.event for entry in store.stream(stream_id)] == received(winner + 1)

    def test_reads_page_by_page(self, store: Store) -> None:
        stream_id = new_id()
        with store.transaction() as uow:
            uow.events.append("stock", stream_id, 0, received(1, 2, 3, 4, 5))
        log = store.log()
        with store.transaction() as uow:
            assert list(uow.events.stream(stream_id, after_version=1, limit=2)) == log[1:3]
            assert list(uow.events.stream(stream_id, after_version=5)) == []
            assert list(uow.events.read(log[1].position, 2)) == log[2:4]
            assert list(uow.events.read(log[4].position)) == []
            assert list(uow.events.stream(new_id())) == []

    def test_never_reads_more_than_its_maximum(self, store: Store) -> None:
        stream_id = new_id()
        with store.transaction() as uow:
            uow.events.append("stock", stream_id, 0, received(*range(1, EVENTS_READ_MAX + 2)))
        with store.transaction() as uow:
            assert len(uow.events.read(0, EVENTS_READ_MAX + 1)) == EVENTS_READ_MAX
            assert len(uow.events.stream(stream_id, limit=EVENTS_READ_MAX + 1)) == EVENTS_READ_MAX

    @pytest.mark.promise("A1")
    def test_of_another_tenant_holds_none_of_it(self, store: Store, other_store: Store) -> None:
        stream_id = new_id()
        with store.transaction() as uow:
            uow.events.append("stock", stream_id, 0, received(1))
        assert other_store.log() == []
        assert other_store.stream(stream_id) == []

    @pytest.mark.promise("E3", "E4")
    def test_holds_readers_back_while_a_lower_position_may_commit(
        self, store: Store, hold_open: Callable[..., HeldTransaction], threads: Threads
    ) -> None:
        slow, fast = a_product(), a_product()

        def draw_a_position(uow: UnitOfWork) -> None:
            uow.products.save(slow)
            uow.flush()

        held = hold_open(store.transaction(), draw_a_position)
        threads.run(lambda: store.save(fast))
        assert store.log() == []
        assert len(store.stream(fast.id)) == 1, "only the global order waits; the stream does not"
        held.commit()
        assert [entry.stream_id for entry in store.log()] == [slow.id, fast.id]

    @pytest.mark.promise("E4")
    def test_goes_on_when_the_transaction_that_held_it_back_rolls_back(
        self, store: Store, hold_open: Callable[..., HeldTransaction], threads: Threads
    ) -> None:
        slow, fast = a_product(), a_product()

        def draw_a_position(uow: UnitOfWork) -> None:
            uow.products.save(slow)
            uow.flush()

        held = hold_open(store.transaction(), draw_a_position)
        threads.run(lambda: store.save(fast))
        assert store.log() == []
        held.roll_back()
        assert [entry.stream_id for entry in store.log()] == [fast.id]

    @pytest.mark.promise("E3")
    def test_holds_readers_back_below_the_first_position_of_a_transaction(
        self, store: Store, hold_open: Callable[..., HeldTransaction], threads: Threads
    ) -> None:
        first, between, last = a_product(), a_product(), a_product()

        def draw_twice(uow: UnitOfWork) -> None:
            flushed(uow, first)
            threads.run(lambda: store.save(between))
            flushed(uow, last)

        held = hold_open(store.transaction(), draw_twice)
        assert store.log() == []
        held.commit()
        assert [entry.stream_id for entry in store.log()] == [first.id, between.id, last.id]

    @pytest.mark.promise("E4")
    def test_holds_nobody_back_for_writes_that_were_discarded(
        self, store: Store, hold_open: Callable[..., HeldTransaction], threads: Threads
    ) -> None:
        other = a_product()

        def change_its_mind(uow: UnitOfWork) -> None:
            flushed(uow, a_product())
            uow.discard_writes()

        held = hold_open(store.transaction(), change_its_mind)
        threads.run(lambda: store.save(other))
        assert [entry.stream_id for entry in store.log()] == [other.id]
        held.commit()

    @pytest.mark.promise("E3")
    def test_shows_a_polling_reader_every_event_in_order(self, store: Store, threads: Threads) -> None:
        streams = [new_id() for _ in range(APPENDERS)]
        running = [True] * APPENDERS
        seen: list[RecordedEvent] = []

        def append(index: int) -> None:
            chance = random.Random(index)
            try:
                for number in range(TRANSACTIONS_EACH):
                    _append_once(store, streams[index], chance, number)
            finally:
                running[index] = False

        def poll() -> None:
            for _ in range(POLLS_MAX):
                last_round = not any(running)
                with store.transaction() as uow:
                    seen.extend(uow.events.read(seen[-1].position if seen else 0))
                if last_round:
                    return
                time.sleep(0)
            raise AssertionError("the appenders did not finish")

        outcomes = threads.race(APPENDERS + 1, lambda index: append(index) if index < APPENDERS else poll())
        assert [outcome.error for outcome in outcomes] == [None] * (APPENDERS + 1)
        assert seen == store.log(), "the reader missed an event, or saw one twice"
        positions = [entry.position for entry in seen]
        assert positions == sorted(set(positions))
        for stream_id in streams:
            versions = [entry.version for entry in seen if entry.stream_id == stream_id]
            assert versions == list(range(1, len(versions) + 1))
            assert versions


def _append_once(store: Store, stream_id: UUID, chance: random.Random, number: int) -> None:
    """Append one to three events; pause before the commit; one time in five roll back instead."""
    rolls_back = number % 5 == 3
    try:
        with store.transaction() as uow:
            version = len(uow.events.stream(stream_id))
            uow.events.append("stock", stream_id, version, received(*range(1, chance.randint(2, 4))))
            uow.flush()
            time.sleep(chance.uniform(0, PAUSE_S_MAX))
            if rolls_back:
                raise RolledBackOnPurpose
    except RolledBackOnPurpose:
        pass
