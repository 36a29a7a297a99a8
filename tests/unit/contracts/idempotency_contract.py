"""The contract of `UnitOfWork.once` and `settle`: one key, one execution, one lasting answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import pytest

from application.ports.unit_of_work import CommandContext, OpenUnitOfWork, UnitOfWork
from builders import NOON, a_context, a_key, a_product, after_noon, an_order
from domain.errors import NotFound
from domain.idempotency import Done, KeyReused, Refused, RequestInProgress, RequestKey
from domain.inventory.product import SkuTaken
from unit.contracts.binding import Store, StoreBinding, rolled_back
from unit.contracts.threads import HeldTransaction, RolledBackOnPurpose, Threads

TWINS = 12
KEY = a_key()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A result with something of every kind that results are made of."""

    id: UUID
    at: datetime
    lines: tuple[str, ...]
    note: str | None = None


class IdempotencyContract(StoreBinding):
    """The life of an idempotency key."""

    @pytest.fixture
    def expire_key(self) -> Callable[[CommandContext], None]:
        """`expire_key(context)` makes the key of `context.request_key` one that has run out."""
        raise NotImplementedError("the binding must override expire_key")

    @pytest.fixture
    def context(self, tenant_id: UUID) -> CommandContext:
        """A call with a request key."""
        return a_context(tenant_id=tenant_id, key=KEY)

    @pytest.mark.promise("H2", "H9")
    def test_keeps_a_result_whole(self, store: Store) -> None:
        receipt = Receipt(id=store.context.tenant_id, at=NOON, lines=("a", "ü"), note=None)
        assert settle(store, Done(receipt)) is None
        assert ask(store) == Done(receipt)
        assert ask(store) == Done(receipt)

    @pytest.mark.promise("H8")
    def test_keeps_a_refusal(self, store: Store) -> None:
        refusal = Refused("unknown-sku", {"field": "lines[0].sku", "sku": "TEA-1"})
        assert settle(store, refusal) is None
        assert ask(store) == refusal

    @pytest.mark.promise("H3")
    def test_refuses_another_request_under_the_same_key(self, store: Store) -> None:
        settle(store, Done(1))
        with pytest.raises(KeyReused), store.transaction() as uow:
            uow.once(a_key(content="another request"), int)
        assert ask(store, int) == Done(1)

    @pytest.mark.promise("H6")
    def test_keeps_the_keys_of_callers_and_tenants_apart(
        self, open_unit_of_work: OpenUnitOfWork, store: Store, other_store: Store
    ) -> None:
        settle(store, Done(1))
        colleague = Store(open_unit_of_work, replace(store.context, actor="bob"))
        for number, stranger in enumerate((colleague, other_store), start=2):
            assert settle(stranger, Done(number)) is None
        assert [ask(each, int) for each in (store, colleague, other_store)] == [Done(1), Done(2), Done(3)]

    @pytest.mark.promise("H6")
    def test_does_not_make_strangers_wait_for_each_other(
        self,
        open_unit_of_work: OpenUnitOfWork,
        store: Store,
        other_store: Store,
        hold_open: Callable[..., HeldTransaction],
    ) -> None:
        held = hold_open(store.transaction(), claim)
        colleague = Store(open_unit_of_work, replace(store.context, actor="bob"))
        assert settle(colleague, Done(2)) is None
        assert settle(other_store, Done(3)) is None
        assert settle(store, Done(4), a_key("key-2")) is None
        held.commit()
        assert ask(store, int) == Done(1)

    @pytest.mark.promise("H4")
    def test_answers_a_twin_at_once_while_the_first_is_open(
        self, store: Store, hold_open: Callable[..., HeldTransaction], threads: Threads
    ) -> None:
        held = hold_open(store.transaction(), claim)
        for _ in range(3):  # The first is open until it is told to end below: no twin can have waited for it.
            with pytest.raises(RequestInProgress):
                threads.run(lambda: ask(store, int))
        held.commit()
        assert ask(store, int) == Done(1)

    @pytest.mark.promise("H4")
    def test_runs_one_of_many_twins(self, store: Store, threads: Threads) -> None:
        def handle(index: int) -> Done[int] | Refused | None:
            with store.transaction() as uow:
                stored = uow.once(KEY, int)
                if stored is None:
                    uow.products.save(a_product(name=f"by twin {index}"))
                    uow.flush()
                    uow.settle(Done(index))
                return stored

        outcomes = threads.race(TWINS, handle)
        (winner,) = [index for index, o in enumerate(outcomes) if o.error is None and o.result is None]
        for outcome in outcomes:
            assert isinstance(outcome.error, RequestInProgress) or outcome.result in (None, Done(winner))
        assert ask(store, int) == Done(winner)
        assert len(store.log()) == 1

    @pytest.mark.promise("H9")
    def test_forgets_a_claim_that_was_rolled_back(self, store: Store) -> None:
        product = a_product()
        with rolled_back(store.transaction()) as uow:
            assert uow.once(KEY, int) is None
            uow.products.save(product)
            uow.flush()
            uow.settle(Done(1))
        assert store.stream(product.id) == []
        assert settle(store, Done(2)) is None
        assert ask(store, int) == Done(2)

    @pytest.mark.promise("H9")
    def test_frees_the_key_when_the_first_rolls_back_beside_its_twin(
        self, store: Store, hold_open: Callable[..., HeldTransaction], threads: Threads
    ) -> None:
        held = hold_open(store.transaction(), claim)
        with pytest.raises(RequestInProgress):
            threads.run(lambda: ask(store, int))
        held.roll_back()
        assert settle(store, Done(2)) is None

    @pytest.mark.promise("E1", "H9")
    def test_commits_outcome_and_writes_together(self, store: Store) -> None:
        product = a_product()
        with store.transaction() as uow:
            assert uow.once(KEY, int) is None
            uow.products.save(product)
            uow.settle(Done(1))
        assert store.product(product.sku).version == 1
        assert ask(store, int) == Done(1)

    @pytest.mark.promise("E1", "H9")
    def test_commits_in_one_step_and_is_left_without_another(self, store: Store) -> None:
        product = a_product()
        with store.transaction() as uow:
            assert uow.once(KEY, int) is None
            uow.products.save(product)
            uow.commit(Done(1))
            assert store.product(product.sku).version == 1
            assert ask(store, int) == Done(1)
        assert len(store.stream(product.id)) == 1
        product.rename("Green tea", at=after_noon(1))
        store.save(product)
        assert store.product(product.sku).version == 2

    @pytest.mark.promise("H8", "H9")
    def test_commits_nothing_of_a_refused_step_but_the_refusal_that_follows(self, store: Store) -> None:
        taken, other = store.a_stored_product(), a_product(sku="COFFEE-1")
        refusal = Refused("sku-taken", {"sku": taken.sku})
        with store.transaction() as uow:
            assert uow.once(KEY, int) is None
            uow.products.save(other)
            uow.products.save(a_product(sku=taken.sku))
            with pytest.raises(SkuTaken):
                uow.commit(Done(1))
            uow.discard_writes()
            uow.settle(refusal)
        assert ask(store) == refusal
        assert store.stream(other.id) == []

    @pytest.mark.promise("H9")
    def test_forgets_a_claim_whose_refused_step_is_left_by_the_exception(self, store: Store) -> None:
        taken = store.a_stored_product()

        def take_it_again() -> None:
            with store.transaction() as uow:
                claim(uow)
                uow.products.save(a_product(sku=taken.sku))
                uow.commit(Done(1))

        with pytest.raises(SkuTaken):
            take_it_again()
        assert settle(store, Done(2)) is None
        assert ask(store, int) == Done(2)

    @pytest.mark.promise("H8")
    def test_keeps_the_claim_when_writes_are_discarded(self, store: Store) -> None:
        product = store.a_stored_product()
        order = an_order().with_line(product).placed()
        refusal = Refused("order-status-forbids", {"status": "cancelled"})
        with store.transaction() as uow:
            assert uow.once(KEY, int) is None
            uow.orders.save(order)
            uow.flush()
            uow.discard_writes()
            uow.settle(refusal)
        assert ask(store) == refusal
        assert store.stream(order.id) == []
        assert len(store.log()) == 1
        with pytest.raises(NotFound):
            store.order(order.id)

    @pytest.mark.promise("H4", "H8")
    def test_holds_the_claim_after_writes_were_discarded(
        self, store: Store, hold_open: Callable[..., HeldTransaction], threads: Threads
    ) -> None:
        def discard(uow: UnitOfWork) -> None:
            claim(uow)
            uow.products.save(a_product())
            uow.flush()
            uow.discard_writes()

        held = hold_open(store.transaction(), discard)
        with pytest.raises(RequestInProgress):
            threads.run(lambda: ask(store, int))
        held.commit()

    @pytest.mark.promise("H11")
    def test_takes_an_expired_key_for_a_new_one(
        self, store: Store, expire_key: Callable[[CommandContext], None]
    ) -> None:
        settle(store, Done(1))
        expire_key(store.context)
        another = a_key(content="another request")
        assert settle(store, Done(2), another) is None
        with store.transaction() as uow:
            assert uow.once(another, int) == Done(2)

    def test_keeps_keys_of_every_shape_apart(self, store: Store) -> None:
        names = ["a", "A", "a ", "ä", "k" * 255, "a/b", "'; --", "%s"]
        for number, name in enumerate(names):
            assert settle(store, Done(number), a_key(name)) is None
        for number, name in enumerate(names):
            with store.transaction() as uow:
                assert uow.once(a_key(name), int) == Done(number)


def claim(uow: UnitOfWork) -> None:
    """Claim the key, and settle it with 1."""
    assert uow.once(KEY, int) is None
    uow.settle(Done(1))


def settle(store: Store, outcome: Done[object] | Refused, key: RequestKey = KEY) -> object:
    """Ask for the key and, if it is new, settle it; what `once` answered."""
    with store.transaction() as uow:
        stored = uow.once(key, int)
        if stored is None:
            uow.settle(outcome)
        return stored


def ask(store: Store, result_type: type = Receipt) -> object:
    """What is stored under the key; the claim is rolled back if it was free."""
    with suppress(RolledBackOnPurpose), store.transaction() as uow:
        answer: object = uow.once(KEY, result_type)
        if answer is None:
            raise RolledBackOnPurpose
        return answer
    return None
