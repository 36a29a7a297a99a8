"""What an operation needs before it can succeed."""

from __future__ import annotations

from uuid import UUID

from application.ports.outbox import Wake
from builders import a_context, a_product
from domain.inventory.events import ProductCreated
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
