"""The API as a table: every operation of every resource.

The views take their checks from it and the OpenAPI document is written from it, so the two can't differ.
"""

from __future__ import annotations

from typing import Final

from entrypoints.http_messages.ops_operations import LIST_DEAD_LETTERS, READ_LAG, REPLAY_DEAD_LETTER
from entrypoints.http_messages.order_operations import (
    AMEND_ORDER,
    CANCEL_ORDER,
    DELETE_ORDER,
    DELIVER_ORDER,
    LIST_CUSTOMER_ORDERS,
    LIST_ORDER_EVENTS,
    LIST_ORDERS,
    PLACE_ORDER,
    READ_ORDER,
    RESTORE_ORDER,
    RETURN_ORDER_LINES,
    SHIP_ORDER,
)
from entrypoints.http_messages.payment_operations import (
    LIST_ORDER_PAYMENTS,
    PAY_AGAIN,
    READ_PAYMENT,
    REFUND_PAYMENT,
)
from entrypoints.http_messages.product_operations import (
    ADJUST_STOCK,
    CREATE_PRODUCT,
    DELETE_PRODUCT,
    LIST_PRODUCTS,
    READ_PRODUCT,
    READ_STOCK,
    RECEIVE_STOCK,
    RENAME_PRODUCT,
    RESTORE_PRODUCT,
)
from entrypoints.http_messages.saga_operations import (
    COMPENSATE_SAGA,
    LIST_LATE_REPLIES,
    LIST_SAGAS,
    READ_ORDER_SAGA,
    READ_SAGA,
    RETRY_SAGA_STEP,
    SKIP_SAGA_STEP,
)

OPERATIONS: Final = (
    LIST_PRODUCTS, CREATE_PRODUCT, READ_PRODUCT, RENAME_PRODUCT, DELETE_PRODUCT, RESTORE_PRODUCT,
    READ_STOCK, RECEIVE_STOCK, ADJUST_STOCK,
    LIST_ORDERS, PLACE_ORDER, READ_ORDER, AMEND_ORDER, CANCEL_ORDER, SHIP_ORDER, DELIVER_ORDER,
    RETURN_ORDER_LINES, DELETE_ORDER, RESTORE_ORDER, LIST_ORDER_EVENTS, LIST_CUSTOMER_ORDERS,
    PAY_AGAIN, LIST_ORDER_PAYMENTS, READ_PAYMENT, REFUND_PAYMENT,
    READ_ORDER_SAGA, LIST_SAGAS, READ_SAGA, RETRY_SAGA_STEP, SKIP_SAGA_STEP, COMPENSATE_SAGA, LIST_LATE_REPLIES,
    READ_LAG, LIST_DEAD_LETTERS, REPLAY_DEAD_LETTER,
)  # fmt: skip
