"""What the in-memory adapters do beyond the contracts: locks, leases, and misuse that is refused."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest

from adapters.memory.database import ATTEMPT_S_MAX, InMemoryDatabase
from adapters.memory.locks import LockTable
from adapters.memory.unit_of_work import InMemoryUnitOfWork
from application.ports.unit_of_work import TransactionConflict, UnitOfWork
from builders import NOON, a_context, a_key, a_product, after_noon, stock_of
from domain.errors import AggregateSpent, StaleObjectError
from domain.idempotency import Done, RequestInProgress
from domain.inventory.product import Product
from unit.contracts.binding import Store, rolled_back
from unit.contracts.threads import WAIT_S_MAX, Threads

THREADS = Threads(lambda: None)


class SetClock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def database(clock: SetClock) -> InMemoryDatabase:
    return InMemoryDatabase(now=clock)


@pytest.fixture
def store(database: InMemoryDatabase) -> Store:
    return Store(lambda context: InMemoryUnitOfWork(context, database=database), a_context(key=a_key()))


def claim(uow: UnitOfWork) -> None:
    """Claim the key, and settle it with 1."""
    assert uow.once(a_key(), int) is None
    uow.settle(Done(1))


class TestALock:
    def test_is_held_by_one_owner_at_a_time(self) -> None:
        table, inside, most = LockTable(WAIT_S_MAX), [], []

        def enter(index: int) -> None:
            owner = object()
            for _ in range(20):
                table.acquire(owner, "name")
                inside.append(index)
                most.append(len(inside))
                inside.pop()
                table.release(owner, ["name"])

        outcomes = THREADS.race(8, enter)
        assert [outcome.error for outcome in outcomes] == [None] * 8
        assert (set(most), len(most)) == ({1}, 160)

    def test_may_be_taken_again_by_its_owner(self) -> None:
        table, owner = LockTable(0.01), object()
        table.acquire(owner, "name")
        table.acquire(owner, "name")
        table.release(owner, ["name"])
        table.acquire(object(), "name")

    def test_is_waited_for_no_longer_than_allowed(self) -> None:
        table, owner, late = LockTable(0.01), object(), object()
        table.acquire(owner, "name")
        with pytest.raises(TransactionConflict):
            table.acquire(late, "name")
        table.release(owner, ["name"])
        table.acquire(late, "name")

    def test_refuses_the_wait_that_would_close_a_circle(self) -> None:
        table = LockTable(WAIT_S_MAX)
        first, second = object(), object()
        table.acquire(first, "a")
        table.acquire(second, "b")
        refused = threading.Event()

        def cross(index: int) -> None:
            owner, own, wanted = ((first, "a", "b"), (second, "b", "a"))[index]
            try:
                table.acquire(owner, wanted)
            except TransactionConflict:
                refused.set()
                table.release(owner, [own])
            else:
                assert refused.wait(WAIT_S_MAX)
                table.release(owner, [own, wanted])

        assert [outcome.error for outcome in THREADS.race(2, cross)] == [None, None]
        assert refused.is_set()
        table.acquire(object(), "a")
        table.acquire(object(), "b")

    def test_is_released_by_its_holder_alone(self) -> None:
        table = LockTable()
        table.acquire(object(), "name")
        with pytest.raises(RuntimeError, match="held by another owner"):
            table.release(object(), ["name"])


class TestTheLeaseOfATransaction:
    @pytest.mark.promise("H10")
    def test_once_over_lets_nothing_commit(self, store: Store, clock: SetClock) -> None:
        product = a_product()

        def stall() -> None:
            with store.transaction() as uow:
                uow.once(a_key(), int)
                uow.products.save(product)
                uow.settle(Done(1))
                clock.time += timedelta(seconds=ATTEMPT_S_MAX)

        with pytest.raises(TransactionConflict):
            stall()
        assert store.log() == []
        with pytest.raises(AggregateSpent):
            store.save(product)
        with rolled_back(store.transaction()) as uow:
            assert uow.once(a_key(), int) is None

    @pytest.mark.promise("H9", "H10")
    def test_once_over_gives_the_key_to_the_next(self, store: Store, clock: SetClock) -> None:
        held = THREADS.hold_open(store.transaction(), claim)
        clock.time += timedelta(seconds=ATTEMPT_S_MAX, microseconds=-1)
        with pytest.raises(RequestInProgress), store.transaction() as uow:
            uow.once(a_key(), int)
        clock.time += timedelta(microseconds=1)
        with store.transaction() as uow:
            assert uow.once(a_key(), int) is None
            uow.settle(Done(2))
        with pytest.raises(TransactionConflict):
            held.commit()
        with store.transaction() as uow:
            assert uow.once(a_key(), int) == Done(2)

    @pytest.mark.promise("H10")
    def test_is_not_won_back_when_the_clock_is_set_back(self, store: Store, clock: SetClock) -> None:
        held = THREADS.hold_open(store.transaction(), claim)
        clock.time += timedelta(seconds=ATTEMPT_S_MAX)
        with rolled_back(store.transaction()) as uow:
            assert uow.once(a_key(), int) is None
            clock.time = NOON
            with pytest.raises(TransactionConflict):
                held.commit()


class TestAUnitOfWork:
    def test_is_used_once(self, store: Store) -> None:
        uow = store.transaction()
        with uow:
            pass
        with pytest.raises(RuntimeError, match="used once"):
            uow.__enter__()

    def test_commits_no_claim_that_was_not_settled(self, store: Store) -> None:
        product = a_product()

        def forget() -> None:
            with store.transaction() as uow:
                uow.once(a_key(), int)
                uow.products.save(product)

        with pytest.raises(RuntimeError, match="not settled"):
            forget()
        assert store.log() == []

    def test_settles_nothing_that_it_did_not_claim(self, store: Store) -> None:
        with rolled_back(store.transaction()) as uow, pytest.raises(RuntimeError, match="claimed no key"):
            uow.settle(Done(1))

    def test_commits_nothing_after_a_failed_flush_that_was_swallowed(self, store: Store) -> None:
        product = store.a_stored_product()
        stale = store.product(product.sku)
        product.rename("first", at=after_noon(1))
        store.save(product)
        stale.rename("second", at=after_noon(2))
        newcomer = a_product()

        def swallow() -> None:
            with store.transaction() as uow:
                uow.products.save(newcomer)
                uow.products.save(stale)
                with pytest.raises(StaleObjectError):
                    uow.flush()

        with pytest.raises(StaleObjectError):
            swallow()
        assert store.stream(newcomer.id) == []
        assert store.product(product.sku).name == "first"

    def test_sees_its_own_flushed_writes(self, store: Store) -> None:
        product = a_product()
        with store.transaction() as uow:
            uow.products.save(product)
            assert uow.products.ids_by_sku([product.sku]) == {}
            uow.flush()
            assert uow.products.get(product.sku).version == 1
            assert len(uow.events.stream(product.id)) == 1
            assert list(uow.events.read(0)) == [], "it may still roll back"

    @pytest.mark.promise("L1")
    def test_lets_one_of_two_copies_be_saved(self, store: Store) -> None:
        product = store.a_stored_product()
        copies = [store.product(product.sku) for _ in range(2)]
        for number, copy in enumerate(copies):
            copy.rename(f"copy {number}", at=after_noon(1))
        with pytest.raises(StaleObjectError):
            store.save(*copies)
        assert store.product(product.sku).name == "Tea"

    def test_leaves_no_lock_behind(self, store: Store, database: InMemoryDatabase) -> None:
        product = store.a_stored_product()
        store.save(stock_of(product))
        with store.transaction() as uow:
            uow.stock_items.get_for_update(product.sku).receive(1, at=NOON)
            uow.discard_writes()
        with rolled_back(store.transaction()) as uow:
            uow.stock_items.get_for_update(product.sku)
        assert database.locks.held() == 0

    def test_saves_nothing_that_only_looks_stored(self, store: Store) -> None:
        product = a_product()
        product.mark_stored()
        product.rename("never created", at=NOON)
        with pytest.raises(StaleObjectError) as refusal:
            store.save(product)
        assert refusal.value.data == {"kind": Product.kind, "id": str(product.id), "current_version": None}
