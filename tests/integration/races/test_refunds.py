"""Many who want money of one payment back at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from uuid import UUID

import pytest

from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.system_clock import back_off, new_id
from application.conflict_retry import Overloaded
from application.payments.refund_payment import RefundPayment, RefundPaymentHandler
from builders import NOON, a_context
from domain.money import Money
from domain.payments.payment import Payment, RefundTooLarge
from integration.fulfilling import now
from unit.contracts.threads import Threads

CALLERS = 8
TRIES_MAX = 1_000


@pytest.mark.promise("M1", "L1")
def test_never_get_more_than_was_taken(tenant_id: UUID, release_thread: Callable[[], None]) -> None:
    context = a_context(tenant_id=tenant_id)
    payment = Payment.request(
        id=new_id(), order_id=new_id(), attempt=1, amount=Money(1000, "EUR"), method="tok", at=NOON
    )
    payment.authorise("pay-1", at=NOON)
    payment.capture(at=NOON)
    with DjangoUnitOfWork(context) as uow:
        uow.payments.save(payment)
    handler = RefundPaymentHandler(DjangoUnitOfWork, now, new_id, back_off)

    def ask(number: int) -> bool:
        for _ in range(TRIES_MAX):
            try:
                handler.handle(RefundPayment(payment_id=payment.id, amount="3.00"), context)
                return True
            except Overloaded:
                continue
            except RefundTooLarge:
                return False
        raise AssertionError("never its turn")

    outcomes = Threads(release_thread).race(CALLERS, ask)
    assert [outcome.error for outcome in outcomes] == [None] * CALLERS
    assert Counter(outcome.result for outcome in outcomes) == {True: 3, False: CALLERS - 3}
    with DjangoUnitOfWork(context) as uow:
        stored = uow.payments.get(payment.id)
        sagas = [uow.sagas.of_subject(refund.id) for refund in stored.refunds]
    assert (len(stored.refunds), stored.refundable) == (3, Money(100, "EUR"))
    assert None not in sagas
