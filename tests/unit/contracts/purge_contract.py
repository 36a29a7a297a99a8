"""The contract of the purge: what it finds, what it removes, and who it gives way to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import UUID

import pytest

from adapters.system_clock import new_id
from application.ports.outbox import SETTLED_KEPT_FOR, MessageClaims, Subscriptions, Wake
from application.ports.purge import DeletedOrder, OpenPurge, PurgeUnitOfWork
from application.ports.unit_of_work import CommandContext, OpenUnitOfWork, UnitOfWork
from builders import NOON, a_context, a_key, a_product, after_noon, an_order, stock_of
from domain.errors import StaleObjectError
from domain.idempotency import Done
from domain.orders.events import OrderPlaced
from domain.orders.order import Order
from domain.retention import Deletion, RetentionPolicy
from domain.soft_deletion import GoneForGood
from unit.contracts.binding import Store, StoreBinding, state_of
from unit.contracts.outbox_messages import MAILER, PassTime
from unit.contracts.threads import HeldTransaction, RolledBackOnPurpose, Threads

POLICY = RetentionPolicy(timedelta(days=30))
DUE = NOON + timedelta(days=30)
ALL = 10_000
ORDER_REACTIONS: Subscriptions = MappingProxyType({OrderPlaced: (MAILER,)})
SECRET = "Ada Lovelace"


class PurgeContract(StoreBinding):
    """Over orders that were deleted around noon; a purge is for all tenants, each test looks at its own."""

    @pytest.fixture
    def open_purge(self) -> OpenPurge:
        """Opens a purge of the adapter under test, over the same store."""
        raise NotImplementedError("the binding must override open_purge")

    @pytest.fixture
    def open_reacting(self) -> OpenUnitOfWork:
        """Opens a unit of work that reacts by ORDER_REACTIONS."""
        raise NotImplementedError("the binding must override open_reacting")

    @pytest.fixture
    def claims(self) -> MessageClaims:
        """As for the outbox suite."""
        raise NotImplementedError("the binding must override claims")

    @pytest.fixture
    def pass_time(self) -> PassTime:
        """As for the outbox suite."""
        raise NotImplementedError("the binding must override pass_time")

    @pytest.fixture
    def expire_key(self) -> Callable[[CommandContext], None]:
        """As for the idempotency suite."""
        raise NotImplementedError("the binding must override expire_key")

    @pytest.mark.promise("D7")
    def test_finds_what_was_deleted_long_ago_oldest_first(self, store: Store, open_purge: OpenPurge) -> None:
        late, early = a_deleted_order(store, after_noon(2)), a_deleted_order(store, after_noon(1))
        a_deleted_order(store, after_noon(3))
        store.save(an_order().with_line(store.a_stored_product()).cancelled())
        with open_purge() as unit:
            due = found(unit, store, after_noon(2))
        assert [deleted.order.id for deleted in due] == [early.id, late.id]
        assert state_of(due[0].order) == state_of(deleted_order(store, early))

    @pytest.mark.promise("D7")
    def test_leaves_out_what_was_restored(self, store: Store, open_purge: OpenPurge) -> None:
        order = a_deleted_order(store)
        restore(store, order)
        with open_purge() as unit:
            assert found(unit, store) == []

    @pytest.mark.promise("D7")
    def test_leaves_out_what_a_reservation_refers_to(self, store: Store, open_purge: OpenPurge) -> None:
        product = a_product()
        stock = stock_of(product, on_hand=5)
        order = a_deleted_order(store)
        stock.reserve(order_id=order.id, quantity=1, at=NOON)
        store.save(product, stock)
        with open_purge() as unit:
            assert found(unit, store) == []

    @pytest.mark.promise("D7")
    def test_leaves_out_what_a_message_on_its_way_refers_to(
        self,
        store: Store,
        open_reacting: OpenUnitOfWork,
        claims: MessageClaims,
        pass_time: PassTime,
        open_purge: OpenPurge,
    ) -> None:
        order = a_deleted_order(Store(open_reacting, store.context))
        message = claims.claim(Wake(store.context.tenant_id, MAILER, order.id))
        assert message is not None
        with open_purge() as unit:
            assert found(unit, store) == []
        with store.transaction() as uow:
            uow.inbox.settle(message)
        with open_purge() as unit:
            assert [deleted.order.id for deleted in found(unit, store)] == [order.id]
        with open_purge() as unit:
            assert unit.drop_settled_messages(ALL) == 0
        pass_time(store.context.tenant_id, SETTLED_KEPT_FOR + timedelta(seconds=1))
        with open_purge() as unit:
            assert unit.drop_settled_messages(ALL) == 1
            assert unit.drop_settled_messages(ALL) == 0

    @pytest.mark.promise("D7", "E5")
    def test_redacts_order_and_events_in_place(self, store: Store, open_purge: OpenPurge) -> None:
        order, other = a_deleted_order(store), an_order().with_line(store.a_stored_product()).cancelled()
        store.save(other)
        before, others_before = store.stream(order.id), store.stream(other.id)
        assert purge(open_purge, store) == [order.id]
        stored, after = deleted_order(store, order), store.stream(order.id)
        assert SECRET not in str(vars(stored))
        assert SECRET not in str(after)
        assert stored.total == order.total
        assert [(e.position, e.event_id, e.version) for e in after[:-1]] == [
            (e.position, e.event_id, e.version) for e in before
        ]
        assert type(after[-1].event) is Order.purged_event
        assert stored.version == len(after)
        for version in range(
            1, len(after) + 1
        ):  # the state is the fold of what is stored, at its every version
            folded = Order.from_events(order.id, [e.event for e in after[:version]])
            assert folded.version == version
        assert state_of(folded) == state_of(stored)
        assert store.stream(other.id) == others_before
        assert SECRET not in str([e for e in store.log() if e.stream_id == order.id])

    @pytest.mark.promise("D6", "D7")
    def test_makes_it_gone_for_good(self, store: Store, open_purge: OpenPurge) -> None:
        order = a_deleted_order(store)
        purge(open_purge, store)
        with pytest.raises(GoneForGood):
            store.order(order.id)
        with pytest.raises(GoneForGood):
            restore(store, order)
        with open_purge() as unit:
            assert found(unit, store) == []

    @pytest.mark.promise("D7")
    def test_changes_nothing_if_it_fails(self, store: Store, open_purge: OpenPurge) -> None:
        order = a_deleted_order(store)
        before = store.stream(order.id)
        with pytest.raises(RolledBackOnPurpose):
            fail_in_the_middle(open_purge, store)
        assert store.stream(order.id) == before
        assert SECRET in str(vars(deleted_order(store, order)))

    @pytest.mark.promise("D7")
    def test_leaves_to_another_purge_what_that_has_in_hand(
        self, store: Store, open_purge: OpenPurge, threads: Threads
    ) -> None:
        orders = {a_deleted_order(store).id for _ in range(8)}
        outcomes = threads.race(4, lambda _: purge(open_purge, store))
        assert [outcome.error for outcome in outcomes if outcome.error] == []
        purged = [order_id for outcome in outcomes for order_id in outcome.result or ()]
        assert len(purged) == len(set(purged))
        assert set(purged) == orders
        assert all(len(store.stream(order_id)) == 4 for order_id in orders)

    @pytest.mark.promise("D7", "L1")
    def test_gives_way_to_a_restoration_that_came_first(
        self, store: Store, open_purge: OpenPurge, hold_open: Callable[..., HeldTransaction], threads: Threads
    ) -> None:
        order = a_deleted_order(store)

        def undelete(uow: UnitOfWork) -> None:
            loaded = uow.orders.get(order.id, with_deleted=True)
            loaded.undelete(at=after_noon(30))
            uow.orders.save(loaded)
            uow.flush()

        held = hold_open(store.transaction(), undelete)
        assert threads.run(lambda: purge(open_purge, store)) == []
        held.commit()
        assert purge(open_purge, store) == []
        assert store.order(order.id).customer_ref == SECRET

    @pytest.mark.promise("D7", "L1")
    def test_makes_a_restoration_stale_that_comes_second(
        self, store: Store, open_purge: OpenPurge, threads: Threads
    ) -> None:
        order = a_deleted_order(store)
        with store.transaction() as uow:
            loaded = uow.orders.get(order.id, with_deleted=True)
            assert threads.run(lambda: purge(open_purge, store)) == [order.id]
            loaded.undelete(at=after_noon(30))
            uow.orders.save(loaded)
            with pytest.raises(StaleObjectError):
                uow.flush()
            uow.discard_writes()
        assert deleted_order(store, order).is_purged

    @pytest.mark.promise("H11")
    def test_drops_expired_keys_alone(
        self,
        store: Store,
        open_purge: OpenPurge,
        expire_key: Callable[[CommandContext], None],
        tenant_id: UUID,
    ) -> None:
        old, new = (
            a_context(tenant_id=tenant_id, key=a_key("old")),
            a_context(tenant_id=tenant_id, key=a_key("new")),
        )
        use_key(store, old)
        expire_key(old)
        use_key(store, new)
        with open_purge() as unit:
            assert unit.drop_expired_keys(ALL) >= 1
            assert unit.drop_expired_keys(ALL) == 0
        assert use_key(store, new) == Done(1)
        assert use_key(store, old) is None


def a_deleted_order(store: Store, at: datetime = NOON) -> Order:
    """Stored, then deleted; three events, each of which names a person if it can."""
    order = (
        an_order()
        .with_line(store.a_stored_product())
        .with_(customer_ref=SECRET, email=SECRET, note=SECRET, address=SECRET)
        .placed()
    )
    order.cancel(reason=SECRET, at=NOON)
    order.delete(Deletion(new_id(), "alice", SECRET, at))
    store.save(order)
    return order


def deleted_order(store: Store, order: Order) -> Order:
    """The deleted order as it is stored."""
    with store.transaction() as uow:
        return uow.orders.get(order.id, with_deleted=True)


def found(unit: PurgeUnitOfWork, store: Store, deleted_before: datetime = NOON) -> list[DeletedOrder]:
    """The tenant's orders that the unit would purge."""
    due = unit.deleted_orders(deleted_before, ALL)
    return [deleted for deleted in due if deleted.tenant_id == store.context.tenant_id]


def purge(open_purge: OpenPurge, store: Store) -> list[UUID]:
    """Purge the tenant's orders in one transaction; their ids."""
    with open_purge() as unit:
        due = found(unit, store)
        for deleted in due:
            deleted.order.purge(POLICY, at=DUE)
            unit.replace(deleted)
    return [deleted.order.id for deleted in due]


def fail_in_the_middle(open_purge: OpenPurge, store: Store) -> None:
    """Purge, and fail before the end."""
    with open_purge() as unit:
        for deleted in found(unit, store):
            deleted.order.purge(POLICY, at=DUE)
            unit.replace(deleted)
        raise RolledBackOnPurpose


def restore(store: Store, order: Order) -> None:
    """Bring the order back."""
    with store.transaction() as uow:
        loaded = uow.orders.get(order.id, with_deleted=True)
        loaded.undelete(at=after_noon(30))
        uow.orders.save(loaded)


def use_key(store: Store, context: CommandContext) -> object:
    """What is stored under the context's key; if nothing, 1 is from now on."""
    assert context.request_key is not None
    with store.open_unit_of_work(context) as uow:
        stored = uow.once(context.request_key, int)
        if stored is None:
            uow.settle(Done(1))
        return stored
