"""Retries after a conflict: bounded, from the start, and not where the caller named a version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from adapters.memory.database import InMemoryDatabase
from application.conflict_retry import Overloaded, retry_on_conflict
from application.inventory.receive_stock import ReceiveStock
from application.inventory.rename_product import RenameProduct
from application.orders.amend_order import AmendOrder
from application.ports.unit_of_work import CommandContext, StoreUnavailable, TransactionConflict
from builders import NOON, a_context, a_key, after_noon
from domain.errors import StaleObjectError
from unit.application.house import House
from unit.contracts.threads import Threads

TRIES_MAX = 4


@dataclass(frozen=True)
class Command:
    """Something to do, perhaps at a version."""

    expected_version: int | None = None


@dataclass
class Handler:
    """Meets the given conflicts, one a try, then succeeds."""

    conflicts: list[Exception]
    tries: int = 0
    back_offs: list[int] = field(default_factory=list)

    @property
    def back_off(self) -> Callable[[int], None]:
        return self.back_offs.append

    @retry_on_conflict(tries_max=TRIES_MAX)
    def handle(self, command: Command, context: CommandContext) -> str:
        """Try once."""
        self.tries += 1
        if self.conflicts:
            raise self.conflicts.pop(0)
        return "done"


def stale() -> StaleObjectError:
    """Somebody else was first."""
    return StaleObjectError(kind="order", id="7", current_version=3)


class TestAConflict:
    @pytest.mark.promise("L7")
    @pytest.mark.parametrize("conflicts", [0, 1, TRIES_MAX - 1])
    def test_is_tried_again_after_a_pause(self, conflicts: int) -> None:
        handler = Handler([stale() for _ in range(conflicts)])
        assert handler.handle(Command(), a_context()) == "done"
        assert handler.tries == conflicts + 1
        assert handler.back_offs == list(range(2, conflicts + 2))

    @pytest.mark.promise("L7")
    @pytest.mark.parametrize("conflict", [stale, TransactionConflict])
    def test_ends_in_overload_after_the_last_try(self, conflict: Callable[[], Exception]) -> None:
        handler = Handler([conflict() for _ in range(TRIES_MAX + 5)])
        with pytest.raises(Overloaded) as refusal:
            handler.handle(Command(), a_context())
        assert (handler.tries, refusal.value.data) == (TRIES_MAX, {"tries": TRIES_MAX})
        assert handler.back_offs == list(range(2, TRIES_MAX + 1))

    @pytest.mark.promise("L7", "L1")
    def test_is_the_answer_where_the_caller_named_a_version(self) -> None:
        handler = Handler([stale()])
        with pytest.raises(StaleObjectError):
            handler.handle(Command(expected_version=2), a_context())
        assert (handler.tries, handler.back_offs) == (1, [])

    @pytest.mark.promise("L7")
    def test_of_transactions_is_tried_again_even_for_a_version(self) -> None:
        handler = Handler([TransactionConflict()])
        assert handler.handle(Command(expected_version=2), a_context()) == "done"

    def test_is_not_what_any_other_error_is(self) -> None:
        handler = Handler([StoreUnavailable(retry_after_s=1)])
        with pytest.raises(StoreUnavailable):
            handler.handle(Command(), a_context())
        assert handler.tries == 1


class TestAUseCase:
    @pytest.mark.promise("L7")
    def test_loads_and_decides_again(self, house: House) -> None:
        house.a_product()
        order = house.an_order()

        def interfere() -> None:
            with house.transaction() as uow:
                rival = uow.orders.get(order.id)
                rival.amend(address="the rival's", at=after_noon(1))
                uow.orders.save(rival)

        handler = _interrupted(house.amend_order, interfere)
        command = AmendOrder(order_id=order.id, expected_version=None, note="ours")
        answer = handler.handle(command, house.keyed(a_key())).result
        assert (answer.version, answer.note, answer.address) == (3, "ours", "the rival's")
        assert house.back_offs == [2]

    @pytest.mark.promise("L7", "L1")
    def test_at_a_named_version_loses_to_a_rival(self, house: House) -> None:
        house.a_product()

        def interfere() -> None:
            with house.transaction() as uow:
                rival = uow.products.get("TEA-1")
                rival.rename("the rival's", at=after_noon(1))
                uow.products.save(rival)

        handler = _interrupted(house.rename_product, interfere)
        with pytest.raises(StaleObjectError):
            handler.handle(RenameProduct(sku="TEA-1", expected_version=1, name="ours"), house.context)
        assert (house.views().product("TEA-1").name, house.back_offs) == ("the rival's", [])

    @pytest.mark.promise("L7")
    def test_gives_up_on_a_row_that_never_becomes_free(self) -> None:
        house = House(database=InMemoryDatabase(now=lambda: NOON, lock_wait_s_max=0.01))
        house.a_product()
        threads = Threads(lambda: None)
        held = threads.hold_open(house.transaction(), lambda uow: uow.stock_items.get_for_update("TEA-1"))
        with pytest.raises(Overloaded):
            house.receive_stock.handle(ReceiveStock(sku="TEA-1", quantity=1), house.context)
        assert house.back_offs == [2, 3]
        held.roll_back()
        assert (
            house.receive_stock.handle(ReceiveStock(sku="TEA-1", quantity=1), house.context).result.on_hand
            == 1
        )


def _interrupted(handler, interfere: Callable[[], None]):
    """The handler with a clock that lets a rival in between, once, after the handler has loaded."""
    pending = [interfere]
    now = handler.now

    def clock():
        if pending:
            pending.pop()()
        return now()

    return type(handler)(handler.open_unit_of_work, clock, handler.back_off)
