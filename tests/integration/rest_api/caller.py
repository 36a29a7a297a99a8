"""Calls any operation rightly: with a fitting body, key and tag, on something in a state that allows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from builders import after_noon
from domain.orders.order import Order
from entrypoints.http_messages.device_operations import DESCRIBE_DEVICE, REGISTER_DEVICE, RESTORE_DEVICE
from entrypoints.http_messages.ingest_operations import INGEST_READINGS
from entrypoints.http_messages.operation import Operation
from entrypoints.http_messages.order_operations import (
    AMEND_ORDER,
    CANCEL_ORDER,
    DELIVER_ORDER,
    PLACE_ORDER,
    RETURN_ORDER_LINES,
    SHIP_ORDER,
)
from entrypoints.http_messages.payment_operations import PAY_AGAIN, REFUND_PAYMENT
from entrypoints.http_messages.product_operations import (
    ADJUST_STOCK,
    CREATE_PRODUCT,
    RECEIVE_STOCK,
    RENAME_PRODUCT,
)
from entrypoints.http_messages.reading_operations import LIST_LATEST_READINGS, LIST_READINGS
from entrypoints.http_messages.saga_operations import COMPENSATE_SAGA, RETRY_SAGA_STEP, SKIP_SAGA_STEP
from integration.rest_api.checked_client import Answer, CheckedClient
from integration.rest_api.readiness import made_ready

ORDER: dict[str, Any] = {
    "customer_ref": "c-17",
    "currency": "EUR",
    "lines": [{"sku": "TEA-1", "quantity": 2, "unit_price": "4.20"}],
    "payment_method": "tok_visa",
}
READING = {"device": "pump-9", "metric": "temperature", "ts": "2026-11-01T12:00:00Z", "value": 21.5}
NOBODYS_ID = "01a20c32-bf61-7484-938d-dc4ce4a621a2"
STEPS: tuple[Callable[[Order], None], ...] = (
    lambda order: order.confirm(at=after_noon(1)),
    lambda order: order.ship(at=after_noon(2)),
    lambda order: order.deliver(at=after_noon(3)),
)
BODIES: dict[str, Any] = {
    CREATE_PRODUCT.id: {"sku": "TEA-2", "name": "Tea"},
    RENAME_PRODUCT.id: {"name": "Green tea"},
    RECEIVE_STOCK.id: {"quantity": 5},
    ADJUST_STOCK.id: {"delta": 3, "reason": "found"},
    PLACE_ORDER.id: ORDER,
    AMEND_ORDER.id: {"note": "ring twice"},
    CANCEL_ORDER.id: {"reason": "a mistake"},
    RETRY_SAGA_STEP.id: {"step": "notify", "reason": "the mail server is back"},
    SKIP_SAGA_STEP.id: {"step": "notify", "reason": "told by telephone"},
    COMPENSATE_SAGA.id: {"reason": "the customer rang"},
    PAY_AGAIN.id: {"payment_method": "tok_visa"},
    REFUND_PAYMENT.id: {"amount": "4.20"},
    INGEST_READINGS.id: [READING],
    REGISTER_DEVICE.id: {"name": "pump-8"},
    DESCRIBE_DEVICE.id: {"description": "in the attic"},
    RETURN_ORDER_LINES.id: {"lines": [{"sku": "TEA-1", "quantity": 1}], "reason": "arrived open"},
}
QUERIES: dict[str, str] = {LIST_READINGS.id: "?device=pump-7", LIST_LATEST_READINGS.id: "?device=pump-7"}
STEPS_BEFORE: dict[str, tuple[Callable[[Order], None], ...]] = {
    SHIP_ORDER.id: STEPS[:1],
    DELIVER_ORDER.id: STEPS[:2],
    RETURN_ORDER_LINES.id: STEPS[:3],
}
"""What must have happened to an order for the operation to be possible."""


@dataclass
class Caller:
    """Calls an operation rightly, but for what a test changes; what it acts on is made ready for it first."""

    api: CheckedClient
    order: Answer
    product: Answer
    device: Answer
    message_id: str
    """A dead letter's, where the operation needs one."""
    payment_id: str
    """The same for a payment's."""
    saga_tag: str
    """That of the order's saga, where the operation needs one."""
    reject_id: str = NOBODYS_ID
    """The same for a reject's."""
    intake_id: str = NOBODYS_ID
    """The same for an intake's."""
    order_version: int = 1
    is_ready: bool = False

    def __post_init__(self) -> None:
        self.order_id, self.device_id = self.order.json["id"], self.device.json["id"]

    def make_ready(self, operation: Operation) -> None:
        """Done once."""
        if not self.is_ready:
            self.is_ready = True
            self.order, self.product = made_ready(self.api, operation, self.order, self.product)
            if operation is RESTORE_DEVICE:
                path, tag = self.device.headers["Location"], self.device.headers["ETag"]
                self.device = self.api.delete(path, if_match=tag)

    def tag(self, operation: Operation) -> str:
        """The current tag of what the operation acts on."""
        self.make_ready(operation)
        if "saga_id" in operation.path:
            return self.saga_tag
        if "device_id" in operation.path:
            return self.device.headers["ETag"]
        if "order_id" in operation.path:
            return self.order.headers["ETag"].replace('-1"', f'-{self.order_version}"')
        return self.product.headers["ETag"]

    def __call__(
        self, operation: Operation, *, client: CheckedClient | None = None, **changes: Any
    ) -> Answer:
        """Names of the address, `query`, `raw` and headers may be changed; a header of None is left out."""
        tag = self.tag(operation)
        path = operation.path.format(
            sku=changes.pop("sku", "TEA-1"),
            order_id=changes.pop("order_id", self.order_id),
            device_id=changes.pop("device_id", self.device_id),
            message_id=changes.pop("message_id", self.message_id),
            saga_id=changes.pop("saga_id", self.saga_tag.strip('"').rpartition("-")[0]),
            payment_id=changes.pop("payment_id", self.payment_id),
            reject_id=changes.pop("reject_id", self.reject_id),
            intake_id=changes.pop("intake_id", self.intake_id),
            customer_ref="c-17",
        )
        headers: dict[str, Any] = {}
        if operation.needs_key:
            headers["idempotency_key"] = "another"
        if operation.needs_version:
            headers["if_match"] = tag
        query, raw = changes.pop("query", QUERIES.get(operation.id, "")), changes.pop("raw", None)
        headers = {name: value for name, value in {**headers, **changes}.items() if value is not None}
        client = client or self.api
        if operation.body is None and not operation.media_types:
            return client.call(operation.method, path + query, raw or b"", **headers)
        if raw is not None:
            return client.call(operation.method, path + query, raw, **headers)
        send = client.post if operation.method == "POST" else client.patch
        return send(path + query, BODIES[operation.id], **headers)
