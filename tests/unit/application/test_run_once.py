"""One lasting answer for each idempotency key, seen through the use cases."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from adapters.system_clock import new_id
from application.inventory.create_product import CreateProduct
from application.inventory.receive_stock import ReceiveStock
from application.orders.amend_order import AmendOrder
from application.orders.cancel_order import CancelOrder
from application.ports.read_models import OrderFilter
from application.run_once import ReplayedRefusal
from builders import a_key
from domain.errors import InvalidInput, NotFound, StaleObjectError
from domain.idempotency import KeyReused, RequestInProgress
from domain.inventory.product import SkuTaken, UnknownSku
from domain.orders.order import OrderStatusForbids, ReferenceTaken
from unit.application.house import House, an_order_of
from unit.contracts.binding import rolled_back


class TestARequestWithoutAKey:
    def test_is_carried_out_each_time(self, house: House) -> None:
        house.a_product()
        answers = [house.place_order.handle(an_order_of("TEA-1"), house.context) for _ in range(2)]
        assert [answer.replayed for answer in answers] == [False, False]
        assert answers[0].result.id != answers[1].result.id


class TestARepeatedRequest:
    @pytest.mark.promise("H2")
    def test_gets_the_first_answer_again(self, house: House) -> None:
        house.a_product()
        context = house.keyed(a_key())
        first, again = (house.place_order.handle(an_order_of("TEA-1"), context) for _ in range(2))
        assert (first.replayed, again.replayed) == (False, True)
        assert again.result == first.result
        assert house.views().orders(OrderFilter()).items == (first.result,)

    @pytest.mark.promise("H2")
    def test_gets_the_answer_as_it_was_though_the_world_went_on(self, house: House) -> None:
        house.a_product()
        context = house.keyed(a_key())
        first = house.place_order.handle(an_order_of("TEA-1"), context)
        house.amend_order.handle(
            AmendOrder(order_id=first.result.id, expected_version=1, note="n"), house.context
        )
        assert house.place_order.handle(an_order_of("TEA-1"), context).result == first.result

    @pytest.mark.promise("H12", "L8")
    def test_gets_the_first_answer_though_its_version_is_stale_by_now(self, house: House) -> None:
        house.a_product()
        order = house.an_order()
        cancel = CancelOrder(order_id=order.id, expected_version=1, reason="r")
        context = house.keyed(a_key())
        first = house.cancel_order.handle(cancel, context)
        again = house.cancel_order.handle(cancel, context)
        assert (again.replayed, again.result, again.result.version) == (True, first.result, 2)

    @pytest.mark.promise("H2")
    def test_moves_stock_once(self, house: House) -> None:
        house.a_product()
        context = house.keyed(a_key())
        for _ in range(3):
            house.receive_stock.handle(ReceiveStock(sku="TEA-1", quantity=5), context)
        assert house.views().stock("TEA-1").on_hand == 5

    @pytest.mark.promise("H3")
    def test_of_another_content_is_refused_and_changes_nothing(self, house: House) -> None:
        house.a_product()
        first = house.place_order.handle(an_order_of("TEA-1"), house.keyed(a_key()))
        with pytest.raises(KeyReused):
            house.place_order.handle(an_order_of("TEA-1"), house.keyed(a_key(content="another")))
        assert house.place_order.handle(an_order_of("TEA-1"), house.keyed(a_key())).result == first.result

    @pytest.mark.promise("H6")
    def test_of_another_caller_is_a_request_of_its_own(self, house: House) -> None:
        house.a_product()
        context = house.keyed(a_key())
        ours = house.place_order.handle(an_order_of("TEA-1"), context)
        theirs = house.place_order.handle(an_order_of("TEA-1"), replace(context, actor="bob"))
        assert not theirs.replayed
        assert theirs.result.id != ours.result.id

    @pytest.mark.promise("H4")
    def test_beside_the_first_is_told_to_wait(self, house: House) -> None:
        create = CreateProduct(sku="TEA-1", name="Tea")
        with rolled_back(house.open_unit_of_work(house.keyed(a_key()))) as uow:
            assert uow.once(a_key(), int) is None
            with pytest.raises(RequestInProgress) as refusal:
                house.create_product.handle(create, house.keyed(a_key()))
        assert refusal.value.data == {"retry_after_s": 1}
        assert not house.create_product.handle(create, house.keyed(a_key())).replayed


class TestARefusal:
    @pytest.mark.promise("H8")
    def test_of_a_rule_is_kept_and_replayed_word_for_word(self, house: House) -> None:
        context = house.keyed(a_key())
        with pytest.raises(UnknownSku) as first:
            house.place_order.handle(an_order_of("TEA-1"), context)
        house.a_product()  # It would succeed now; the lasting answer stands.
        with pytest.raises(ReplayedRefusal) as again:
            house.place_order.handle(an_order_of("TEA-1"), context)
        assert str(again.value) == str(again.value.refusal) == str(first.value)
        assert (again.value.refusal.code, again.value.refusal.data) == (first.value.code, first.value.data)
        assert house.views().orders(OrderFilter()).items == ()

    @pytest.mark.promise("H8")
    def test_that_comes_with_the_write_is_kept_and_undoes_the_writes(self, house: House) -> None:
        house.a_product()
        context = house.keyed(a_key())
        with pytest.raises(SkuTaken):
            house.create_product.handle(CreateProduct(sku="TEA-1", name="Other"), context)
        with pytest.raises(ReplayedRefusal) as again:
            house.create_product.handle(CreateProduct(sku="TEA-1", name="Other"), context)
        assert isinstance(again.value.refusal, SkuTaken)
        with house.transaction() as uow:
            assert len(uow.events.read(0)) == 2

    @pytest.mark.promise("H8")
    def test_by_the_state_of_an_order_is_kept(self, house: House) -> None:
        house.a_product()
        order = house.an_order()
        cancel = CancelOrder(order_id=order.id, expected_version=None, reason="r")
        house.cancel_order.handle(cancel, house.context)
        context = house.keyed(a_key())
        for expected in (OrderStatusForbids, ReplayedRefusal, ReplayedRefusal):
            with pytest.raises(expected):
                house.cancel_order.handle(cancel, context)

    @pytest.mark.promise("H7")
    def test_that_is_not_for_good_leaves_the_key_free(self, house: House) -> None:
        house.a_product()
        order = house.an_order()
        context = house.keyed(a_key())

        def amend(**fields: Any) -> AmendOrder:
            return replace(AmendOrder(order_id=order.id, expected_version=1, note="n"), **fields)

        for command, refusal in (
            (amend(order_id=new_id()), NotFound),
            (amend(expected_version=9), StaleObjectError),
            (amend(note="\x00"), InvalidInput),
        ):
            with pytest.raises(refusal):
                house.amend_order.handle(command, context)
        assert not house.amend_order.handle(amend(), context).replayed

    def test_without_a_key_is_kept_nowhere(self, house: House) -> None:
        house.a_product()
        house.an_order(reference="PO-1")
        for _ in range(2):
            with pytest.raises(ReferenceTaken):
                house.an_order(reference="PO-1")

    @pytest.mark.promise("H9")
    def test_by_an_unexpected_error_leaves_no_trace(self, house: House) -> None:
        context = house.keyed(a_key())
        broken = replace(house.create_product, now=_broken_clock)
        with pytest.raises(ZeroDivisionError):
            broken.handle(CreateProduct(sku="TEA-1", name="Tea"), context)
        assert not house.create_product.handle(CreateProduct(sku="TEA-1", name="Tea"), context).replayed


def _broken_clock() -> datetime:
    raise ZeroDivisionError
