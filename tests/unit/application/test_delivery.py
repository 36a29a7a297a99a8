"""What becomes of messages: handled in order, put off, parked, replayed."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import UUID

import pytest

from adapters.memory.database import InMemoryDatabase
from adapters.memory.outbox import InMemoryBacklog, InMemoryDeadLetters, InMemoryMessageClaims
from adapters.memory.unit_of_work import InMemoryUnitOfWork
from application.delivery.consumer import Undeliverable
from application.delivery.drain_key import ENDS_WITHOUT_A_WORD_MAX, MESSAGES_PER_WAKE_MAX, DrainKeyHandler
from application.delivery.relay import RelayHandler
from application.ports.event_store import RecordedEvent
from application.ports.outbox import CLAIM_LEASE_S, WAKE_AGAIN_AFTER_S, Message, Wake
from application.ports.unit_of_work import StoreUnavailable, UnitOfWork
from application.subscriptions import ORDER_EMAIL, REACTIONS, reactions_of
from builders import NOON, a_context, a_product
from domain.inventory.events import ProductCreated, ProductRenamed
from domain.inventory.product import Product

JOURNAL = "journal"
DELAYS = (timedelta(seconds=1), timedelta(minutes=1))


@dataclass
class Journal:
    """A consumer that notes what it is asked to do, and fails as told."""

    failures: dict[tuple[UUID, int], list[Exception]] = field(default_factory=dict)
    """By stream and version: what the next tries raise."""
    acted: list[tuple[UUID, int]] = field(default_factory=list)
    recorded: list[tuple[UUID, int]] = field(default_factory=list)
    keys: list[UUID] = field(default_factory=list)
    saves: bool = False

    @property
    def retry_delays(self) -> Sequence[timedelta]:
        return DELAYS

    def act(self, message: Message, event: RecordedEvent) -> None:
        place = (event.stream_id, event.version)
        self.keys.append(message.id)
        if self.failures.get(place):
            raise self.failures[place].pop(0)
        self.acted.append(place)

    def record(self, event: RecordedEvent, uow: UnitOfWork) -> None:
        self.recorded.append((event.stream_id, event.version))
        if self.saves:
            uow.products.save(a_product(name=f"because of {event.event_id}"))


class House:
    """The delivery over one store, under a clock that the test sets."""

    def __init__(self) -> None:
        self.time = NOON
        self.database = InMemoryDatabase(now=self.now)
        self.journal = Journal()
        self.context = a_context()
        reactions = MappingProxyType({ProductCreated: (JOURNAL,), ProductRenamed: (JOURNAL,)})
        self.open_unit_of_work = functools.partial(
            InMemoryUnitOfWork, database=self.database, subscriptions=reactions
        )
        self.drain = DrainKeyHandler(
            InMemoryMessageClaims(self.database), {JOURNAL: self.journal}, self.open_unit_of_work
        )
        self.woken: list[Wake] = []
        self.relay = RelayHandler(InMemoryBacklog(self.database), self)
        self.dead_letters = InMemoryDeadLetters(self.database)

    def now(self) -> datetime:
        return self.time

    def wake(self, wakes: Sequence[Wake]) -> None:
        self.woken.extend(wakes)

    def a_product(self, renames: int = 0) -> Product:
        product = a_product()
        with self.open_unit_of_work(self.context) as uow:
            uow.products.save(product)
        for number in range(renames):
            with self.open_unit_of_work(self.context) as uow:
                stored = uow.products.get(product.sku)
                stored.rename(f"name {number}", at=NOON)
                uow.products.save(stored)
        return product

    def handle(self, product: Product) -> int:
        return self.drain.handle(Wake(self.context.tenant_id, JOURNAL, product.id))

    def events(self) -> list[RecordedEvent]:
        with self.open_unit_of_work(self.context) as uow:
            return list(uow.events.read(0))


@pytest.fixture
def house() -> House:
    return House()


class TestAKeyWithMessages:
    @pytest.mark.promise("O0", "O4")
    def test_is_drained_in_order(self, house: House) -> None:
        product = house.a_product(renames=3)
        assert house.handle(product) == 4
        assert house.journal.acted == house.journal.recorded == [(product.id, v) for v in (1, 2, 3, 4)]
        assert house.handle(product) == 0

    def test_gives_way_after_a_bounded_number(self, house: House) -> None:
        product = house.a_product(renames=MESSAGES_PER_WAKE_MAX)
        assert house.handle(product) == MESSAGES_PER_WAKE_MAX
        assert house.handle(product) == 1

    @pytest.mark.promise("O3")
    def test_bears_one_key_on_every_try(self, house: House) -> None:
        product = house.a_product()
        house.journal.failures[product.id, 1] = [OSError("away"), OSError("away")]
        for delay in (*DELAYS, timedelta(0)):
            house.handle(product)
            house.time += delay
        assert len(house.journal.keys) == 3
        assert len(set(house.journal.keys)) == 1
        assert house.journal.acted == [(product.id, 1)]

    @pytest.mark.promise("E7", "O3")
    def test_lets_its_consumer_act_in_the_requests_name(self, house: House) -> None:
        house.journal.saves = True
        product = house.a_product()
        house.handle(product)
        cause, effect = house.events()
        assert (effect.actor, effect.correlation_id) == (JOURNAL, cause.correlation_id)
        assert effect.causation_id == str(cause.event_id)

    def test_of_an_unknown_consumer_waits(self, house: House) -> None:
        product = house.a_product()
        assert house.drain.handle(Wake(house.context.tenant_id, "tomorrow", product.id)) == 0


class TestAFailingMessage:
    @pytest.mark.promise("O4")
    def test_holds_its_key_alone(self, house: House) -> None:
        stuck, other = house.a_product(renames=1), house.a_product(renames=1)
        house.journal.failures[stuck.id, 1] = [OSError("away")]
        assert (house.handle(stuck), house.handle(other)) == (0, 2)
        assert house.handle(stuck) == 0
        house.time += DELAYS[0]
        assert house.handle(stuck) == 2
        assert [place for place in house.journal.acted if place[0] == stuck.id] == [
            (stuck.id, 1),
            (stuck.id, 2),
        ]

    @pytest.mark.promise("O4", "O6")
    def test_is_parked_when_its_tries_are_used_up_and_replayed_in_order(self, house: House) -> None:
        stuck = house.a_product(renames=1)
        house.journal.failures[stuck.id, 1] = [OSError("away") for _ in range(len(DELAYS) + 1)]
        for delay in (*DELAYS, timedelta(days=400)):
            house.handle(stuck)
            house.time += delay
        assert house.handle(stuck) == 0
        (letter,) = house.dead_letters.list(house.context.tenant_id, after=None, limit=10)
        assert (letter.error, letter.tries) == ("OSError: away", len(DELAYS) + 1)
        house.dead_letters.replay(house.context.tenant_id, letter.id)
        assert house.handle(stuck) == 2
        assert house.journal.acted == [(stuck.id, 1), (stuck.id, 2)]

    @pytest.mark.promise("O6")
    def test_is_parked_at_once_if_no_try_can_help(self, house: House) -> None:
        stuck = house.a_product()
        house.journal.failures[stuck.id, 1] = [Undeliverable("no such address")]
        house.handle(stuck)
        (letter,) = house.dead_letters.list(house.context.tenant_id, after=None, limit=10)
        assert (letter.error, letter.tries) == ("no such address", 1)

    @pytest.mark.promise("O6")
    def test_that_kills_its_workers_is_parked_too(self, house: House) -> None:
        stuck = house.a_product()
        house.journal.failures[stuck.id, 1] = [
            StoreUnavailable(retry_after_s=1) for _ in range(ENDS_WITHOUT_A_WORD_MAX)
        ]
        for _ in range(ENDS_WITHOUT_A_WORD_MAX):  # as a kill does, this leaves the claim to run out
            with pytest.raises(StoreUnavailable):
                house.handle(stuck)
            house.time += timedelta(seconds=CLAIM_LEASE_S)
        assert house.handle(stuck) == 0
        (letter,) = house.dead_letters.list(house.context.tenant_id, after=None, limit=10)
        assert "without a word" in letter.error

    def test_loses_no_try_to_a_worker_that_was_killed(self, house: House) -> None:
        stuck = house.a_product()
        house.journal.failures[stuck.id, 1] = [StoreUnavailable(retry_after_s=1), OSError("away")]
        with pytest.raises(StoreUnavailable):
            house.handle(stuck)
        house.time += timedelta(seconds=CLAIM_LEASE_S)
        assert house.handle(stuck) == 0
        house.time += DELAYS[0]
        assert house.handle(stuck) == 1

    @pytest.mark.promise("O3")
    def test_records_nothing_once_its_claim_is_lost(self, house: House) -> None:
        product = house.a_product()
        house.journal.saves = True

        class Slow(Journal):
            def act(self, message: Message, event: RecordedEvent) -> None:
                house.time += timedelta(seconds=CLAIM_LEASE_S)
                assert house.handle(product) == 1

        slow = DrainKeyHandler(house.drain.claims, {JOURNAL: Slow(saves=True)}, house.open_unit_of_work)
        assert slow.handle(Wake(house.context.tenant_id, JOURNAL, product.id)) == 0
        assert len(house.events()) == 2  # the product, and one effect


class TestTheRelay:
    @pytest.mark.promise("O2")
    def test_sends_again_what_the_broker_lost(self, house: House) -> None:
        product = house.a_product(renames=2)
        assert [house.relay.handle() for _ in range(2)] == [1, 0]
        house.time += timedelta(seconds=WAKE_AGAIN_AFTER_S)
        assert house.relay.handle() == 1
        assert house.woken == [Wake(house.context.tenant_id, JOURNAL, product.id)] * 2


def test_only_configured_consumers_react() -> None:
    assert reactions_of(()) == {}
    assert set(reactions_of((ORDER_EMAIL,)).values()) == {(ORDER_EMAIL,)}
    assert reactions_of({name for names in REACTIONS.values() for name in names}) == REACTIONS
