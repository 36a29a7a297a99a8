"""The use cases of orders."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from adapters.system_clock import new_id
from application.orders.amend_order import AmendOrder
from application.orders.cancel_order import CancelOrder
from application.orders.deliver_order import DeliverOrder
from application.orders.order_at_time import NotYetPlaced, OrderAtTime
from application.orders.order_at_version import OrderAtVersion, VersionNotReached
from application.orders.return_order_lines import ReturnOrderLine, ReturnOrderLines
from application.orders.ship_order import ShipOrder
from application.ports.event_store import EVENTS_READ_MAX
from application.ports.read_models import OrderFilter, OrderView
from builders import NOON
from domain.errors import DomainError, InvalidInput, NotFound, StaleObjectError
from domain.inventory.product import UnknownSku
from domain.orders.order import (
    OrderStatus,
    OrderStatusForbids,
    OrderTotalTooLarge,
    ReferenceTaken,
    ReturnTooLarge,
)
from unit.application.house import House, an_order_of


class TestPlacingAnOrder:
    def test_answers_what_readers_will_see(self, house: House) -> None:
        house.a_product()
        placed = house.an_order(reference="PO-1", note="n", address="a", email="e@example.org")
        assert house.views().order(placed.id) == placed
        assert (placed.version, placed.status, placed.total) == (1, OrderStatus.PENDING, "8.40")
        assert (placed.reference, placed.note, placed.address) == ("PO-1", "n", "a")

    def test_is_dated_now_unless_it_is_imported(self, house: House) -> None:
        house.a_product()
        past = NOON - timedelta(days=9_000)
        fresh, imported = house.an_order(), house.an_order(ordered_at=past)
        assert fresh.ordered_at == fresh.created_at
        assert (imported.ordered_at, imported.created_at > NOON) == (past, True)

    def test_records_which_products_were_meant(self, house: House) -> None:
        product = house.a_product()
        order = house.an_order()
        with house.transaction() as uow:
            assert uow.orders.get(order.id).lines[0].product_id == product.id

    @pytest.mark.parametrize(
        ("fields", "refusal", "named"),
        [
            ({"currency": "XXX"}, InvalidInput, "currency"),
            ({"customer_ref": ""}, InvalidInput, "customer_ref"),
            ({"lines": ()}, InvalidInput, "lines"),
            ({"ordered_at": NOON + timedelta(days=3)}, InvalidInput, "ordered_at"),
            ({"lines": an_order_of("TEA-1", "NONE").lines}, UnknownSku, "lines[1].sku"),
        ],
    )
    def test_names_what_it_refuses(
        self, house: House, fields: dict[str, object], refusal: type[DomainError], named: str
    ) -> None:
        house.a_product()
        with pytest.raises(refusal) as caught:
            house.an_order(**fields)
        assert caught.value.data["field"] == named
        assert house.views().orders(OrderFilter()).items == ()

    @pytest.mark.parametrize("price", ["4.205", "-1", "four"])
    def test_names_the_line_whose_price_it_refuses(self, house: House, price: str) -> None:
        house.a_product()
        lines = an_order_of("TEA-1", "TEA-1").lines
        bad = type(lines[0])(sku="TEA-1", quantity=1, unit_price=price)
        with pytest.raises(InvalidInput) as caught:
            house.an_order(lines=(lines[0], bad))
        assert caught.value.data["field"] == "lines[1].unit_price"

    def test_refuses_a_total_that_is_no_amount(self, house: House) -> None:
        house.a_product()
        line = an_order_of("TEA-1").lines[0]
        with pytest.raises(OrderTotalTooLarge):
            house.an_order(lines=(type(line)(sku="TEA-1", quantity=2, unit_price="9999999999999.99"),))

    def test_refuses_a_reference_that_is_taken(self, house: House) -> None:
        house.a_product()
        house.an_order(reference="PO-1")
        with pytest.raises(ReferenceTaken):
            house.an_order(reference="PO-1")


class TestChangingAnOrder:
    def test_answers_what_readers_will_see(self, house: House) -> None:
        house.a_product()
        order = house.an_order()
        amended = house.amend_order.handle(
            AmendOrder(order_id=order.id, expected_version=1, note="n"), house.context
        ).result
        assert (amended.version, amended.note, amended.address) == (2, "n", "")
        assert house.views().order(order.id) == amended
        cancelled = house.cancel_order.handle(
            CancelOrder(order_id=order.id, expected_version=2, reason="r"), house.context
        ).result
        assert (cancelled.version, cancelled.status, cancelled.cancel_reason) == (3, "cancelled", "r")
        assert house.views().order(order.id) == cancelled

    @pytest.mark.promise("L4")
    def test_to_what_it_is_answers_the_same_version(self, house: House) -> None:
        house.a_product()
        order = house.an_order(note="n")
        command = AmendOrder(order_id=order.id, expected_version=1, note="n")
        assert house.amend_order.handle(command, house.context).result == order

    @pytest.mark.promise("L1")
    def test_refuses_a_stale_version(self, house: House) -> None:
        house.a_product()
        order = house.an_order()
        for change in (
            lambda: house.amend_order.handle(
                AmendOrder(order_id=order.id, expected_version=2, note="n"), house.context
            ),
            lambda: house.cancel_order.handle(
                CancelOrder(order_id=order.id, expected_version=7, reason="r"), house.context
            ),
        ):
            with pytest.raises(StaleObjectError):
                change()
        assert house.views().order(order.id) == order

    def test_refuses_what_the_state_forbids(self, house: House) -> None:
        house.a_product()
        order = house.an_order()
        cancel = CancelOrder(order_id=order.id, expected_version=None, reason="r")
        house.cancel_order.handle(cancel, house.context)
        with pytest.raises(OrderStatusForbids):
            house.cancel_order.handle(cancel, house.context)
        assert house.views().order(order.id).version == 2

    def test_of_an_unknown_id_is_not_found(self, house: House) -> None:
        for change in (
            lambda: house.amend_order.handle(
                AmendOrder(order_id=new_id(), expected_version=None), house.context
            ),
            lambda: house.cancel_order.handle(
                CancelOrder(order_id=new_id(), expected_version=None, reason="r"), house.context
            ),
        ):
            with pytest.raises(NotFound):
                change()


class TestAnOrderAtAVersion:
    def at(self, house: House, order_id: UUID, version: int) -> OrderView:
        return house.order_at_version.handle(
            OrderAtVersion(order_id=order_id, version=version), house.context
        )

    @pytest.mark.promise("E5")
    def test_is_what_it_was(self, house: House) -> None:
        house.a_product()
        versions = [house.an_order()]
        for number in range(1, 4):
            command = AmendOrder(order_id=versions[0].id, expected_version=number, note=f"note {number}")
            versions.append(house.amend_order.handle(command, house.context).result)
        assert [self.at(house, versions[0].id, view.version) for view in versions] == versions

    @pytest.mark.promise("E5")
    def test_is_found_beyond_one_page_of_events(self, house: House) -> None:
        house.a_product()
        order_id = house.an_order().id
        with house.transaction() as uow:
            order = uow.orders.get(order_id)
            for number in range(EVENTS_READ_MAX + 5):
                order.amend(note=f"note {number}", at=NOON)
            uow.orders.save(order)
        assert self.at(house, order_id, EVENTS_READ_MAX + 3).note == f"note {EVENTS_READ_MAX + 1}"

    @pytest.mark.parametrize("version", [0, 2, 5_000])
    def test_that_it_never_had_is_named(self, house: House, version: int) -> None:
        house.a_product()
        order = house.an_order()
        with pytest.raises(VersionNotReached) as refusal:
            self.at(house, order.id, version)
        assert str(refusal.value) == f"The order {order.id} never had a version {version}."

    def test_of_an_unknown_id_is_not_found(self, house: House) -> None:
        product = house.a_product()
        for stranger in (new_id(), product.id):
            with pytest.raises(NotFound) as refusal:
                self.at(house, stranger, 1)
            assert refusal.value.code == "not-found"


class TestAnOrderOnItsWay:
    def delivered(self, house: House) -> OrderView:
        """An order of two TEA-1 that was delivered by the use cases; the confirmation is internal."""
        house.a_product()
        order_id = house.an_order().id
        with house.transaction() as uow:
            order = uow.orders.get(order_id)
            order.confirm(at=house.now())
            uow.orders.save(order)
        house.ship_order.handle(ShipOrder(order_id=order_id, expected_version=2), house.context)
        deliver = DeliverOrder(order_id=order_id, expected_version=3)
        return house.deliver_order.handle(deliver, house.context).result

    def returning(self, order: OrderView, quantity: int, version: int | None) -> ReturnOrderLines:
        lines = (ReturnOrderLine(sku="TEA-1", quantity=quantity),)
        return ReturnOrderLines(order_id=order.id, expected_version=version, lines=lines, reason="open")

    def test_answers_what_readers_will_see(self, house: House) -> None:
        delivered = self.delivered(house)
        assert (delivered.version, delivered.status) == (4, "delivered")
        back = house.return_order_lines.handle(self.returning(delivered, 1, 4), house.context).result
        assert (back.version, back.status, back.lines[0].returned) == (5, "delivered", 1)
        assert house.views().order(delivered.id) == back

    def test_takes_no_more_back_than_is_out(self, house: House) -> None:
        delivered = self.delivered(house)
        house.return_order_lines.handle(self.returning(delivered, 1, None), house.context)
        with pytest.raises(ReturnTooLarge):
            house.return_order_lines.handle(self.returning(delivered, 2, None), house.context)
        assert house.views().order(delivered.id).version == 5

    @pytest.mark.promise("L1")
    def test_refuses_a_stale_version(self, house: House) -> None:
        delivered = self.delivered(house)
        for change in (
            lambda: house.return_order_lines.handle(self.returning(delivered, 1, 3), house.context),
            lambda: house.ship_order.handle(
                ShipOrder(order_id=delivered.id, expected_version=3), house.context
            ),
            lambda: house.deliver_order.handle(
                DeliverOrder(order_id=delivered.id, expected_version=3), house.context
            ),
        ):
            with pytest.raises(StaleObjectError):
                change()
        assert house.views().order(delivered.id) == delivered


class TestAnOrderAtATime:
    def at(self, house: House, order_id: UUID, at: datetime) -> OrderView:
        return house.order_at_time.handle(OrderAtTime(order_id=order_id, at=at), house.context)

    @pytest.mark.promise("E5")
    def test_is_what_it_was(self, house: House) -> None:
        house.a_product()
        versions = [house.an_order()]
        for number in range(1, 4):
            command = AmendOrder(order_id=versions[0].id, expected_version=number, note=f"note {number}")
            versions.append(house.amend_order.handle(command, house.context).result)
        tick = timedelta(microseconds=1)
        for before, after in pairwise(versions):
            assert self.at(house, before.id, before.updated_at) == before
            assert self.at(house, before.id, after.updated_at - tick) == before
        assert self.at(house, versions[0].id, versions[-1].updated_at + timedelta(days=900)) == versions[-1]

    def test_before_it_was_placed_is_not_found(self, house: House) -> None:
        house.a_product()
        order = house.an_order()
        with pytest.raises(NotYetPlaced):
            self.at(house, order.id, order.created_at - timedelta(microseconds=1))

    def test_of_an_unknown_id_is_not_found(self, house: House) -> None:
        product = house.a_product()
        for stranger in (new_id(), product.id):
            with pytest.raises(NotFound) as refusal:
                self.at(house, stranger, NOON + timedelta(days=1))
            assert refusal.value.code == "not-found"
