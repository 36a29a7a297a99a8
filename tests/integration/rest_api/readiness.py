"""What an operation needs before it can succeed."""

from __future__ import annotations

from entrypoints.http_messages.operations import DELETE_ORDER, RESTORE_ORDER, RESTORE_PRODUCT, Operation
from integration.rest_api.checked_client import Answer, CheckedClient


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
