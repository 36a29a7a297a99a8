"""What an aggregate's state looks like in each table that holds it, as writes of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from adapters.django_orm.row_writes import AggregateTable, Delete, Insert, RowWrite, Statement, Update
from adapters.row_mapping.deletions import DELETION_COLUMNS
from adapters.row_mapping.devices import device_to_row
from adapters.row_mapping.intakes import COUNTS, intake_to_row
from adapters.row_mapping.orders import order_lines_to_rows, order_to_row
from adapters.row_mapping.payments import payment_to_row
from adapters.row_mapping.products import product_to_row
from adapters.row_mapping.sagas import saga_to_row
from adapters.row_mapping.stock_items import reservations_to_rows, stock_item_to_row
from application.ports.sagas import SAGA_LEASE_S
from domain.event import Event
from domain.inventory.events import StockReleased, StockReserved, StockSold
from domain.inventory.product import Product
from domain.inventory.stock_item import StockItem
from domain.orders.events import OrderReturned
from domain.orders.order import Order
from domain.payments.events import PaymentRefundRequested
from domain.payments.payment import Payment
from domain.saga.saga import Saga
from domain.soft_deletion import Deleted, Restored
from domain.telemetry.device import Device
from domain.telemetry.intake import Intake

PRODUCT_TABLE: Final = AggregateTable(
    name="product", changing=("version", "name", "updated_at", *DELETION_COLUMNS)
)
DEVICE_TABLE: Final = AggregateTable(
    name="device", changing=("version", "description", "updated_at", *DELETION_COLUMNS)
)
INTAKE_TABLE: Final = AggregateTable(
    name="intake",
    changing=("version", "status", *COUNTS, "refusal_code", "refusal_detail", "faults", "updated_at"),
)
STOCK_ITEM_TABLE: Final = AggregateTable(
    name="stock_item",
    changing=(
        "version",
        "on_hand",
        "reserved",
        "sold",
        "received",
        "adjusted",
        "updated_at",
        *DELETION_COLUMNS,
    ),
)
ORDER_TABLE: Final = AggregateTable(
    name="customer_order",
    changing=(
        "version",
        "status",
        "payment_method",
        "note",
        "address",
        "cancel_reason",
        "updated_at",
        *DELETION_COLUMNS,
    ),
)


def order_writes(
    tenant_id: UUID, order: Order, stored_version: int, events: Iterable[Event]
) -> tuple[RowWrite, ...]:
    """Write the order over its `stored_version`; its lines with its first version, then what came back of them.

    The order's row is written first: whoever was refused there, or waits there, writes no line. A deletion marks
    the live lines; a restoration clears the mark of exactly that deletion (D3).
    """
    row = order_to_row(order)
    if stored_version > 0:
        return (
            Update(ORDER_TABLE, Order.kind, row, stored_version),
            *_returned_pieces(tenant_id, order, events),
            *_line_marks(tenant_id, order.id, events),
        )
    return (
        Insert(ORDER_TABLE.name, row),
        *(Insert("order_line", line) for line in order_lines_to_rows(order)),
    )


PAYMENT_TABLE: Final = AggregateTable(
    name="payment",
    changing=("version", "status", "gateway_id", "decline_reason", "refunded_minor", "refunds", "updated_at"),
)
SAGA_TABLE: Final = AggregateTable(
    name="saga",
    changing=(
        "version",
        "status",
        "position",
        "reason",
        "steps",
        "needs_repair",
        "doubt_since",
        "due_at",
        "updated_at",
        "wake_at",
    ),
)
_LEASED_UNTIL: Final = f"clock_timestamp() + interval '{SAGA_LEASE_S} seconds'"
HELD_SAGA_TABLE: Final = replace(
    SAGA_TABLE,
    changing=tuple(column for column in SAGA_TABLE.changing if column != "wake_at"),
    also=f"leased_until = {_LEASED_UNTIL}, wake_at = {_LEASED_UNTIL}",
)
"""Who writes it goes on with it."""
FREED_SAGA_TABLE: Final = replace(SAGA_TABLE, also="leased_until = NULL")
"""Who writes it gives it back."""


def payment_writes(payment: Payment, stored_version: int, events: Iterable[Event]) -> tuple[RowWrite, ...]:
    """Write the payment over its `stored_version`, and whose each new refund is."""
    row = payment_to_row(payment)
    own: RowWrite = Insert(PAYMENT_TABLE.name, row)
    if stored_version > 0:
        own = Update(PAYMENT_TABLE, Payment.kind, row, stored_version)
    return (
        own,
        *(
            Insert("refund_payment", {"refund_id": event.refund_id, "payment_id": payment.id})
            for event in events
            if isinstance(event, PaymentRefundRequested)
        ),
    )


def saga_writes(saga: Saga, stored_version: int, table: AggregateTable = SAGA_TABLE) -> tuple[RowWrite, ...]:
    """Write the saga over its `stored_version`; the relay looks at it when it is due."""
    row = {**saga_to_row(saga), "wake_at": saga.due_at}
    if stored_version > 0:
        return (Update(table, Saga.kind, row, stored_version),)
    return (Insert(SAGA_TABLE.name, row),)


def product_writes(product: Product, stored_version: int) -> tuple[RowWrite, ...]:
    """Write the product over its `stored_version`."""
    row = product_to_row(product)
    if stored_version > 0:
        return (Update(PRODUCT_TABLE, Product.kind, row, stored_version),)
    return (Insert(PRODUCT_TABLE.name, row),)


def device_writes(device: Device, stored_version: int) -> tuple[RowWrite, ...]:
    """Write the device over its `stored_version`."""
    row = device_to_row(device)
    if stored_version > 0:
        return (Update(DEVICE_TABLE, Device.kind, row, stored_version),)
    return (Insert(DEVICE_TABLE.name, row),)


def intake_writes(intake: Intake, stored_version: int) -> tuple[RowWrite, ...]:
    """Write the intake over its `stored_version`; its body is written apart."""
    row = intake_to_row(intake)
    if stored_version > 0:
        return (Update(INTAKE_TABLE, Intake.kind, row, stored_version),)
    return (Insert(INTAKE_TABLE.name, row),)


def stock_item_writes(item: StockItem, stored_version: int, events: Sequence[Event]) -> tuple[RowWrite, ...]:
    """Write the stock item over its `stored_version`, and those reservations that the events touch."""
    row = stock_item_to_row(item)
    if stored_version > 0:
        own: RowWrite = Update(STOCK_ITEM_TABLE, StockItem.kind, row, stored_version)
    else:
        own = Insert(STOCK_ITEM_TABLE.name, row)
    came = {event.order_id for event in events if isinstance(event, StockReserved)}
    went = sorted({event.order_id for event in events if isinstance(event, StockReleased | StockSold)})
    held = [reservation for reservation in reservations_to_rows(item) if reservation["order_id"] in came]
    return (
        own,
        *(Delete("stock_reservation", ("stock_item_id", "order_id"), (item.id, order)) for order in went),
        *(Insert("stock_reservation", reservation) for reservation in held),
    )


def _returned_pieces(tenant_id: UUID, order: Order, events: Iterable[Event]) -> tuple[Statement, ...]:
    touched = {line.number for event in events if isinstance(event, OrderReturned) for line in event.lines}
    if not touched:
        return ()
    lines = [line for line in order_lines_to_rows(order) if line["number"] in touched]
    return (
        Statement(
            "UPDATE order_line l SET returned = n.returned"
            " FROM unnest(%s::integer[], %s::integer[]) AS n (number, returned)"
            " WHERE l.tenant_id = %s AND l.order_id = %s AND l.number = n.number",
            (
                [line["number"] for line in lines],
                [line["returned"] for line in lines],
                tenant_id,
                order.id,
            ),
        ),
    )


def _line_marks(tenant_id: UUID, order_id: UUID, events: Iterable[Event]) -> Iterator[Statement]:
    for event in events:
        match event:
            case Deleted():
                yield Statement(
                    "UPDATE order_line SET deleted_at = %s, deletion_id = %s, deleted_by = %s,"
                    " deletion_reason = %s WHERE tenant_id = %s AND order_id = %s AND deleted_at IS NULL",
                    (event.occurred_at, event.deletion_id, event.actor, event.reason, tenant_id, order_id),
                )
            case Restored():
                yield Statement(
                    "UPDATE order_line SET deleted_at = NULL, deletion_id = NULL, deleted_by = NULL,"
                    " deletion_reason = NULL WHERE tenant_id = %s AND order_id = %s AND deletion_id = %s",
                    (tenant_id, order_id, event.deletion_id),
                )
