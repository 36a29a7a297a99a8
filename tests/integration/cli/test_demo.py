"""`demo`: the main job, on the first purchases of the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import pytest

from adapters.sandbox_gateway.behaviours import decline_of
from application.ports.event_store import RecordedEvent
from domain.money import Money
from domain.orders.events import (
    OrderAmended,
    OrderCancelled,
    OrderConfirmed,
    OrderPaymentDeclined,
    OrderPaymentTriedAgain,
    OrderPlaced,
)
from domain.orders.fulfilment import ORDER_FULFILMENT
from domain.saga.events import SagaStarted
from domain.saga.saga import Saga
from entrypoints.cli.demo.checks import (
    Books,
    GatewayBooks,
    faults_of_events,
    faults_of_fulfilment,
    faults_of_placing,
    pieces_of,
)
from entrypoints.cli.demo.command import PURCHASES
from entrypoints.cli.demo.fulfilment import Fulfilment
from entrypoints.cli.demo.payment_methods import DECLINED, ROUND, SHARES, VISA, method_of
from entrypoints.cli.demo.purchases import (
    ORDERS_OF_RARITY,
    PIECES_OF_RARITY,
    RARITY,
    RARITY_PRICE,
    TITLES,
    Purchase,
    read_purchases,
    total_of,
)
from entrypoints.cli.demo.temperatures import (
    STANDARD_TIME,
    TEMPERATURES,
    Temperatures,
    chart,
    faults_of_temperatures,
    read_file,
)
from entrypoints.cli.demo.workload import Tally
from entrypoints.cli.ingest.journal import Counts, Progress
from entrypoints.cli.ingest.loading import Loaded
from entrypoints.cli.ingest.pieces import Place
from integration.cli.conftest import Stack

pytestmark = pytest.mark.timeout(200)

TRIES_PUT_OFF: Final = {
    "tok_flaky": 4,
    "tok_capture_fails_then_ok": 2,
    "tok_timeout_before_effect": 2,
    "tok_timeout_after_effect": 2,
    "tok_late_success": 1,
}
"""By one order, at least."""


class TestTheFile:
    def test_holds_the_published_purchases(self) -> None:
        purchases = read_purchases(PURCHASES)
        assert len(purchases) == 6_919
        assert len({purchase.customer for purchase in purchases}) == 2_357
        assert sum(purchase.amount in {"0", "0.0", "0.00"} for purchase in purchases) == 8
        assert str(total_of(purchases)) == "244091.94"


class TestThePaymentMethods:
    def test_are_shared_out_as_the_table_says(self) -> None:
        met = Counter(method_of(number) for number in range(1, ROUND + 1))
        assert met == {**SHARES, VISA: ROUND - sum(SHARES.values())}

    def test_are_all_met_by_a_short_run(self) -> None:
        assert {method_of(number) for number in range(1, 101)} == {*SHARES, VISA}

    def test_are_the_gateways(self) -> None:
        reasons = {method: decline_of(method) for method in (*SHARES, VISA)}
        assert "unknown_payment_method" not in reasons.values()
        assert {method for method, reason in reasons.items() if reason} == DECLINED


class TestTheTemperatures:
    def test_are_a_year_of_hours_but_for_one(self) -> None:
        readings = read_file()
        assert (len(readings), readings[0]) == (8_759, (datetime(2010, 1, 1, tzinfo=STANDARD_TIME), 39.4))
        loaded = _loaded(accepted=8_759)
        found = Temperatures(loaded, _loaded(duplicate=8_759), readings)
        assert faults_of_temperatures(found) == []
        assert [(str(at), missing) for at, missing in found.gaps] == [
            ("2010-03-14 03:00:00-08:00", timedelta(hours=1))
        ]

    @pytest.mark.parametrize("damage", ["one less", "another value", "not all accepted", "doubled"])
    def test_that_are_not_those_of_the_file_are_named(self, damage: str) -> None:
        readings, accepted, duplicate = read_file(), 8_759, 8_759
        if damage == "one less":
            del readings[17]
        elif damage == "another value":
            readings[17] = (readings[17][0], 0.0)
        elif damage == "not all accepted":
            accepted -= 1
        else:
            duplicate -= 1
        found = Temperatures(_loaded(accepted=accepted), _loaded(duplicate=duplicate), readings)
        assert len(faults_of_temperatures(found)) == 1

    def test_are_drawn_to_scale(self) -> None:
        assert chart([0, 5, 10, 15], 2) == ["  ▃█", "▁▆██"]
        assert chart([7.0], 1) == ["▁"]


def _loaded(**counts: int) -> Loaded:
    progress = Progress(run="", place=Place(0, 1), counts=Counts(rows=8_759, **counts))
    return Loaded(
        file=TEMPERATURES, unit="line", progress=progress, seconds=1.0, readings_now=8_759, resumed_at=None,
        refused_file=None,
    )  # fmt: skip


class TestTheDemo:
    @pytest.mark.promise("M1", "M2", "H4", "L1")
    def test_fulfils_real_purchases_on_a_running_stack_and_leaves_it_running(self, stack: Stack) -> None:
        demo = stack.holdwater("demo", "--orders", "300", "--clients", "4", "--json")
        assert demo.status == 0, demo.stderr
        purchases = read_purchases(PURCHASES)[:300]
        total = total_of(purchases)
        assert f"{total:,} USD  equal" in demo.stdout
        assert "Missing: 1 hour from 2010-03-14 03:00 on" in demo.stdout
        assert demo.json["readings"] == 8_759
        found, undone = demo.json, ORDERS_OF_RARITY - PIECES_OF_RARITY
        assert found["faults"] == []
        assert found["orders_by_status"] == {"confirmed": 300 + PIECES_OF_RARITY, "cancelled": undone}
        assert found["total_of_its_orders"] == str(total)
        assert found["captured"] == str(total + PIECES_OF_RARITY * Decimal(RARITY_PRICE))
        assert (found["sagas"], found["parked"]) == (300 + ORDERS_OF_RARITY, 0)
        assert found["compensations"] == found["voids"] == undone
        assert found["paid_again"] == sum(purchase.is_declined for purchase in purchases) > 0
        paid = [method_of(purchase.number) for purchase in purchases if Decimal(purchase.amount) > 0]
        assert found["retries"] >= sum(TRIES_PUT_OFF.get(method, 0) for method in paid) > 0
        assert stack.holdwater("status").status == 0


@dataclass
class World:
    """What a demo of some purchases finds when all is well."""

    purchases: list[Purchase]
    tally: Tally
    books: Books
    gateway: GatewayBooks
    seen: Fulfilment

    def faults(self) -> list[str]:
        return [
            *faults_of_placing(self.purchases, self.tally, self.books),
            *faults_of_events(self.purchases, self.tally, self.books, self.seen, is_fulfilled=True),
            *faults_of_fulfilment(self.purchases, self.books, self.gateway, self.seen),
        ]


@pytest.fixture
def world() -> World:
    purchases, undone = read_purchases(PURCHASES)[:30], ORDERS_OF_RARITY - PIECES_OF_RARITY
    declined = sum(purchase.is_declined for purchase in purchases)
    confirmed = {
        UUID(int=number): Money.parse(amount, "USD")
        for number, amount in enumerate(
            [*(purchase.amount for purchase in purchases), *[RARITY_PRICE] * PIECES_OF_RARITY]
        )
    }
    cancelled = {UUID(int=1_000 + number): Money.parse(RARITY_PRICE, "USD") for number in range(undone)}
    seen = Fulfilment()
    seen.order_events.update(
        {
            OrderPlaced: len(confirmed) + undone,
            OrderConfirmed: len(confirmed),
            OrderCancelled: undone,
            OrderAmended: 2,
            OrderPaymentDeclined: declined,
            OrderPaymentTriedAgain: declined,
        }
    )
    books = Books(
        total=total_of(purchases),
        versions=seen.order_events.total(),
        by_status=Counter(confirmed=len(confirmed), cancelled=undone),
        of_the_file=Counter(confirmed=len(purchases)),
        totals=confirmed | cancelled,
        confirmed=set(confirmed),
        stock={
            sku: {"on_hand": 0, "reserved": 0, "sold": pieces} for sku, pieces in pieces_of(purchases).items()
        },
    )
    gateway = GatewayBooks(
        captured={order_id: total for order_id, total in confirmed.items() if total.minor}, voids=undone
    )
    return World(purchases, Tally(placed=len(confirmed) + undone, amended=2), books, gateway, seen)


def _cancel_one_of_the_file(world: World) -> None:
    world.books.of_the_file = Counter(confirmed=29, cancelled=1)


def _confirm_a_rarity_too_many(world: World) -> None:
    world.books.by_status = Counter(
        confirmed=30 + PIECES_OF_RARITY + 1, cancelled=ORDERS_OF_RARITY - PIECES_OF_RARITY - 1
    )


def _charge_a_cent_more(world: World) -> None:
    order_id, total = next(iter(world.gateway.captured.items()))
    world.gateway.captured[order_id] = Money(total.minor + 1, total.currency)


def _charge_a_cancelled_order(world: World) -> None:
    world.gateway.captured[UUID(int=1_000)] = Money.parse(RARITY_PRICE, "USD")


def _forget_a_charge(world: World) -> None:
    world.gateway.captured.popitem()


def _let_a_saga_run(world: World) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    world.seen.take_in(
        RecordedEvent(
            position=1,
            event_id=UUID(int=1),
            tenant_id=UUID(int=2),
            stream_kind=Saga.kind,
            stream_id=UUID(int=3),
            version=1,
            actor="demo",
            correlation_id="",
            causation_id="",
            traceparent=None,
            event=SagaStarted(
                occurred_at=at, definition=ORDER_FULFILMENT.name, subject_id=UUID(int=4), deadline_at=at
            ),
        )
    )


DAMAGES: Final[tuple[tuple[str, Callable[[World], object]], ...]] = (
    ("not all confirmed", _cancel_one_of_the_file),
    ("of the rarity", _confirm_a_rarity_too_many),
    ("charged with what is not theirs", _charge_a_cent_more),
    ("charged with what is not theirs", _charge_a_cancelled_order),
    ("charged with what is not theirs", _forget_a_charge),
    ("charged twice", lambda world: setattr(world.gateway, "charged_twice", 1)),
    ("neither taken nor let go", lambda world: setattr(world.gateway, "left_set_aside", 1)),
    ("were let go", lambda world: setattr(world.gateway, "voids", 0)),
    ("not all sold", lambda world: world.books.stock[TITLES[1]].update(reserved=1, on_hand=-1)),
    ("not all sold", lambda world: world.books.stock[RARITY].update(sold=PIECES_OF_RARITY + 1)),
    ("come to", lambda world: setattr(world.books, "total", world.books.total + Decimal("0.01"))),
    ("order.confirmed", lambda world: world.seen.order_events.update([OrderConfirmed])),
    ("order.payment_declined", lambda world: world.seen.order_events.subtract([OrderPaymentDeclined])),
    ("versions", lambda world: setattr(world.books, "versions", world.books.versions - 1)),
    ("are parked", lambda world: setattr(world.seen, "parked", 1)),
    ("not ended", _let_a_saga_run),
    ("placed two", lambda world: world.tally.fault("a double submission placed two orders")),
)


class TestTheChecks:
    def test_find_nothing_where_all_is_well(self, world: World) -> None:
        assert world.faults() == []

    @pytest.mark.parametrize(("words", "damage"), DAMAGES)
    def test_name_whatever_is_wrong(
        self, world: World, words: str, damage: Callable[[World], object]
    ) -> None:
        damage(world)
        assert any(words in fault for fault in world.faults())
