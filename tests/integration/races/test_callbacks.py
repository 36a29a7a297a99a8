"""One callback, told by many at once."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from adapters.django_orm.saga_repositories import DjangoLateReplies, DjangoSagaDirectory
from adapters.django_orm.stray_replies import DjangoStrayReplies
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.system_clock import back_off, new_id
from application.conflict_retry import Overloaded
from application.orders.fulfil_order import FulfilOrder
from application.payments.hear_callback import HearCallback, HearCallbackHandler
from application.ports.payment_callbacks import PaymentCallback
from application.ports.payment_gateway import GatewayReply, Operation
from builders import a_context, a_product, an_order
from domain.money import Money
from domain.orders.fulfilment import AUTHORISE, ORDER_FULFILMENT
from domain.saga.progress import Direction, SagaStatus, call_key
from domain.saga.saga import Saga
from integration.fulfilling import now
from unit.contracts.threads import Threads

TELLERS = 20
TRIES_MAX = 1_000
ALL = 10_000


@pytest.mark.promise("S9", "M1")
def test_changes_one_thing_once_and_is_kept_once(tenant_id: UUID, release_thread: Callable[[], None]) -> None:
    context = a_context(tenant_id=tenant_id)
    product = a_product()
    order = an_order().with_line(product).placed()
    saga = Saga.start(ORDER_FULFILMENT, id=new_id(), subject_id=order.id, at=now())
    saga.cancel(reason="changed my mind", at=now())
    with DjangoUnitOfWork(context) as uow:
        uow.products.save(product)
        uow.orders.save(order)
        uow.sagas.save(saga)
    handler = HearCallbackHandler(
        directory=DjangoSagaDirectory(),
        late_replies=DjangoLateReplies(),
        stray_replies=DjangoStrayReplies(),
        steps={ORDER_FULFILMENT.name: FulfilOrder(None, new_id)},  # type: ignore[arg-type]  # nothing is called
        open_unit_of_work=DjangoUnitOfWork,
        now=now,
        back_off=back_off,
    )
    nobodys = new_id()

    def tell(number: int) -> None:
        for saga_id, attempt in ((saga.id, 1), (saga.id, 2), (nobodys, 1)):
            reply = GatewayReply(
                key=call_key(saga_id, AUTHORISE, attempt, Direction.DO),
                operation=Operation.AUTHORISE,
                payment_id="pay-1",
                amount=Money(420, "EUR"),
                declined=None,
                at=saga.created_at,
            )
            callback = PaymentCallback(id=f"{saga_id}.{attempt}", reply=reply)
            for _ in range(TRIES_MAX):
                try:
                    handler.handle(HearCallback(gateway="sandbox", callback=callback))
                    break
                except Overloaded:
                    continue

    outcomes = Threads(release_thread).race(TELLERS, tell)
    assert [outcome.error for outcome in outcomes] == [None] * TELLERS
    with DjangoUnitOfWork(context) as uow:
        found = uow.sagas.get(saga.id)
        (payment,) = uow.payments.of_order(order.id)
    assert (found.version, found.status) == (saga.version + 1, SagaStatus.COMPENSATING)
    assert (payment.status.value, payment.version) == ("authorised", 2)
    (late,) = DjangoLateReplies().list(tenant_id, saga_id=None, after=None, limit=ALL)
    assert (late.saga_id, late.key) == (saga.id, call_key(saga.id, AUTHORISE, 2, Direction.DO))
    strays = DjangoStrayReplies().list(after=None, limit=ALL)
    key = call_key(nobodys, AUTHORISE, 1, Direction.DO)
    assert [stray.key for stray in strays if stray.key == key] == [key]
