"""Stock: each move, and the law that no piece appears or vanishes."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.system_clock import new_id
from builders import NOON, a_product, after_noon, stock_of
from domain.errors import DomainError, InvalidInput
from domain.inventory.events import ProductRenamed
from domain.inventory.stock_item import (
    MOVE_QUANTITY_MAX,
    ON_HAND_MAX,
    AlreadyReserved,
    InsufficientStock,
    NotReserved,
    NotSold,
    StockItem,
    StockLimitReached,
)
from unit.contracts.binding import state_of

ORDER, OTHER_ORDER = new_id(), new_id()


def stock(on_hand: int = 10) -> StockItem:
    """Stock of some product."""
    return stock_of(a_product(), on_hand=on_hand)


def figures(item: StockItem) -> tuple[int, int, int]:
    """On hand, reserved, sold."""
    return item.on_hand, item.reserved, item.sold


class TestNewStock:
    def test_is_empty(self) -> None:
        product = a_product()
        item = stock_of(product)
        assert (item.product_id, item.sku, item.created_at) == (product.id, product.sku, NOON)
        assert (*figures(item), item.received, item.adjusted, item.reservations) == (0, 0, 0, 0, 0, {})
        assert item.version == 1

    def test_knows_no_event_of_another_kind(self) -> None:
        with pytest.raises(NotImplementedError):
            StockItem.from_events(new_id(), [ProductRenamed(occurred_at=NOON, name="x")])


class TestReceivingStock:
    def test_puts_it_on_hand(self) -> None:
        item = stock(10)
        item.receive(5, at=after_noon(1))
        assert (item.on_hand, item.received) == (15, 15)

    @pytest.mark.parametrize("quantity", [-1, 0, MOVE_QUANTITY_MAX + 1])
    def test_needs_a_quantity(self, quantity: int) -> None:
        with pytest.raises(InvalidInput) as refusal:
            stock().receive(quantity, at=NOON)
        assert refusal.value.data["field"] == "quantity"

    @pytest.mark.parametrize("move", ["receive", "adjust"])
    def test_ends_at_the_limit(self, move: str) -> None:
        full = stock(1)
        full.on_hand = full.received = ON_HAND_MAX
        with pytest.raises(StockLimitReached):
            full.receive(1, at=NOON) if move == "receive" else full.adjust(1, reason="count", at=NOON)
        full.adjust(-1, reason="count", at=NOON)
        full.receive(1, at=NOON)
        assert full.on_hand == ON_HAND_MAX


class TestAdjustingStock:
    @pytest.mark.parametrize("delta", [-10, -1, 1, 7])
    def test_follows_the_count(self, delta: int) -> None:
        item = stock(10)
        item.adjust(delta, reason="counted", at=after_noon(1))
        assert (item.on_hand, item.received, item.adjusted) == (10 + delta, 10, delta)

    def test_leaves_no_less_than_nothing(self) -> None:
        item = stock(10)
        with pytest.raises(InsufficientStock) as refusal:
            item.adjust(-11, reason="counted", at=NOON)
        assert refusal.value.data == {"sku": item.sku, "requested": 11, "on_hand": 10}

    @pytest.mark.parametrize("delta", [0, MOVE_QUANTITY_MAX + 1, -MOVE_QUANTITY_MAX - 1])
    def test_needs_a_difference(self, delta: int) -> None:
        with pytest.raises(InvalidInput) as refusal:
            stock().adjust(delta, reason="counted", at=NOON)
        assert refusal.value.data["field"] == "delta"

    @pytest.mark.parametrize("reason", ["", "x" * 201])
    def test_needs_a_reason(self, reason: str) -> None:
        with pytest.raises(InvalidInput) as refusal:
            stock().adjust(1, reason=reason, at=NOON)
        assert refusal.value.data["field"] == "reason"


class TestAReservation:
    def test_sets_pieces_aside(self) -> None:
        item = stock(10)
        item.reserve(ORDER, 4, at=NOON)
        assert (figures(item), item.reservations) == ((6, 4, 0), {ORDER: 4})

    def test_can_be_given_back(self) -> None:
        item = stock(10)
        item.reserve(ORDER, 4, at=NOON)
        item.release(ORDER, at=NOON)
        assert (figures(item), item.reservations) == ((10, 0, 0), {})

    def test_can_become_a_sale(self) -> None:
        item = stock(10)
        item.reserve(ORDER, 4, at=NOON)
        item.sell(ORDER, at=NOON)
        assert (figures(item), item.reservations) == ((6, 0, 4), {})

    def test_takes_what_is_on_hand_alone(self) -> None:
        item = stock(10)
        item.reserve(OTHER_ORDER, 8, at=NOON)
        with pytest.raises(InsufficientStock):
            item.reserve(ORDER, 3, at=NOON)
        item.reserve(ORDER, 2, at=NOON)
        assert figures(item) == (0, 10, 0)

    def test_is_one_for_each_order(self) -> None:
        item = stock(10)
        item.reserve(ORDER, 1, at=NOON)
        with pytest.raises(AlreadyReserved):
            item.reserve(ORDER, 1, at=NOON)

    @pytest.mark.parametrize("move", [StockItem.release, StockItem.sell])
    def test_can_be_used_once(self, move) -> None:
        item = stock(10)
        item.reserve(ORDER, 1, at=NOON)
        move(item, ORDER, at=NOON)
        with pytest.raises(NotReserved):
            move(item, ORDER, at=NOON)

    @pytest.mark.parametrize("quantity", [-1, 0, MOVE_QUANTITY_MAX + 1])
    def test_needs_a_quantity(self, quantity: int) -> None:
        with pytest.raises(InvalidInput):
            stock().reserve(ORDER, quantity, at=NOON)


class TestAReturn:
    def test_puts_sold_pieces_on_hand_again(self) -> None:
        item = stock(10)
        item.reserve(ORDER, 4, at=NOON)
        item.sell(ORDER, at=NOON)
        item.take_back(ORDER, 3, at=NOON)
        assert figures(item) == (9, 0, 1)

    def test_brings_no_more_than_was_sold(self) -> None:
        item = stock(10)
        with pytest.raises(NotSold):
            item.take_back(ORDER, 1, at=NOON)

    def test_needs_a_quantity(self) -> None:
        with pytest.raises(InvalidInput):
            stock().take_back(ORDER, 0, at=NOON)


MOVES = st.tuples(
    st.sampled_from(["receive", "adjust", "reserve", "release", "sell", "take_back"]),
    st.integers(-5, 20),
    st.sampled_from([ORDER, OTHER_ORDER]),
)


class TestAnyHistoryOfStock:
    @pytest.mark.promise("M2", "L4")
    @settings(max_examples=150)
    @given(moves=st.lists(MOVES, max_size=25))
    def test_neither_makes_nor_loses_a_piece(self, moves: list[tuple[str, int, UUID]]) -> None:
        item = stock(10)
        for number, (move, quantity, order_id) in enumerate(moves, start=1):
            before = state_of(item)
            try:
                _perform(item, move, quantity, order_id, number)
            except DomainError:
                assert state_of(item) == before, "a refusal changed something"
            assert item.on_hand + item.reserved + item.sold == item.received + item.adjusted
            assert min(figures(item)) >= 0
            assert item.reserved == sum(item.reservations.values())
        assert item.version == len(item.pending_events)
        assert state_of(StockItem.from_events(item.id, item.pending_events)) == state_of(item)

    def test_can_bring_every_move_about(self) -> None:
        item = stock(10)
        for move in ("receive", "adjust", "reserve", "sell", "take_back", "reserve", "release"):
            with suppress(DomainError):
                _perform(item, move, 1, ORDER, 1)
        kinds = [event.wire_name for event in item.pending_events]
        assert set(kinds) == {
            "stock.opened",
            "stock.received",
            "stock.adjusted",
            "stock.reserved",
            "stock.sold",
            "stock.returned",
            "stock.released",
        }


def _perform(item: StockItem, move: str, quantity: int, order_id: UUID, number: int) -> None:
    at = after_noon(number)
    match move:
        case "receive":
            item.receive(quantity, at=at)
        case "adjust":
            item.adjust(quantity, reason="counted", at=at)
        case "reserve":
            item.reserve(order_id, quantity, at=at)
        case "release":
            item.release(order_id, at=at)
        case "sell":
            item.sell(order_id, at=at)
        case "take_back":
            item.take_back(order_id, quantity, at=at)
