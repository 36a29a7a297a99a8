"""A worker ends at every point of a refund, and at each pair: the money is given back once, or not at all."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from typing import Final

import pytest

from adapters.memory.database import InMemoryDatabase
from adapters.memory.saga_repositories import InMemoryLateReplies
from adapters.memory.unit_of_work import InMemoryUnitOfWork
from adapters.system_clock import new_id
from application.payments.refund_payment import CarryOutRefund, RefundPayment, RefundPaymentHandler
from application.ports.sagas import SAGA_LEASE_S
from application.ports.unit_of_work import CommandContext
from application.sagas.advance_saga import AdvanceSagaHandler
from builders import NOON, a_context
from domain.money import Money
from domain.payments.payment import Payment
from domain.payments.refund import REFUND_SAGA
from domain.saga.progress import ENDED
from domain.saga.saga import Saga
from simulation.bank import Bank
from simulation.crash_world import Crash, Fragile, FragileUnitOfWork, Points

EXPECTED: Final = {
    "good": "refunded",
    "flaky": "refunded",
    "mute_before": "refunded",
    "mute_after": "refunded",
    "no_refund": "declined",
}
TAKEN: Final = Money(840, "EUR")
PART: Final = 300
ROUNDS_MAX: Final = 50


class RefundWorld:
    """One payment that was taken, a part of which is asked back, and workers that come one after the other."""

    def __init__(self, method: str) -> None:
        self.at = NOON
        self.points = Points()
        self.bank = Bank(self.now)
        self.database = InMemoryDatabase(now=self.now)
        self.context = a_context()
        payment = Payment.request(
            id=new_id(), order_id=new_id(), attempt=1, amount=TAKEN, method=method, at=NOON
        )
        authorised = self.bank.authorise("a", order_id=payment.order_id, amount=TAKEN, method="good")
        self.bank.capture("c", payment_id=authorised.payment_id, amount=TAKEN)
        self.bank.change_method(authorised.payment_id, method)
        payment.authorise(authorised.payment_id, at=NOON)
        payment.capture(at=NOON)
        with self.open(self.context) as uow:
            uow.payments.save(payment)
        self.payment_id = payment.id
        ask = RefundPaymentHandler(self.open, self.now, new_id, back_off=lambda _: None)
        answer = ask.handle(RefundPayment(payment_id=payment.id, amount="3.00"), self.context)
        self.refund_id = answer.result.refunds[0].id
        with self.open(self.context) as uow:
            saga = uow.sagas.of_subject(self.refund_id)
        assert saga is not None
        self.saga_id = saga.id

        class Unit(FragileUnitOfWork):
            pass

        Unit.points = self.points
        self.handler = AdvanceSagaHandler(
            late_replies=Fragile(InMemoryLateReplies(self.database), "late replies", self.points),
            steps={REFUND_SAGA.name: CarryOutRefund(Fragile(self.bank, "bank", self.points))},
            open_unit_of_work=functools.partial(Unit, database=self.database),
            now=self.now,
            new_id=new_id,
            jitter=lambda: 0.0,
        )

    def now(self) -> datetime:
        return self.at

    def open(self, context: CommandContext) -> InMemoryUnitOfWork:
        return InMemoryUnitOfWork(context, database=self.database)

    def saga(self) -> Saga:
        with self.open(self.context) as uow:
            return uow.sagas.get(self.saga_id)

    def work(self) -> None:
        """Until it has ended, while time passes."""
        for _ in range(ROUNDS_MAX):
            self.handler.handle(self.context.tenant_id, self.saga_id)
            saga = self.saga()
            if saga.status in ENDED:
                return
            assert saga.due_at is not None
            self.at = max(self.at + timedelta(milliseconds=1), saga.due_at)
        raise AssertionError(f"the saga never ends: {self.saga().steps}")

    def run(self, crashes: tuple[int, ...]) -> list[int]:
        """How many points were passed before each crash and after the last."""
        passed = []
        for crash_at in (*crashes, None):
            self.points.arm(crash_at)
            try:
                self.work()
            except Crash:
                passed.append(self.points.passed)
                self.at += timedelta(seconds=SAGA_LEASE_S)
                continue
            passed.append(self.points.passed)
            break
        self.points.arm(None)
        return passed

    def require_conservation(self, expected: str) -> None:
        """What the bank's ledger says and what the payment says are the same."""
        with self.open(self.context) as uow:
            payment = uow.payments.get(self.payment_id)
        (account,) = self.bank.accounts.values()
        given_back = PART if expected == "refunded" else 0
        assert account.refunded == payment.refunded.minor == given_back
        assert payment.refund_of(self.refund_id).status == expected
        assert payment.refundable.minor == TAKEN.minor - given_back


@pytest.mark.promise("S2", "S3", "M1")
@pytest.mark.parametrize("method", EXPECTED)
def test_gives_back_once_wherever_workers_end(method: str) -> None:
    expected = EXPECTED[method]
    (whole,) = RefundWorld(method).run(())
    assert whole >= 8
    for first in range(1, whole + 1):
        world = RefundWorld(method)
        _, rest = world.run((first,))
        world.require_conservation(expected)
        for second in range(1, rest + 1):
            again = RefundWorld(method)
            again.run((first, second))
            again.require_conservation(expected)
