"""Orders: what may be placed, and each command in each state."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.system_clock import new_id
from builders import NOON, a_product, after_noon, an_order
from domain.errors import InvalidInput
from domain.inventory.events import StockReceived
from domain.money import AMOUNT_MINOR_MAX, Money
from domain.orders.events import OrderReturned, ReturnedLine
from domain.orders.order import (
    LINES_MAX,
    QUANTITY_MAX,
    Order,
    OrderLine,
    OrderStatus,
    OrderStatusForbids,
    OrderTotalTooLarge,
    ReturnLine,
    ReturnTooLarge,
)
from unit.contracts.binding import state_of

Command = Callable[[Order], None]

COMMANDS: dict[str, Command] = {
    "amend": lambda order: order.amend(note="changed", at=after_noon(9)),
    "confirm": lambda order: order.confirm(at=after_noon(9)),
    "cancel": lambda order: order.cancel(reason="changed my mind", at=after_noon(9)),
    "ship": lambda order: order.ship(at=after_noon(9)),
    "deliver": lambda order: order.deliver(at=after_noon(9)),
    "take_back": lambda order: order.take_back(
        [ReturnLine(sku=order.lines[0].sku, quantity=1)], reason="broken", at=after_noon(9)
    ),
}
ALLOWED = {
    OrderStatus.PENDING: {"amend", "confirm", "cancel"},
    OrderStatus.AWAITING_PAYMENT: {"amend", "confirm", "cancel"},
    OrderStatus.CONFIRMED: {"amend", "ship"},
    OrderStatus.SHIPPED: {"deliver"},
    OrderStatus.DELIVERED: {"take_back"},
    OrderStatus.CANCELLED: set(),
}
LEADS_TO = {
    "confirm": OrderStatus.CONFIRMED,
    "cancel": OrderStatus.CANCELLED,
    "ship": OrderStatus.SHIPPED,
    "deliver": OrderStatus.DELIVERED,
}


def an_order_that_is(status: OrderStatus) -> Order:
    """A stored order in that state, also in those that no command leads to yet."""
    placed = an_order().placed()
    state = {**{name: getattr(placed, name) for name in Order._state}, "status": status}
    return Order.restore(placed.id, version=1, updated_at=NOON, **state)


class TestAnOrder:
    @pytest.mark.parametrize("command", COMMANDS)
    @pytest.mark.parametrize("status", OrderStatus)
    def test_obeys_the_commands_of_its_state_alone(self, status: OrderStatus, command: str) -> None:
        order = an_order_that_is(status)
        if command in ALLOWED[status]:
            COMMANDS[command](order)
            assert order.status == LEADS_TO.get(command, status)
            assert (order.version, order.updated_at) == (2, after_noon(9))
            return
        with pytest.raises(OrderStatusForbids) as refusal:
            COMMANDS[command](order)
        assert refusal.value.data["status"] == status.value
        assert (order.version, order.status, order.pending_events) == (1, status, ())

    def test_says_which_states_would_allow_a_command(self) -> None:
        with pytest.raises(OrderStatusForbids) as refusal:
            an_order_that_is(OrderStatus.SHIPPED).cancel(reason="late", at=NOON)
        assert str(refusal.value) == (
            "The order is shipped; it can be cancelled only while it is awaiting_payment or pending."
        )

    def test_knows_no_event_of_another_kind(self) -> None:
        with pytest.raises(NotImplementedError, match="Order does not say what StockReceived does"):
            Order.from_events(new_id(), [StockReceived(occurred_at=NOON, quantity=1)])


class TestANewOrder:
    def test_is_pending_at_version_one(self) -> None:
        order = an_order().with_(note="n").placed()
        assert (order.status, order.version, order.stored_version) == (OrderStatus.PENDING, 1, 0)
        assert order.created_at == order.updated_at == order.ordered_at == NOON
        assert order.cancel_reason is None

    def test_owes_the_sum_of_its_lines(self) -> None:
        tea, pot = a_product(), a_product()
        order = an_order().with_line(tea, quantity=3, price="4.20").with_line(pot, price="0.05").placed()
        assert order.total == Money(1265, "EUR")

    def test_may_be_free(self) -> None:
        assert an_order().with_line(a_product(), price="0.00").placed().total == Money.zero("EUR")

    @pytest.mark.parametrize("count", [0, LINES_MAX + 1])
    def test_has_a_bounded_number_of_lines(self, count: int) -> None:
        line = OrderLine(product_id=new_id(), sku="TEA-1", quantity=1, unit_price=Money(1, "EUR"))
        with pytest.raises(InvalidInput) as refusal:
            Order.place(
                id=new_id(),
                customer_ref="c",
                currency="EUR",
                lines=[line] * count,
                payment_method="t",
                at=NOON,
            )
        assert refusal.value.data["field"] == "lines"

    @pytest.mark.parametrize("quantity", [-1, 0, QUANTITY_MAX + 1])
    def test_has_lines_of_a_bounded_quantity(self, quantity: int) -> None:
        with pytest.raises(InvalidInput) as refusal:
            an_order().with_line(a_product(), quantity=quantity)
        assert refusal.value.data["field"] == "quantity"

    @pytest.mark.parametrize("returned", [-1, 3])
    def test_has_lines_of_which_no_more_than_all_came_back(self, returned: int) -> None:
        price = Money(1, "EUR")
        with pytest.raises(InvalidInput) as refusal:
            OrderLine(product_id=new_id(), sku="TEA-1", quantity=2, unit_price=price, returned=returned)
        assert refusal.value.data["field"] == "returned"

    def test_has_prices_in_its_own_currency(self) -> None:
        builder = an_order().with_line(a_product()).with_(currency="USD").with_line(a_product())
        with pytest.raises(InvalidInput) as refusal:
            builder.placed()
        assert str(refusal.value) == "lines[0].unit_price: is in EUR, the order in USD"

    def test_has_a_total_that_is_an_amount(self) -> None:
        largest = str(Money(AMOUNT_MINOR_MAX, "EUR"))
        assert an_order().with_line(a_product(), price=largest).placed().total.minor == AMOUNT_MINOR_MAX
        with pytest.raises(OrderTotalTooLarge):
            an_order().with_line(a_product(), price=largest).with_line(a_product(), price="0.01").placed()
        with pytest.raises(OrderTotalTooLarge):
            an_order().with_line(a_product(), quantity=2, price=largest).placed()

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("customer_ref", ""),
            ("customer_ref", "x" * 101),
            ("payment_method", ""),
            ("reference", ""),
            ("reference", "x" * 101),
            ("email", "x" * 255),
            ("note", "x" * 2001),
            ("note", "a\x00b"),
            ("address", "x" * 1001),
            ("address", "half \ud800"),
        ],
    )
    def test_names_the_text_that_it_refuses(self, field: str, value: str) -> None:
        with pytest.raises(InvalidInput) as refusal:
            an_order().with_(**{field: value}).placed()
        assert refusal.value.data["field"] == field


class TestTheDateOfAnOrder:
    @pytest.mark.parametrize(
        "ordered_at",
        [datetime(1970, 1, 1, tzinfo=UTC), datetime(1997, 1, 1, tzinfo=UTC), NOON, NOON + timedelta(days=1)],
    )
    def test_may_lie_in_the_past_or_a_day_ahead(self, ordered_at: datetime) -> None:
        assert an_order().with_(ordered_at=ordered_at).placed().ordered_at == ordered_at

    @pytest.mark.parametrize(
        ("ordered_at", "problem"),
        [
            (datetime(1970, 1, 1, tzinfo=UTC) - timedelta(microseconds=1), "must lie between 1970-01-01"),
            (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), "must lie between 1970-01-01"),
            (NOON + timedelta(days=1, microseconds=1), "must lie between 1970-01-01"),
            (
                datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-12))),
                "must lie between 1970-01-01",
            ),
            (datetime(2026, 1, 1), "must have a time zone"),  # noqa: DTZ001 - naive on purpose
        ],
    )
    def test_is_refused_where_it_makes_no_sense(self, ordered_at: datetime, problem: str) -> None:
        with pytest.raises(InvalidInput, match=problem) as refusal:
            an_order().with_(ordered_at=ordered_at).placed()
        assert refusal.value.data["field"] == "ordered_at"

    def test_is_kept_in_utc(self) -> None:
        local = datetime(2025, 12, 31, 14, tzinfo=timezone(timedelta(hours=2)))
        ordered_at = an_order().with_(ordered_at=local).placed().ordered_at
        assert (ordered_at, ordered_at.tzinfo) == (local, UTC)


class TestAmendingAnOrder:
    def test_leaves_what_is_not_named(self) -> None:
        order = an_order().with_(note="n", address="a").placed()
        order.amend(address="b", at=after_noon(1))
        assert (order.note, order.address) == ("n", "b")
        order.amend(note="", at=after_noon(2))
        assert (order.note, order.address, order.version) == ("", "b", 3)

    @pytest.mark.promise("L4")
    @pytest.mark.parametrize("change", [{}, {"note": "n"}, {"note": "n", "address": "a"}])
    def test_to_what_it_is_moves_nothing(self, change: dict[str, str]) -> None:
        order = an_order().with_(note="n", address="a").placed()
        order.amend(at=after_noon(1), **change)
        assert (order.version, order.updated_at) == (1, NOON)

    @pytest.mark.parametrize(("field", "value"), [("note", "x" * 2001), ("address", "\x00")])
    def test_names_the_text_that_it_refuses(self, field: str, value: str) -> None:
        order = an_order().placed()
        with pytest.raises(InvalidInput) as refusal:
            order.amend(at=after_noon(1), **{field: value})
        assert refusal.value.data["field"] == field
        assert order.version == 1


class TestCancellingAnOrder:
    def test_keeps_the_reason(self) -> None:
        order = an_order().cancelled("found it cheaper")
        assert (order.status, order.cancel_reason) == (OrderStatus.CANCELLED, "found it cheaper")

    @pytest.mark.parametrize("reason", ["", "x" * 201])
    def test_needs_a_reason(self, reason: str) -> None:
        with pytest.raises(InvalidInput) as refusal:
            an_order().cancelled(reason)
        assert refusal.value.data["field"] == "reason"


class TestTakingGoodsBack:
    def test_counts_pieces_to_the_first_lines_that_have_some_left(self) -> None:
        tea, pot = a_product(), a_product()
        builder = an_order().with_line(tea, quantity=3).with_line(pot, quantity=2).with_line(tea, quantity=5)
        order = builder.delivered()
        order.take_back([ReturnLine(sku=tea.sku, quantity=2)], reason="broken", at=after_noon(4))
        two = [ReturnLine(sku=tea.sku, quantity=1), ReturnLine(sku=tea.sku, quantity=2)]
        order.take_back([*two, ReturnLine(sku=pot.sku, quantity=2)], reason="late", at=after_noon(5))
        assert [line.returned for line in order.lines] == [3, 2, 2]
        first, second = (event for event in order.pending_events if isinstance(event, OrderReturned))
        assert (first.lines, first.reason) == ((ReturnedLine(number=1, sku=tea.sku, quantity=2),), "broken")
        assert [(line.number, line.quantity) for line in second.lines] == [(1, 1), (2, 2), (3, 2)]
        assert (order.status, order.total.minor) == (OrderStatus.DELIVERED, 420 * 10)

    @pytest.mark.parametrize(
        ("sku", "quantities", "returnable", "field"),
        [
            ("TEA", [4], 3, "lines[0].quantity"),
            ("TEA", [3, 1], 0, "lines[1].quantity"),
            ("tea", [1], 0, "lines[0].quantity"),
        ],
    )
    def test_never_takes_more_than_is_out(
        self, sku: str, quantities: list[int], returnable: int, field: str
    ) -> None:
        tea = a_product(sku="TEA")
        order = an_order().with_line(tea, quantity=3).with_line(tea, quantity=2).returned(2)
        lines = [ReturnLine(sku=sku, quantity=quantity) for quantity in quantities]
        with pytest.raises(ReturnTooLarge) as refusal:
            order.take_back(lines, reason="broken", at=after_noon(9))
        assert refusal.value.data == {"field": field, "sku": sku, "returnable": returnable}
        assert [line.returned for line in order.lines] == [2, 0]

    @pytest.mark.parametrize(
        ("quantities", "reason", "field"),
        [
            ([], "r", "lines"),
            ([1] * (LINES_MAX + 1), "r", "lines"),
            ([1, 0], "r", "lines[1].quantity"),
            ([QUANTITY_MAX + 1], "r", "lines[0].quantity"),
            ([1], "", "reason"),
            ([1], "x" * 201, "reason"),
        ],
    )
    def test_names_what_it_refuses(self, quantities: list[int], reason: str, field: str) -> None:
        order = an_order().delivered()
        lines = [ReturnLine(sku=order.lines[0].sku, quantity=quantity) for quantity in quantities]
        with pytest.raises(InvalidInput) as refusal:
            order.take_back(lines, reason=reason, at=after_noon(9))
        assert refusal.value.data["field"] == field
        assert order.lines[0].returned == 0

    @given(
        ordered=st.lists(st.integers(1, 4), min_size=1, max_size=4),
        wishes=st.lists(st.integers(1, 5), max_size=8),
    )
    def test_takes_exactly_what_was_ordered_in_any_portions(
        self, ordered: list[int], wishes: list[int]
    ) -> None:
        tea = a_product()
        builder = an_order()
        for quantity in ordered:
            builder = builder.with_line(tea, quantity=quantity)
        order, left = builder.delivered(), sum(ordered)
        for wish in wishes:
            line = ReturnLine(sku=tea.sku, quantity=wish)
            if wish <= left:
                order.take_back([line], reason="broken", at=after_noon(9))
                left -= wish
            else:
                with pytest.raises(ReturnTooLarge):
                    order.take_back([line], reason="broken", at=after_noon(9))
        assert sum(line.returnable for line in order.lines) == left


class TestAnyHistoryOfAnOrder:
    @pytest.mark.promise("L4", "E5")
    @given(acts=st.lists(st.tuples(st.sampled_from(sorted(COMMANDS)), st.text(max_size=5)), max_size=12))
    def test_folds_to_the_state_and_counts_the_version(self, acts: list[tuple[str, str]]) -> None:
        order = an_order().with_line(a_product(), quantity=4).placed()
        for number, (act, text) in enumerate(acts, start=1):
            with suppress(OrderStatusForbids, InvalidInput, ReturnTooLarge):
                _perform(order, act, text, after_noon(number))
        events = order.pending_events
        assert order.version == len(events)
        assert order.updated_at == events[-1].occurred_at
        assert state_of(Order.from_events(order.id, events)) == state_of(order)


def _perform(order: Order, act: str, text: str, at: datetime) -> None:
    match act:
        case "amend":
            order.amend(note=text, address=text[:2], at=at)
        case "confirm":
            order.confirm(at=at)
        case "cancel":
            order.cancel(reason=text, at=at)
        case "ship":
            order.ship(at=at)
        case "deliver":
            order.deliver(at=at)
        case "take_back":
            line = ReturnLine(sku=order.lines[0].sku, quantity=len(text) + 1)
            order.take_back([line], reason=text, at=at)
