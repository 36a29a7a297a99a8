"""An order's fulfilment from end to end in memory, without crashes; tests/simulation has those."""

from __future__ import annotations

import pytest

from application.ports.payment_gateway import GatewayRefused, GatewayReply
from application.sagas import advance_saga
from application.sagas.advance_saga import Heard
from builders import after_noon
from domain.errors import StaleObjectError
from domain.money import Money
from domain.saga.progress import Action, SagaStatus, StepState
from simulation.crash_world import CrashWorld, Ending

PAID = Ending(
    order="confirmed",
    saga="completed",
    payments=(("captured", 1),),
    ledger=((840, 840, False),),
    stock=(8, 0, 2),
)


@pytest.mark.promise("M1", "M2")
@pytest.mark.parametrize("method", ["good", "mute_before", "mute_after", "flaky", "late"])
def test_a_paid_order_is_confirmed_and_its_goods_are_sold(method: str) -> None:
    world = CrashWorld(method)
    world.work()
    assert world.ending() == PAID


@pytest.mark.promise("S1")
def test_stock_that_does_not_suffice_costs_one_void_and_cancels_the_order() -> None:
    world = CrashWorld("good", on_hand=1)
    world.work()
    end = world.ending()
    assert (end.order, end.payments, end.ledger) == ("cancelled", (("voided", 1),), ((840, 0, True),))
    assert "2 wanted, 1 on hand" in (world.stored_order().cancel_reason or "")
    assert end.stock == (1, 0, 0)


def test_a_free_order_asks_no_gateway() -> None:
    world = CrashWorld("good", price="0.00")
    world.work()
    end = world.ending()
    assert (end.order, end.payments, end.ledger, end.stock) == ("confirmed", (), (), (8, 0, 2))


@pytest.mark.promise("S5")
def test_a_capture_that_is_refused_undoes_both_steps_before_it() -> None:
    world = CrashWorld("no_capture")
    world.work()
    end = world.ending()
    assert (end.order, end.payments, end.stock) == ("cancelled", (("voided", 1),), (10, 0, 0))


@pytest.mark.promise("S10")
def test_a_declined_payment_waits_and_the_order_is_cancelled_at_the_deadline() -> None:
    world = CrashWorld("declined")
    world.work(until=lambda saga: saga.status is SagaStatus.WAITING)
    assert (world.stored_order().status.value, world.ending().payments) == (
        "awaiting_payment",
        (("declined", 1),),
    )
    world.work()
    assert world.stored_order().cancel_reason == "the time limit has passed"


def test_a_further_try_pays_by_another_method() -> None:
    world = CrashWorld("declined")
    world.work(until=lambda saga: saga.status is SagaStatus.WAITING)
    with world.open(world.context) as uow:
        order, saga = uow.orders.get(world.order_id), uow.sagas.get(world.saga_id)
        order.pay_again("good", at=world.at)
        saga.try_anew(at=world.at)
        uow.orders.save(order)
        uow.sagas.save(saga)
    world.work()
    end = world.ending()
    assert (end.order, end.payments) == ("confirmed", (("declined", 1), ("captured", 2)))


@pytest.mark.promise("S11")
def test_a_cancelled_order_gets_its_money_back() -> None:
    world = CrashWorld("mute_after")
    world.work(until=lambda saga: saga.progress("authorise").tries == 1)
    world.cancel()
    world.work()
    end = world.ending()
    assert (end.order, end.payments, end.ledger) == ("cancelled", (("voided", 1),), ((840, 0, True),))
    assert world.stored_order().cancel_reason == "changed my mind"


def test_an_error_without_a_name_counts_as_unclear(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = CrashWorld("good")
    calls: list[str] = []
    authorise = world.bank.authorise

    def explode_once(key: str, **rest: object) -> GatewayReply:
        calls.append(key)
        if len(calls) == 1:
            raise ZeroDivisionError
        return authorise(key, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(world.bank, "authorise", explode_once)
    world.work()
    assert world.ending() == PAID
    assert len(set(calls)) == 1
    assert "failed" in caplog.text


def test_a_call_that_the_gateway_calls_wrong_is_told_loudly_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = CrashWorld("good")
    with monkeypatch.context() as patch:

        def refuse(key: str, **rest: object) -> GatewayReply:
            raise GatewayRefused(problem="the token is wrong")

        patch.setattr(world.bank, "authorise", refuse)
        world.work(until=lambda saga: saga.progress("authorise").tries == 3)
    assert "the token is wrong" in caplog.text
    world.work()
    assert world.ending() == PAID


def test_an_order_that_is_amended_meanwhile_is_confirmed_as_it_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = CrashWorld("good")
    capture = world.bank.capture

    def amend_then_capture(key: str, *, payment_id: str, amount: Money) -> GatewayReply:
        with world.open(world.context) as uow:
            order = uow.orders.get(world.order_id)
            order.amend(note="ring twice", at=after_noon(1))
            uow.orders.save(order)
        return capture(key, payment_id=payment_id, amount=amount)

    monkeypatch.setattr(world.bank, "capture", amend_then_capture)
    world.work()
    assert world.ending() == PAID
    assert world.stored_order().note == "ring twice"


def test_a_commit_that_comes_second_is_repeated_over_the_new_state(monkeypatch: pytest.MonkeyPatch) -> None:
    world = CrashWorld("good")
    refusals = [StaleObjectError(kind="order", id="x", current_version=2)] * 3
    advance = advance_saga.AdvanceSagaHandler._advance

    def refuse_first(self: object, *args: object, **rest: object) -> object:
        if refusals:
            raise refusals.pop()
        return advance(self, *args, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(advance_saga.AdvanceSagaHandler, "_advance", refuse_first)
    world.work()
    assert world.ending() == PAID


def test_a_saga_with_much_to_do_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advance_saga, "CALLS_PER_CLAIM_MAX", 1)
    world = CrashWorld("good")
    assert world.handler.handle(world.context.tenant_id, world.saga_id) == 1
    assert world.saga().progress("reserve").state is StepState.DONE
    assert world.handler.handle(world.context.tenant_id, world.saga_id) == 1
    assert world.ending() == PAID


@pytest.mark.promise("S9")
def test_a_late_reply_to_an_undo_is_kept_and_no_more() -> None:
    world = CrashWorld("good", on_hand=1)
    (due,) = world.handler.begin(world.context.tenant_id, [world.saga_id])
    outcome = due.steps.call(due.directive, due.key, due.prepared)
    (undo,) = world.handler.go_on([Heard(due, outcome)])
    assert undo.directive.action is Action.UNDO
    world.recover()
    world.work()
    before = world.saga().version
    reply = undo.steps.call(undo.directive, undo.key, undo.prepared)
    assert world.handler.go_on([Heard(undo, reply)]) == []
    assert world.saga().version == before
    replies = world.handler.late_replies.list(
        world.context.tenant_id, saga_id=world.saga_id, after=None, limit=9
    )
    assert [reply.key for reply in replies] == [undo.key]
