"""What is asked of each field of a body, with words and examples for the OpenAPI document.

A field of a command that is not listed here never comes from a body.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Meta

from domain.inventory.product import NAME_LENGTH_MAX, SKU_LENGTH_MAX, SKU_PATTERN
from domain.inventory.stock_item import MOVE_QUANTITY_MAX
from domain.inventory.stock_item import REASON_LENGTH_MAX as ADJUST_REASON_LENGTH_MAX
from domain.money import AMOUNT_PATTERN, CURRENCIES
from domain.orders.order import (
    ADDRESS_LENGTH_MAX,
    CANCEL_REASON_LENGTH_MAX,
    CUSTOMER_REF_LENGTH_MAX,
    EMAIL_LENGTH_MAX,
    LINES_MAX,
    NOTE_LENGTH_MAX,
    PAYMENT_METHOD_LENGTH_MAX,
    QUANTITY_MAX,
    REFERENCE_LENGTH_MAX,
    RETURN_REASON_LENGTH_MAX,
)
from domain.payments.refund import REFUND_REASON_LENGTH_MAX
from domain.saga.definition import NAME_LENGTH_MAX as STEP_NAME_LENGTH_MAX
from domain.saga.saga import TEXT_LENGTH_MAX as SAGA_TEXT_LENGTH_MAX
from domain.telemetry.device import DESCRIPTION_LENGTH_MAX
from domain.telemetry.reading import DEVICE_NAME_LENGTH_MAX

_NO_NUL: Final = {"pattern": "^[^\\u0000]*$"}


def _text(description: str, length_max: int, *, length_min: int = 1) -> Meta:
    return Meta(
        min_length=length_min, max_length=length_max, description=description, extra_json_schema=_NO_NUL
    )


_SKU: Final = Meta(
    min_length=1,
    max_length=SKU_LENGTH_MAX,
    pattern=SKU_PATTERN,
    description="The product's SKU; it never changes.",
)

_SAGA_STEP: Final = _text("The parked step, by its name.", STEP_NAME_LENGTH_MAX)
_REPAIR_REASON: Final = _text("Why, for those who read the journal later.", SAGA_TEXT_LENGTH_MAX)

RULES: Final[dict[str, Meta]] = {
    "CreateProduct.sku": _SKU,
    "CreateProduct.name": _text("What people call it.", NAME_LENGTH_MAX),
    "RenameProduct.name": _text("Its name from now on; null or left out: as it is.", NAME_LENGTH_MAX),
    "ReceiveStock.quantity": Meta(ge=1, le=MOVE_QUANTITY_MAX, description="Pieces that came in."),
    "AdjustStock.delta": Meta(
        ge=-MOVE_QUANTITY_MAX,
        le=MOVE_QUANTITY_MAX,
        description="Pieces more (or, negative, fewer) than the books say; not 0.",
        extra_json_schema={"not": {"const": 0}},
    ),
    "AdjustStock.reason": _text("Why, for those who read the books later.", ADJUST_REASON_LENGTH_MAX),
    "PlaceOrderLine.sku": _SKU,
    "PlaceOrderLine.quantity": Meta(ge=1, le=QUANTITY_MAX, description="Pieces."),
    "PlaceOrderLine.unit_price": Meta(
        pattern=AMOUNT_PATTERN,
        description="Price of one piece, in the order's currency, with no more decimals than that has.",
    ),
    "PlaceOrder.customer_ref": _text("The caller's own name for the customer.", CUSTOMER_REF_LENGTH_MAX),
    "PlaceOrder.currency": Meta(
        min_length=3,
        max_length=3,
        description="ISO 4217 code.",
        extra_json_schema={"enum": sorted(CURRENCIES)},
    ),
    "PlaceOrder.lines": Meta(min_length=1, max_length=LINES_MAX, description="What is ordered."),
    "PlaceOrder.payment_method": _text("The payment provider's token.", PAYMENT_METHOD_LENGTH_MAX),
    "PlaceOrder.reference": _text(
        "The caller's own number of the order; no two orders have the same.", REFERENCE_LENGTH_MAX
    ),
    "PlaceOrder.note": _text("Anything.", NOTE_LENGTH_MAX, length_min=0),
    "PlaceOrder.address": _text("Where to.", ADDRESS_LENGTH_MAX, length_min=0),
    "PlaceOrder.email": _text("Whom to tell.", EMAIL_LENGTH_MAX),
    "PlaceOrder.ordered_at": Meta(
        tz=True, description="Dates an imported order in reports; needs the scope orders:import."
    ),
    "AmendOrder.note": _text("Anything; null or left out: as it is.", NOTE_LENGTH_MAX, length_min=0),
    "AmendOrder.address": _text("Where to; null or left out: as it is.", ADDRESS_LENGTH_MAX, length_min=0),
    "CancelOrder.reason": _text("Why.", CANCEL_REASON_LENGTH_MAX),
    "PayAgain.payment_method": _text("The payment provider's token.", PAYMENT_METHOD_LENGTH_MAX),
    "RefundPayment.amount": Meta(
        pattern=AMOUNT_PATTERN, description="In the payment's currency; null or left out: whatever is left."
    ),
    "RefundPayment.reason": _text("Why.", REFUND_REASON_LENGTH_MAX, length_min=0),
    "ReturnOrderLines.lines": Meta(min_length=1, max_length=LINES_MAX, description="What came back."),
    "ReturnOrderLines.reason": _text("Why.", RETURN_REASON_LENGTH_MAX),
    "ReturnOrderLines.restock": Meta(description="Whether the goods can be sold again and go back to stock."),
    "ReturnOrderLine.sku": _SKU,
    "ReturnOrderLine.quantity": Meta(ge=1, le=QUANTITY_MAX, description="Pieces."),
    "RetrySagaStep.step": _SAGA_STEP,
    "RetrySagaStep.reason": _REPAIR_REASON,
    "SkipSagaStep.step": _SAGA_STEP,
    "SkipSagaStep.reason": _REPAIR_REASON,
    "CompensateSaga.reason": _REPAIR_REASON,
    "RegisterDevice.name": _text(
        "What readings call it; it never changes, and no two devices have the same.", DEVICE_NAME_LENGTH_MAX
    ),
    "RegisterDevice.description": _text("Anything.", DESCRIPTION_LENGTH_MAX, length_min=0),
    "DescribeDevice.description": _text(
        "Anything; null or left out: as it is.", DESCRIPTION_LENGTH_MAX, length_min=0
    ),
}

EXAMPLES: Final[dict[str, tuple[dict[str, Any], ...]]] = {
    "CreateProduct": ({"sku": "TEA-1", "name": "Tea"},),
    "RenameProduct": ({"name": "Green tea"},),
    "ReceiveStock": ({"quantity": 100},),
    "AdjustStock": ({"delta": -2, "reason": "two were broken"},),
    "PlaceOrder": (
        {
            "customer_ref": "c-17",
            "currency": "EUR",
            "lines": [{"sku": "TEA-1", "quantity": 2, "unit_price": "4.20"}],
            "payment_method": "tok_visa",
        },
    ),
    "AmendOrder": ({"note": "ring twice", "address": "1 Canal Street"},),
    "PayAgain": ({"payment_method": "tok_visa"},),
    "RefundPayment": ({"amount": "4.20", "reason": "arrived broken"}, {}),
    "ReturnOrderLines": ({"lines": [{"sku": "TEA-1", "quantity": 1}], "reason": "arrived open"},),
    "RetrySagaStep": ({"step": "capture", "reason": "the gateway knows us again"},),
    "SkipSagaStep": ({"step": "notify", "reason": "told by telephone"},),
    "CompensateSaga": ({"reason": "the customer rang"},),
    "CancelOrder": ({"reason": "ordered by mistake"},),
    "RegisterDevice": ({"name": "pump-7", "description": "in the cellar"},),
    "DescribeDevice": ({"description": "in the attic"},),
}
