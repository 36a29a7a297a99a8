"""The contract of the purge where orders have sagas and payments: what it waits for, and what it leaves of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.system_clock import new_id
from application.ports.purge import OpenPurge, PurgeUnitOfWork
from application.ports.sagas import LateReplies, LateReply
from application.ports.unit_of_work import CommandContext, OpenUnitOfWork, UnitOfWork
from builders import NOON, a_context, a_key, after_noon
from domain.aggregate import Aggregate
from domain.idempotency import Done
from domain.money import Money
from domain.orders.fulfilment import ORDER_FULFILMENT
from domain.orders.order import Order
from domain.payments.payment import Payment
from domain.payments.refund import REFUND_SAGA
from domain.saga.outcome import NothingFound, StepDone, StepFailed, StepRefused, StepUnclear
from domain.saga.progress import Direction
from domain.saga.saga import Saga
from unit.contracts.binding import Store, StoreBinding, flushed, state_of
from unit.contracts.purge_contract import (
    ALL,
    DUE,
    POLICY,
    SECRET,
    a_deleted_order,
    deleted_order,
    found,
    purge,
)
from unit.contracts.threads import HeldTransaction, Threads

AT_ONCE = timedelta(0)


def a_saga(order_id: UUID) -> Saga:
    return Saga.start(ORDER_FULFILMENT, id=new_id(), subject_id=order_id, at=NOON)


def unclear(saga: Saga) -> None:
    saga.hear("authorise", 1, Direction.DO, StepUnclear(f"no answer to {SECRET}"), at=after_noon(1), jitter=0)


def waiting(saga: Saga) -> None:
    saga.hear("authorise", 1, Direction.DO, StepRefused("declined"), at=after_noon(1), jitter=0)


def compensating(saga: Saga) -> None:
    unclear(saga)
    saga.cancel(reason=SECRET, at=after_noon(2))


def compensated(saga: Saga) -> None:
    """Believed to have had no effect; that may turn out to be wrong."""
    compensating(saga)
    saga.hear_answer("authorise", 1, NothingFound(AT_ONCE), at=after_noon(3), jitter=0)


def woken(saga: Saga) -> None:
    compensated(saga)
    wake(saga)


def wake(saga: Saga) -> None:
    assert saga.hear_late("authorise", 1, StepDone("pay-1"), at=after_noon(4))


def parked(saga: Saga) -> None:
    woken(saga)
    for _ in range(20):
        saga.hear("authorise", 1, Direction.UNDO, StepFailed(f"not {SECRET}"), at=after_noon(5), jitter=0)


def repaired(saga: Saga) -> None:
    parked(saga)
    saga.skip("authorise", operator="olga", reason=f"{SECRET} has called", at=after_noon(6))


def completed(saga: Saga) -> None:
    for step in ("authorise", "reserve", "capture", "notify"):
        saga.hear(step, 1, Direction.DO, StepDone(), at=after_noon(2), jitter=0)


LIVE = (lambda saga: None, unclear, waiting, compensating, woken, parked)
ENDED = (compensated, repaired, completed)


class PurgeOfSagasContract(StoreBinding):
    """Over deleted orders, each with a saga and payments."""

    @pytest.fixture
    def open_purge(self) -> OpenPurge:
        """As for the purge suite."""
        raise NotImplementedError("the binding must override open_purge")

    @pytest.fixture
    def late_replies(self) -> LateReplies:
        """As for the saga suite."""
        raise NotImplementedError("the binding must override late_replies")

    @pytest.fixture
    def expire_key(self) -> Callable[[CommandContext], None]:
        """As for the idempotency suite."""
        raise NotImplementedError("the binding must override expire_key")

    @pytest.mark.promise("D7")
    @pytest.mark.parametrize("state", LIVE)
    def test_leaves_out_what_a_live_saga_refers_to(
        self, store: Store, open_purge: OpenPurge, state: Callable[[Saga], None]
    ) -> None:
        order, free = a_deleted_order(store), a_deleted_order(store)
        live = a_saga(order.id)
        state(live)
        store.save(live)
        with open_purge() as unit:
            assert [deleted.order.id for deleted in found(unit, store)] == [free.id]

    @pytest.mark.promise("D7", "E5")
    @pytest.mark.parametrize("state", ENDED)
    def test_leaves_nothing_of_a_person_in_payments_and_saga(
        self,
        store: Store,
        open_purge: OpenPurge,
        late_replies: LateReplies,
        state: Callable[[Saga], None],
    ) -> None:
        order, saga, payments = a_fulfilled_order(store, state)
        _, others_saga, others_payments = a_fulfilled_order(store, state, is_deleted=False)
        for each in (saga, others_saga):
            late_replies.keep(store.context.tenant_id, a_late_reply(each.id))
        before = {each.id: store.stream(each.id) for each in (saga, others_saga, *payments, *others_payments)}
        assert purge(open_purge, store) == [order.id]

        for kept in (saga, *payments):
            stream, stored = store.stream(kept.id), stored_again(store, kept)
            assert SECRET not in f"{stream} {vars(stored)}"
            folded = type(kept).from_events(kept.id, [entry.event for entry in stream])
            assert state_of(stored) == state_of(folded)
            assert [(e.position, e.version, type(e.event)) for e in stream] == [
                (e.position, e.version, type(e.event)) for e in before[kept.id]
            ]
        for other in (others_saga, *others_payments):
            assert store.stream(other.id) == before[other.id]
            assert state_of(stored_again(store, other)) == state_of(other)
        replies = {
            reply.saga_id: reply.reply
            for reply in late_replies.list(store.context.tenant_id, saga_id=None, after=None, limit=ALL)
        }
        assert replies == {saga.id: "redacted", others_saga.id: SECRET}

    @pytest.mark.promise("D7")
    def test_waits_for_money_that_is_being_given_back_and_then_forgets_why(
        self, store: Store, open_purge: OpenPurge
    ) -> None:
        order, saga, payment = a_refunded_order(store)
        saga.hear("refund", 1, Direction.DO, StepFailed(f"not {SECRET}"), at=after_noon(5), jitter=0)
        store.save(saga)
        assert purge(open_purge, store) == []
        saga.hear("refund", 1, Direction.DO, StepDone(), at=after_noon(6), jitter=0)
        payment.refund(saga.subject_id, at=after_noon(6))
        store.save(saga, payment)
        assert purge(open_purge, store) == [order.id]
        for kept in (saga, payment):
            stream, stored = store.stream(kept.id), stored_again(store, kept)
            assert SECRET not in f"{stream} {vars(stored)}"
            assert state_of(stored) == state_of(
                type(kept).from_events(kept.id, [entry.event for entry in stream])
            )

    @pytest.mark.promise("D7", "S9")
    def test_gives_way_to_a_saga_that_wakes_up_first(
        self, store: Store, open_purge: OpenPurge, hold_open: Callable[..., HeldTransaction], threads: Threads
    ) -> None:
        order, saga, _ = a_fulfilled_order(store, compensated)
        held = hold_open(store.transaction(), lambda uow: wake_in(uow, saga.id))
        assert threads.run(lambda: purge(open_purge, store)) == []
        held.commit()
        assert purge(open_purge, store) == []
        assert deleted_order(store, order).customer_ref == SECRET

    @pytest.mark.promise("D7", "S9")
    def test_makes_a_saga_wait_that_wakes_up_second_and_lets_it_go_on(
        self, store: Store, open_purge: OpenPurge, hold_open: Callable[..., HeldTransaction], threads: Threads
    ) -> None:
        order, saga, _ = a_fulfilled_order(store, compensated)

        def purge_in(unit: PurgeUnitOfWork) -> None:
            (due,) = found(unit, store)
            due.order.purge(POLICY, at=DUE)
            unit.replace(due)

        def wake_up() -> None:
            with store.transaction() as uow:
                wake_in(uow, saga.id)

        held = hold_open(open_purge(), purge_in)
        running = threads.start(wake_up)
        assert running.waits()
        held.commit()
        assert running.outcome().error is None
        assert deleted_order(store, order).is_purged
        awake, stream = stored_again(store, saga), store.stream(saga.id)
        assert awake.version == saga.version + 1
        assert SECRET not in f"{stream} {vars(awake)}"
        assert state_of(awake) == state_of(Saga.from_events(saga.id, [entry.event for entry in stream]))

    @pytest.mark.promise("H11")
    @pytest.mark.parametrize("end", [completed, compensated])
    def test_keeps_a_key_for_as_long_as_the_saga_that_it_started_lives(
        self,
        store: Store,
        open_purge: OpenPurge,
        open_unit_of_work: OpenUnitOfWork,
        expire_key: Callable[[CommandContext], None],
        end: Callable[[Saga], None],
    ) -> None:
        context, saga = a_context(tenant_id=store.context.tenant_id, key=a_key()), a_saga(new_id())
        keyed = Store(open_unit_of_work, context)
        assert ask(keyed, saga) is None
        expire_key(context)
        assert ask(keyed) == Done(1)
        with open_purge() as unit:
            unit.drop_expired_keys(ALL)
        assert ask(keyed) == Done(1)
        with store.transaction() as uow:
            stored = uow.sagas.get(saga.id)
            end(stored)
            uow.sagas.save(stored)
        with open_purge() as unit:
            assert unit.drop_expired_keys(ALL) >= 1
        assert ask(keyed) is None

    @pytest.mark.promise("H11")
    def test_takes_an_expired_key_for_a_new_one_once_its_saga_has_ended(
        self, store: Store, open_unit_of_work: OpenUnitOfWork, expire_key: Callable[[CommandContext], None]
    ) -> None:
        context, ended, next_one = (
            a_context(tenant_id=store.context.tenant_id, key=a_key()),
            a_saga(new_id()),
            a_saga(new_id()),
        )
        completed(ended)
        keyed = Store(open_unit_of_work, context)
        assert ask(keyed, ended) is None
        expire_key(context)
        assert ask(keyed, next_one) is None
        expire_key(context)
        assert ask(keyed) == Done(1)

    @pytest.mark.promise("H11")
    def test_does_not_tie_a_key_to_a_saga_that_was_discarded(
        self, store: Store, open_unit_of_work: OpenUnitOfWork, expire_key: Callable[[CommandContext], None]
    ) -> None:
        context = a_context(tenant_id=store.context.tenant_id, key=a_key())
        keyed, saga = Store(open_unit_of_work, context), a_saga(new_id())
        with keyed.transaction() as uow:
            assert uow.once(a_key(), int) is None
            flushed(uow, saga)
            uow.discard_writes()
            uow.settle(Done(2))
        store.save(a_saga(saga.subject_id))
        expire_key(context)
        assert ask(keyed) is None


def a_fulfilled_order(
    store: Store, state: Callable[[Saga], None], *, is_deleted: bool = True
) -> tuple[Order, Saga, list[Payment]]:
    """Stored with a saga in that state and two payments, each of which names a person if it can."""
    order = a_deleted_order(store)
    if not is_deleted:
        with store.transaction() as uow:
            order = uow.orders.get(order.id, with_deleted=True)
            order.undelete(at=after_noon(30))
            uow.orders.save(order)
    saga = a_saga(order.id)
    state(saga)
    payments = [
        Payment.request(
            id=new_id(), order_id=order.id, attempt=number, amount=Money(840, "EUR"), method=SECRET, at=NOON
        )
        for number in (1, 2)
    ]
    payments[0].decline("insufficient_funds", at=after_noon(1))
    payments[1].void(at=after_noon(2))
    store.save(saga, *payments)
    return order, saga, payments


def a_refunded_order(store: Store) -> tuple[Order, Saga, Payment]:
    """Stored with a payment, money of which is being given back by the saga."""
    order, payment_id, refund_id = a_deleted_order(store), new_id(), new_id()
    payment = Payment.request(
        id=payment_id, order_id=order.id, attempt=1, amount=Money(840, "EUR"), method=SECRET, at=NOON
    )
    payment.authorise("pay-1", at=after_noon(1))
    payment.capture(at=after_noon(1))
    payment.request_refund(refund_id, None, reason=SECRET, at=after_noon(4))
    saga = Saga.start(REFUND_SAGA, id=new_id(), subject_id=refund_id, at=after_noon(4))
    fulfilment = a_saga(order.id)
    completed(fulfilment)
    store.save(saga, fulfilment, payment)
    return order, saga, payment


def stored_again(store: Store, aggregate: Aggregate) -> Aggregate:
    """The saga or payment as it is stored."""
    with store.transaction() as uow:
        return (uow.sagas if isinstance(aggregate, Saga) else uow.payments).get(aggregate.id)


def wake_in(uow: UnitOfWork, saga_id: UUID) -> None:
    """An effect is found, and written."""
    saga = uow.sagas.get(saga_id)
    wake(saga)
    flushed(uow, saga)


def a_late_reply(saga_id: UUID) -> LateReply:
    return LateReply(id=new_id(), saga_id=saga_id, key="k", reply=SECRET, received_at=after_noon(3))


def ask(keyed: Store, *started: Saga) -> object:
    """What is stored under the key; if nothing, 1 is from now on, and the sagas are started with it."""
    with keyed.transaction() as uow:
        stored = uow.once(a_key(), int)
        if stored is None:
            for saga in started:
                uow.sagas.save(saga)
            uow.settle(Done(1))
        return stored
