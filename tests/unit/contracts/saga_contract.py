"""The contract of sagas: round trip, one for a subject, one worker at a time, and replies that came too late."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.system_clock import new_id
from application.ports.outbox import WAKE_AGAIN_AFTER_S
from application.ports.sagas import (
    SAGA_LEASE_S,
    DueSagas,
    LateReplies,
    LateReply,
    SagaClaim,
    SagaClaimLost,
)
from builders import NOON, after_noon
from domain.errors import NotFound, StaleObjectError
from domain.orders.fulfilment import ORDER_FULFILMENT
from domain.saga.outcome import StepDone, StepRefused, StepUnclear
from domain.saga.progress import Direction
from domain.saga.saga import Saga
from unit.contracts.binding import Store, StoreBinding, rolled_back, state_of
from unit.contracts.threads import Threads

RACERS = 12
LEASE = timedelta(seconds=SAGA_LEASE_S)
ALL = 10_000

PassTime = Callable[[UUID, timedelta], None]


def a_saga(subject_id: UUID | None = None) -> Saga:
    """Due at once, however long ago noon is."""
    return Saga.start(ORDER_FULFILMENT, id=new_id(), subject_id=subject_id or new_id(), at=NOON)


def unclear(saga: Saga) -> None:
    saga.hear("authorise", 1, Direction.DO, StepUnclear("no answer"), at=after_noon(1), jitter=0.5)


def reserved(saga: Saga) -> None:
    saga.hear("authorise", 1, Direction.DO, StepDone("pay-1"), at=after_noon(1), jitter=0)
    saga.hear("reserve", 1, Direction.DO, StepDone(), at=after_noon(1), jitter=0)


def refused(saga: Saga) -> None:
    reserved(saga)
    saga.hear("capture", 1, Direction.DO, StepRefused("expired"), at=after_noon(2), jitter=0)


def completed(saga: Saga) -> None:
    reserved(saga)
    for step in ("capture", "notify"):
        saga.hear(step, 1, Direction.DO, StepDone(), at=after_noon(2), jitter=0)


STATES: dict[str, Callable[[Saga], None]] = {
    "new": lambda saga: None,
    "unclear": unclear,
    "waiting": lambda saga: saga.hear(  # type: ignore[dict-item]
        "authorise", 1, Direction.DO, StepRefused("declined"), at=after_noon(1), jitter=0
    ),
    "reserved": reserved,
    "compensating": refused,
    "cancelled": lambda saga: saga.cancel(reason="changed my mind", at=after_noon(1)),
    "completed": completed,
}


class SagaContract(StoreBinding):
    """Sagas of one tenant, as repositories, workers and the relay see them."""

    @pytest.fixture
    def due_sagas(self) -> DueSagas:
        raise NotImplementedError("the binding must override due_sagas")

    @pytest.fixture
    def late_replies(self) -> LateReplies:
        raise NotImplementedError("the binding must override late_replies")

    @pytest.fixture
    def pass_time(self) -> PassTime:
        """`pass_time(tenant_id, delta)` lets that much time pass for the tenant's sagas."""
        raise NotImplementedError("the binding must override pass_time")

    @pytest.mark.promise("S10", "S12")
    @pytest.mark.parametrize("state", STATES)
    def test_gives_every_state_back(self, store: Store, state: str) -> None:
        saga = stored(store)
        with store.transaction() as uow:
            loaded = uow.sagas.get(saga.id)
            STATES[state](loaded)
            uow.sagas.save(loaded)
        with store.transaction() as uow:
            again = uow.sagas.get(saga.id)
        assert state_of(again) == state_of(loaded)
        events = [entry.event for entry in store.stream(saga.id)]
        assert state_of(Saga.from_events(saga.id, events)) == state_of(again)

    @pytest.mark.promise("S8")
    def test_a_subject_has_one_saga_also_for_those_who_start_it_at_once(
        self, store: Store, threads: Threads
    ) -> None:
        subject_id = new_id()

        def start(_: int) -> None:
            with store.transaction() as uow:
                uow.sagas.save(a_saga(subject_id))

        errors = [outcome.error for outcome in threads.race(RACERS, start)]
        assert errors.count(None) == 1
        assert all(isinstance(error, StaleObjectError) for error in errors if error is not None)
        with store.transaction() as uow:
            found = uow.sagas.of_subject(subject_id)
            assert found is not None
            assert found.subject_id == subject_id

    def test_what_is_not_there_is_not_found(self, store: Store, other_store: Store) -> None:
        foreign, lost = stored(other_store), a_saga()
        with rolled_back(store.transaction()) as uow:
            uow.sagas.save(lost)
            uow.flush()
        for saga in (foreign, lost):
            with store.transaction() as uow, pytest.raises(NotFound):
                uow.sagas.get(saga.id)
            with store.transaction() as uow:
                assert uow.sagas.of_subject(saga.subject_id) is None

    @pytest.mark.promise("S8")
    def test_is_advanced_by_one_of_many_workers(self, store: Store, threads: Threads) -> None:
        saga = stored(store)
        outcomes = threads.race(RACERS, lambda _: taken(store, saga.id))
        assert [outcome.error for outcome in outcomes] == [None] * RACERS
        assert len([outcome.result for outcome in outcomes if outcome.result is not None]) == 1

    @pytest.mark.promise("S8")
    def test_several_are_claimed_at_once_each_by_one_worker(self, store: Store, threads: Threads) -> None:
        sagas = [stored(store) for _ in range(5)]
        held = claimed(store, sagas[0])
        wanted = [saga.id for saga in sagas]

        def take(_: int) -> list[SagaClaim]:
            with store.transaction() as uow:
                found = uow.sagas.claim(wanted)
                assert [saga.id for saga, _ in found] == [claim.saga_id for _, claim in found]
                assert all(saga.version == 1 for saga, _ in found)
            return [claim for _, claim in found]

        outcomes = threads.race(RACERS, take)
        assert [outcome.error for outcome in outcomes] == [None] * RACERS
        claims = [claim for outcome in outcomes for claim in outcome.result or ()]
        assert {claim.saga_id for claim in claims} | {held.saga_id} == set(wanted)
        assert len(claims) == len(wanted) - 1
        with store.transaction() as uow:
            uow.sagas.expect(claims)
            for claim in claims:
                uow.sagas.save_held(uow.sagas.get_held(claim), claim, goes_on=False)
        assert all(taken(store, saga_id) for saga_id in wanted[1:])

    @pytest.mark.promise("S8")
    def test_a_claim_that_was_rolled_back_was_never_made(self, store: Store) -> None:
        saga = stored(store)
        with rolled_back(store.transaction()) as uow:
            assert len(uow.sagas.claim([saga.id])) == 1
        assert taken(store, saga.id) is not None

    @pytest.mark.promise("S8")
    def test_a_worker_goes_on_until_it_gives_the_claim_back(self, store: Store) -> None:
        saga = stored(store)
        claim = claimed(store, saga)
        with store.transaction() as uow:
            held = uow.sagas.get_held(claim)
            unclear(held)
            uow.sagas.save_held(held, claim, goes_on=True)
        assert taken(store, saga.id) is None
        with store.transaction() as uow:
            uow.sagas.save_held(uow.sagas.get_held(claim), claim, goes_on=False)
        again = claimed(store, saga)
        assert again.fence > claim.fence

    @pytest.mark.promise("S8", "S9")
    def test_who_was_frozen_past_its_lease_has_lost_the_saga_once_another_took_it(
        self, store: Store, pass_time: PassTime
    ) -> None:
        saga = stored(store)
        lost = claimed(store, saga)
        assert taken(store, saga.id) is None
        pass_time(store.context.tenant_id, LEASE)
        held = claimed(store, saga)
        with store.transaction() as uow, pytest.raises(SagaClaimLost):
            uow.sagas.get_held(lost)
        with store.transaction() as uow:
            assert uow.sagas.get_held(held).version == 1

    @pytest.mark.promise("S8")
    def test_a_claim_that_was_given_back_holds_no_more(self, store: Store) -> None:
        saga = stored(store)
        claim = claimed(store, saga)
        with store.transaction() as uow:
            uow.sagas.save_held(uow.sagas.get_held(claim), claim, goes_on=False)
        with store.transaction() as uow, pytest.raises(SagaClaimLost):
            uow.sagas.get_held(claim)

    @pytest.mark.promise("S8", "S9")
    def test_a_claim_ends_with_the_saga_whoever_ended_it(self, store: Store) -> None:
        saga = stored(store)
        claim = claimed(store, saga)
        with store.transaction() as uow:
            loaded = uow.sagas.get(saga.id)
            completed(loaded)
            uow.sagas.save(loaded)
        with store.transaction() as uow, pytest.raises(SagaClaimLost):
            uow.sagas.get_held(claim)

    @pytest.mark.promise("S10")
    def test_is_claimed_only_when_it_is_due(self, store: Store, due_sagas: DueSagas) -> None:
        resting = stored(store)
        with store.transaction() as uow:
            loaded = uow.sagas.get(resting.id)
            completed(loaded)
            uow.sagas.save(loaded)
        assert taken(store, resting.id) is None
        assert taken(store, new_id()) is None
        assert resting.id not in due(due_sagas, store)

    def test_those_that_wait_for_a_worker_are_found(self, store: Store) -> None:
        waiting, held, resting = stored(store), stored(store), stored(store)
        claimed(store, held)
        with store.transaction() as uow:
            loaded = uow.sagas.get(resting.id)
            completed(loaded)
            uow.sagas.save(loaded)
        with store.transaction() as uow:
            assert uow.sagas.overdue(NOON, ALL) == [waiting.id]
            assert uow.sagas.overdue(NOON, 0) == []
            assert uow.sagas.overdue(NOON - timedelta(seconds=1), ALL) == []

    @pytest.mark.promise("O2", "S10")
    def test_the_relay_hears_of_each_that_is_due_once_and_again_after_a_while(
        self, store: Store, due_sagas: DueSagas, pass_time: PassTime
    ) -> None:
        waiting, held = stored(store), stored(store)
        claimed(store, held)
        assert due(due_sagas, store) == {waiting.id}
        assert due(due_sagas, store) == set()
        pass_time(store.context.tenant_id, timedelta(seconds=WAKE_AGAIN_AFTER_S))
        assert due(due_sagas, store) == {waiting.id}
        pass_time(store.context.tenant_id, LEASE)
        assert due(due_sagas, store) == {waiting.id, held.id}

    @pytest.mark.promise("S9", "S12")
    def test_a_late_reply_is_kept_once_whoever_holds_the_saga(
        self, store: Store, late_replies: LateReplies
    ) -> None:
        saga, tenant_id = stored(store), store.context.tenant_id
        claimed(store, saga)
        first, orphan = a_reply(saga.id), a_reply(None)
        for reply in (first, orphan, first):
            late_replies.keep(tenant_id, reply)
        listed = late_replies.list(tenant_id, saga_id=None, after=None, limit=10)
        assert list(listed) == sorted((first, orphan), key=lambda reply: reply.id)
        assert list(late_replies.list(tenant_id, saga_id=saga.id, after=None, limit=10)) == [first]
        assert len(late_replies.list(tenant_id, saga_id=None, after=None, limit=1)) == 1
        assert list(late_replies.list(tenant_id, saga_id=None, after=listed[0].id, limit=10)) == [listed[1]]
        assert list(late_replies.list(new_id(), saga_id=None, after=None, limit=10)) == []


def stored(store: Store) -> Saga:
    """A new one, stored."""
    saga = a_saga()
    with store.transaction() as uow:
        uow.sagas.save(saga)
    return saga


def taken(store: Store, *saga_ids: UUID) -> SagaClaim | None:
    """The right to advance it, if it is free."""
    with store.transaction() as uow:
        return next((claim for _, claim in uow.sagas.claim(saga_ids)), None)


def claimed(store: Store, saga: Saga) -> SagaClaim:
    """The right to advance it, which is free."""
    claim = taken(store, saga.id)
    assert claim is not None
    return claim


def due(due_sagas: DueSagas, store: Store) -> set[UUID]:
    """The tenant's among those that the relay hears of."""
    return {saga_id for tenant_id, saga_id in due_sagas.due(ALL) if tenant_id == store.context.tenant_id}


def a_reply(saga_id: UUID | None) -> LateReply:
    return LateReply(id=new_id(), saga_id=saga_id, key="k", reply="done", received_at=after_noon(3))
