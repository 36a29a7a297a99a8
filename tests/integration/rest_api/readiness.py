"""What an operation needs before it can succeed."""

from __future__ import annotations

from uuid import UUID

from adapters.system_clock import new_id
from application.orders.fulfil_order import follow_fulfilment
from application.ports.outbox import Wake
from application.ports.reject_views import RejectFilter
from builders import NOON, a_context, a_product, an_intake
from domain.inventory.events import ProductCreated
from domain.orders.fulfilment import AUTHORISE, ORDER_FULFILMENT
from domain.payments.payment import Payment
from domain.saga.outcome import StepRefused
from domain.saga.progress import Direction
from domain.saga.saga import Saga
from domain.telemetry.batch import Reject
from domain.telemetry.reading import RejectReason
from entrypoints.container import Container
from entrypoints.http_messages.operation import Operation
from entrypoints.http_messages.order_operations import DELETE_ORDER, RESTORE_ORDER
from entrypoints.http_messages.product_operations import RESTORE_PRODUCT
from integration.rest_api.checked_client import Answer, CheckedClient

MAILER = "mailer"


def parked_message(container: Container, tenant_id: UUID, consumer: str = MAILER) -> UUID:
    """The id of a new dead letter: the creation of a product, which the consumer could not handle."""
    product = a_product()
    reacting = {ProductCreated: (consumer,)}
    with container.unit_of_work(a_context(tenant_id=tenant_id), subscriptions=reacting) as uow:
        uow.products.save(product)
    message = container.message_claims().claim(Wake(tenant_id, consumer, product.id))
    assert message is not None
    container.message_claims().park(message, error="nobody answers")
    return message.id


def declined_payment(container: Container, tenant_id: UUID, order_id: UUID) -> UUID:
    """The id of the payment of an order that waits for a further try, as its saga does."""
    at = container.now()()
    saga = Saga.start(ORDER_FULFILMENT, id=new_id(), subject_id=order_id, at=at)
    saga.hear(AUTHORISE, 1, Direction.DO, StepRefused("insufficient_funds"), at=at, jitter=0)
    with container.unit_of_work(a_context(tenant_id=tenant_id)) as uow:
        follow_fulfilment(saga.pending_events, saga, uow, new_id)
        uow.sagas.save(saga)
        uow.flush()
        (payment,) = uow.payments.of_order(order_id)
    return payment.id


def captured_payment(container: Container, tenant_id: UUID, order_id: UUID) -> UUID:
    """The id of a payment whose money was taken."""
    with container.unit_of_work(a_context(tenant_id=tenant_id)) as uow:
        payment = Payment.request(
            id=new_id(),
            order_id=order_id,
            attempt=1,
            amount=uow.orders.get(order_id).total,
            method="tok_visa",
            at=NOON,
        )
        payment.authorise("pay-1", at=NOON)
        payment.capture(at=NOON)
        uow.payments.save(payment)
    return payment.id


def kept_reject(container: Container, tenant_id: UUID) -> UUID:
    """The id of a reject that can be stored now."""
    sent = '{"device": "pump-7", "metric": "temperature", "ts": "2026-01-01T00:00:00Z", "value": 21.5}'
    reject = Reject(0, RejectReason.UNKNOWN_DEVICE, "nobody has registered the device", sent)
    with container.unit_of_work(a_context(tenant_id=tenant_id)) as uow:
        uow.rejects.keep([reject])
    (kept,) = container.reject_views().list(tenant_id, RejectFilter()).items
    return kept.id


def kept_intake(container: Container, tenant_id: UUID) -> UUID:
    """The id of an intake that waits to be loaded."""
    intake = an_intake()
    with container.unit_of_work(a_context(tenant_id=tenant_id)) as uow:
        uow.intakes.save(intake)
    return intake.id


def made_ready(
    api: CheckedClient, operation: Operation, order: Answer, product: Answer
) -> tuple[Answer, Answer]:
    """The last answers about order and product, once both are as the operation needs them.

    An order can be deleted when it is cancelled, and what is restored must have been deleted.
    """
    path = order.headers["Location"]
    if operation.id in {DELETE_ORDER.id, RESTORE_ORDER.id}:
        tag = order.headers["ETag"]
        order = api.post(f"{path}/cancel", {"reason": "r"}, if_match=tag, idempotency_key="ready")
    if operation is RESTORE_ORDER:
        order = api.delete(path, if_match=order.headers["ETag"])
    if operation is RESTORE_PRODUCT:
        product = api.delete("/v1/products/TEA-1", if_match=product.headers["ETag"])
    return order, product
