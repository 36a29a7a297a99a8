"""The API as a table: every operation of every resource.

The views take their checks from it and the OpenAPI document is written from it, so the two can't differ.
"""

from __future__ import annotations

from typing import Final

from entrypoints.http_messages.device_operations import DEVICE_OPERATIONS
from entrypoints.http_messages.ingest_operations import INGEST_OPERATIONS
from entrypoints.http_messages.intake_operations import INTAKE_OPERATIONS
from entrypoints.http_messages.ops_operations import OPS_OPERATIONS
from entrypoints.http_messages.order_operations import ORDER_OPERATIONS
from entrypoints.http_messages.payment_operations import PAYMENT_OPERATIONS
from entrypoints.http_messages.product_operations import PRODUCT_OPERATIONS
from entrypoints.http_messages.reading_operations import READING_OPERATIONS
from entrypoints.http_messages.saga_operations import SAGA_OPERATIONS

OPERATIONS: Final = (
    *PRODUCT_OPERATIONS,
    *ORDER_OPERATIONS,
    *PAYMENT_OPERATIONS,
    *SAGA_OPERATIONS,
    *DEVICE_OPERATIONS,
    *INGEST_OPERATIONS,
    *INTAKE_OPERATIONS,
    *READING_OPERATIONS,
    *OPS_OPERATIONS,
)
