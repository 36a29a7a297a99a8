"""The contract of the outbox: messages are written with the state, handled in order, and settled once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.system_clock import new_id
from application.ports.outbox import (
    WAKE_AGAIN_AFTER_S,
    Backlog,
    ClaimLost,
    DeadLetters,
    Message,
    MessageClaims,
    Wake,
)
from builders import NOON, a_product
from domain.errors import NotFound
from domain.inventory.events import ProductCreated
from domain.orders.fulfilment import ORDER_FULFILMENT
from domain.saga.outcome import StepRefused
from domain.saga.progress import Direction
from domain.saga.saga import Saga
from unit.contracts.binding import Store, rolled_back, save_in
from unit.contracts.outbox_messages import (
    COUNTER,
    LEASE,
    MAILER,
    OutboxBinding,
    PassTime,
    a_renamed_product,
    claim,
    settle,
    wake,
)
from unit.contracts.threads import Threads

RACERS = 12
ALL = 10_000


class OutboxContract(OutboxBinding):
    """What a worker and a relay may rely on; units of work react by REACTIONS."""

    @pytest.mark.promise("O1", "E1")
    def test_writes_a_message_for_each_consumer_of_an_event(
        self, store: Store, claims: MessageClaims
    ) -> None:
        product = a_renamed_product(store)
        mail, count = claims.claim(wake(store, product)), claims.claim(wake(store, product, COUNTER))
        assert mail is not None
        assert count is not None
        assert (mail.version, mail.tries, count.version) == (1, 1, 1)
        assert mail.id != count.id
        recorded = mail.read_event()
        assert isinstance(recorded.event, ProductCreated)
        assert (recorded.stream_id, recorded.version) == (product.id, 1)

    @pytest.mark.promise("O1")
    def test_rings_once_messages_are_committed(self, store: Store, rings: list[None]) -> None:
        product = a_product()
        with store.transaction() as uow:
            save_in(uow, product)
            uow.flush()
            assert rings == []
        assert rings == [None]
        with rolled_back(store.transaction()) as uow:
            save_in(uow, a_product())
            uow.flush()
        with store.transaction() as uow:
            save_in(uow, a_product())
            uow.flush()
            uow.discard_writes()
        with store.transaction() as uow:
            uow.products.get(product.sku)
        assert rings == [None]

    @pytest.mark.promise("S10")
    def test_rings_for_a_saga_that_is_due(self, store: Store, rings: list[None]) -> None:
        saga = Saga.start(ORDER_FULFILMENT, id=new_id(), subject_id=new_id(), at=NOON)
        with store.transaction() as uow:
            uow.sagas.save(saga)
            uow.flush()
            assert rings == []
        assert rings == [None]
        saga.hear("authorise", 1, Direction.DO, StepRefused("no money"), at=NOON, jitter=0)
        with store.transaction() as uow:
            uow.sagas.save(saga)
        assert rings == [None], "it waits for its customer"

    @pytest.mark.promise("O1", "L1")
    def test_writes_none_for_what_was_rolled_back_or_discarded(
        self, store: Store, claims: MessageClaims
    ) -> None:
        lost, discarded = a_product(), a_product()
        with rolled_back(store.transaction()) as uow:
            save_in(uow, lost)
            uow.flush()
        with store.transaction() as uow:
            save_in(uow, discarded)
            uow.flush()
            uow.discard_writes()
        assert claims.claim(wake(store, lost)) is None
        assert claims.claim(wake(store, discarded)) is None

    @pytest.mark.promise("O0", "O4")
    def test_gives_a_keys_messages_one_by_one_in_order(self, store: Store, claims: MessageClaims) -> None:
        product = a_renamed_product(store, names=("b", "c"))
        seen = []
        for _ in range(3):
            message = claim(claims, wake(store, product))
            assert claims.claim(wake(store, product)) is None
            settle(store, message)
            seen.append(message.version)
        assert seen == [1, 2, 3]
        assert claims.claim(wake(store, product)) is None

    @pytest.mark.promise("O0")
    def test_gives_a_message_to_one_of_many_workers(
        self, store: Store, claims: MessageClaims, threads: Threads
    ) -> None:
        product = a_renamed_product(store)
        outcomes = threads.race(RACERS, lambda _: claims.claim(wake(store, product)))
        assert [outcome.error for outcome in outcomes if outcome.error] == []
        taken = [outcome.result for outcome in outcomes if outcome.result is not None]
        assert [message.version for message in taken] == [1]

    @pytest.mark.promise("O3")
    def test_lets_a_worker_that_lost_its_claim_change_nothing(
        self, store: Store, claims: MessageClaims, pass_time: PassTime
    ) -> None:
        product = a_renamed_product(store)
        frozen = claim(claims, wake(store, product))
        pass_time(store.context.tenant_id, LEASE)
        next_one = claim(claims, wake(store, product))
        assert (next_one.id, next_one.tries, next_one.failures) == (frozen.id, 2, 0)
        refuse_all(store, claims, frozen)
        settle(store, next_one)
        refuse_all(store, claims, frozen)
        assert claim(claims, wake(store, product)).version == 2

    @pytest.mark.promise("O3")
    def test_settles_with_the_consumers_own_writes_or_not_at_all(
        self, store: Store, claims: MessageClaims, pass_time: PassTime
    ) -> None:
        product, effect = a_renamed_product(store), a_product()
        message = claim(claims, wake(store, product))
        with rolled_back(store.transaction()) as uow:
            uow.inbox.settle(message)
            save_in(uow, effect)
            uow.flush()
        pass_time(store.context.tenant_id, LEASE)
        again = claim(claims, wake(store, product))
        assert again.id == message.id
        another = a_product()
        with store.transaction() as uow:
            uow.inbox.settle(again)
            save_in(uow, another)
        assert store.stream(effect.id) == []
        assert len(store.stream(another.id)) == 1
        assert claim(claims, wake(store, product)).version == 2

    @pytest.mark.promise("O3")
    def test_settles_once_when_many_try(self, store: Store, claims: MessageClaims, threads: Threads) -> None:
        message = claim(claims, wake(store, a_renamed_product(store)))

        def try_to_settle(_: int) -> None:
            with store.transaction() as uow:
                uow.inbox.settle(message)
                save_in(uow, a_product())

        before = len(store.log())
        outcomes = threads.race(RACERS, try_to_settle)
        errors = [outcome.error for outcome in outcomes if outcome.error is not None]
        assert [type(error) for error in errors] == [ClaimLost] * (RACERS - 1)
        assert len(store.log()) == before + 1

    @pytest.mark.promise("O4")
    def test_puts_off_a_key_and_lets_others_flow(
        self, store: Store, claims: MessageClaims, pass_time: PassTime
    ) -> None:
        stuck, other = a_renamed_product(store), a_renamed_product(store)
        message = claim(claims, wake(store, stuck))
        claims.put_off(message, delay=timedelta(minutes=5), error="away")
        pass_time(store.context.tenant_id, timedelta(minutes=4))
        assert claims.claim(wake(store, stuck)) is None
        assert claim(claims, wake(store, other)).version == 1
        pass_time(store.context.tenant_id, timedelta(minutes=1))
        again = claim(claims, wake(store, stuck))
        assert (again.id, again.tries, again.failures) == (message.id, 2, 1)

    @pytest.mark.promise("O4", "O6")
    def test_parks_a_key_until_it_is_replayed_in_order(
        self, store: Store, claims: MessageClaims, dead_letters: DeadLetters, pass_time: PassTime
    ) -> None:
        stuck, other = a_renamed_product(store), a_renamed_product(store)
        tenant_id = store.context.tenant_id
        message = claim(claims, wake(store, stuck))
        claims.park(message, error="x" * 10_000)
        pass_time(tenant_id, timedelta(days=400))
        assert claims.claim(wake(store, stuck)) is None
        assert claim(claims, wake(store, other)).version == 1
        (letter,) = dead_letters.list(tenant_id, after=None, limit=10)
        assert (letter.id, letter.consumer, letter.stream_id) == (message.id, MAILER, stuck.id)
        assert (letter.version, letter.tries, letter.event_type) == (1, 1, "product.created")
        assert dead_letters.list(tenant_id, after=letter.id, limit=10) == []
        dead_letters.replay(tenant_id, message.id)
        assert dead_letters.list(tenant_id, after=None, limit=10) == []
        for version in (1, 2):
            again = claim(claims, wake(store, stuck))
            assert (again.version, again.tries, again.failures) == (version, 1, 0)
            settle(store, again)
        with pytest.raises(NotFound):
            dead_letters.replay(tenant_id, message.id)

    @pytest.mark.promise("A1")
    def test_keeps_tenants_apart(
        self, store: Store, other_store: Store, claims: MessageClaims, dead_letters: DeadLetters
    ) -> None:
        product, stranger = a_renamed_product(store), other_store.context.tenant_id
        assert claims.claim(Wake(stranger, MAILER, product.id)) is None
        message = claim(claims, wake(store, product))
        with pytest.raises(ClaimLost), other_store.transaction() as uow:
            uow.inbox.settle(message)
        claims.park(message, error="broken")
        assert dead_letters.list(stranger, after=None, limit=10) == []
        assert dead_letters.list(stranger, consumer=MAILER, after=None, limit=10) == []
        with pytest.raises(NotFound):
            dead_letters.replay(stranger, message.id)

    @pytest.mark.promise("O2")
    def test_wakes_each_due_key_once_and_again_after_a_while(
        self, store: Store, claims: MessageClaims, backlog: Backlog, pass_time: PassTime
    ) -> None:
        product, tenant_id = a_renamed_product(store), store.context.tenant_id
        both = {wake(store, product), wake(store, product, COUNTER)}
        assert due(backlog, store) == sorted(both, key=str)
        assert due(backlog, store) == []
        pass_time(tenant_id, timedelta(seconds=WAKE_AGAIN_AFTER_S))
        assert set(due(backlog, store)) == both
        settle(store, claim(claims, wake(store, product, COUNTER)))
        claim(claims, wake(store, product))
        pass_time(tenant_id, timedelta(seconds=WAKE_AGAIN_AFTER_S))
        assert due(backlog, store) == []  # one is settled, the other claimed
        pass_time(tenant_id, LEASE)
        assert due(backlog, store) == [wake(store, product)]

    @pytest.mark.promise("O4")
    def test_does_not_wake_what_is_parked_or_waits_behind_it(
        self, store: Store, claims: MessageClaims, backlog: Backlog, pass_time: PassTime
    ) -> None:
        product = a_renamed_product(store)
        claims.park(claim(claims, wake(store, product)), error="broken")
        pass_time(store.context.tenant_id, timedelta(days=1))
        assert due(backlog, store) == [wake(store, product, COUNTER)]

    @pytest.mark.promise("O0")
    def test_gives_two_relays_different_keys(self, store: Store, backlog: Backlog, threads: Threads) -> None:
        for _ in range(20):
            a_renamed_product(store)
        outcomes = threads.race(4, lambda _: due(backlog, store))
        assert [outcome.error for outcome in outcomes if outcome.error] == []
        woken = [each for outcome in outcomes for each in outcome.result or ()]
        # A key that one relay has locked is left to it; one whose relay was slow comes again after a while.
        assert len(woken) == len(set(woken)) == 40


def refuse_all(store: Store, claims: MessageClaims, lost: Message) -> None:
    """Try everything that the holder of a claim may do, with a lost one."""
    with pytest.raises(ClaimLost):
        settle(store, lost)
    claims.park(lost, error="too late")
    claims.put_off(lost, delay=LEASE, error="too late")


def due(backlog: Backlog, store: Store) -> list[Wake]:
    """The tenant's due keys, sorted."""
    return sorted((wake for wake in backlog.due(ALL) if wake.tenant_id == store.context.tenant_id), key=str)
