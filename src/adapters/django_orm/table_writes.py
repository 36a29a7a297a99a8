"""Rows to INSERT and UPDATE statements: what an aggregate's state looks like in each table that holds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from adapters.row_mapping.deletions import DELETION_COLUMNS
from adapters.row_mapping.orders import order_lines_to_rows, order_to_row
from adapters.row_mapping.payments import payment_to_row
from adapters.row_mapping.products import product_to_row
from adapters.row_mapping.sagas import saga_to_row
from adapters.row_mapping.stock_items import reservations_to_rows, stock_item_to_row
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


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and its parameters."""

    sql: str
    params: tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateTable:
    """The table of an aggregate's own row: its name, and the columns that change."""

    name: str
    changing: tuple[str, ...]


PRODUCT_TABLE: Final = AggregateTable(
    name="product", changing=("version", "name", "updated_at", *DELETION_COLUMNS)
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


def order_statements(
    tenant_id: UUID, order: Order, stored_version: int, events: Iterable[Event]
) -> tuple[Statement, ...]:
    """Write the order over its `stored_version`; its lines with its first version, then what came back of them.

    The order's row is written first: whoever was refused there, or waits there, writes no line. A deletion marks
    the live lines; a restoration clears the mark of exactly that deletion (D3).
    """
    row = order_to_row(order)
    if stored_version > 0:
        own = _update(ORDER_TABLE, Order.kind, tenant_id, row, stored_version)
        return (
            own,
            *_returned_pieces(tenant_id, order, events),
            *_line_marks(tenant_id, order.id, events),
        )
    return (
        _insert(ORDER_TABLE.name, tenant_id, [row]),
        _insert("order_line", tenant_id, order_lines_to_rows(order)),
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


def payment_statements(
    tenant_id: UUID, payment: Payment, stored_version: int, events: Iterable[Event]
) -> tuple[Statement, ...]:
    """Write the payment over its `stored_version`, and whose each new refund is."""
    row = payment_to_row(payment)
    if stored_version > 0:
        own = _update(PAYMENT_TABLE, Payment.kind, tenant_id, row, stored_version)
    else:
        own = _insert(PAYMENT_TABLE.name, tenant_id, [row])
    new = [
        {"refund_id": event.refund_id, "payment_id": payment.id}
        for event in events
        if isinstance(event, PaymentRefundRequested)
    ]
    return (own, *([_insert("refund_payment", tenant_id, new)] if new else []))


def saga_statements(tenant_id: UUID, saga: Saga, stored_version: int) -> tuple[Statement, ...]:
    """Write the saga over its `stored_version`; the relay looks at it when it is due."""
    row = {**saga_to_row(saga), "wake_at": saga.due_at}
    if stored_version > 0:
        return (_update(SAGA_TABLE, Saga.kind, tenant_id, row, stored_version),)
    return (_insert(SAGA_TABLE.name, tenant_id, [row]),)


def product_statements(tenant_id: UUID, product: Product, stored_version: int) -> tuple[Statement, ...]:
    """Write the product over its `stored_version`."""
    row = product_to_row(product)
    if stored_version > 0:
        return (_update(PRODUCT_TABLE, Product.kind, tenant_id, row, stored_version),)
    return (_insert(PRODUCT_TABLE.name, tenant_id, [row]),)


def stock_item_statements(
    tenant_id: UUID, item: StockItem, stored_version: int, events: Iterable[Event]
) -> tuple[Statement, ...]:
    """Write the stock item over its `stored_version`, and those reservations that the events touch."""
    row = stock_item_to_row(item)
    if stored_version > 0:
        own = _update(STOCK_ITEM_TABLE, StockItem.kind, tenant_id, row, stored_version)
    else:
        own = _insert(STOCK_ITEM_TABLE.name, tenant_id, [row])
    touched = {
        event.order_id for event in events if isinstance(event, StockReserved | StockReleased | StockSold)
    }
    if not touched:
        return (own,)
    removed = Statement(
        "DELETE FROM stock_reservation WHERE tenant_id = %s AND stock_item_id = %s AND order_id = ANY(%s)",
        (tenant_id, item.id, sorted(touched)),
    )
    held = [reservation for reservation in reservations_to_rows(item) if reservation["order_id"] in touched]
    return (own, removed, *([_insert("stock_reservation", tenant_id, held)] if held else []))


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


# Names of tables and columns in the statements below are constants of this package and keys of its row
# mapping.


def _insert(table: str, tenant_id: UUID, rows: Sequence[Mapping[str, Any]]) -> Statement:
    columns = tuple(rows[0])
    values = ", ".join([f"(%s{', %s' * len(columns)})"] * len(rows))
    return Statement(
        f"INSERT INTO {table} (tenant_id, {', '.join(columns)}) VALUES {values}",  # noqa: S608
        tuple(value for row in rows for value in (tenant_id, *row.values())),
    )


def _update(
    table: AggregateTable, kind: str, tenant_id: UUID, row: Mapping[str, Any], stored_version: int
) -> Statement:
    changes = ", ".join(f"{column} = %s" for column in table.changing)
    return Statement(
        f"WITH written AS (UPDATE {table.name} SET {changes}"  # noqa: S608
        " WHERE tenant_id = %s AND id = %s AND version = %s RETURNING 1)"
        " SELECT require_written((SELECT count(*) FROM written), %s, %s)",
        (
            *(row[column] for column in table.changing),
            tenant_id,
            row["id"],
            stored_version,
            kind,
            row["id"],
        ),
    )
